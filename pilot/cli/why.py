"""`meshpilot why`: what a proxy was told lately, and because of what.

In: a running control plane. Out: a table, JSON or YAML; exit code 0 also where nothing was pushed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilot.cli import tables
from pilot.cli.asking import ADDRESS, ask_json, complete_proxy


@click.command()
@click.argument("proxy", default="", shell_complete=complete_proxy)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="events at most")
@tables.output_option("table", "json", "yaml")
@ADDRESS
def why(proxy: str, limit: int, output: str, address: str) -> None:
    """Tells what was pushed lately, to PROXY or to all: event, objects, types, bytes, time; the newest first."""
    found = ask_json(address, "debug/why", {"proxyID": proxy, "limit": str(limit)})
    if output != "table":
        tables.dump(found, output)
    elif not found:
        click.echo("nothing was pushed", err=True)
    else:
        _print(found)


def _print(found: list[Mapping[str, Any]]) -> None:
    table = Table("TIME", "WHY", "OBJECTS", "PROXIES", "TYPES", "BYTES", "SECONDS", box=None, header_style="bold")
    for each in found:
        when = datetime.fromtimestamp(each["time"], UTC).strftime("%H:%M:%S.%f")[:-3]
        types = ", ".join(f"{name} {told['updated']}+{told['removed']}-" for name, told in each["types"].items())
        more = f" and {each['more']} more" if each.get("more") else ""
        objects = ", ".join(each["objects"]) + more
        figures = (types or "nothing differed", str(each["bytes"]), f"{each['seconds']:.3f}")
        table.add_row(when, ",".join(each["reasons"]), escape(objects), str(each["proxies"]), *figures)
    Console(width=tables.width()).print(table)
