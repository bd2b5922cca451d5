"""`meshpilot remote-clusters`: the clusters that control planes read, and how that goes.

In: their debug pages. Out: istioctl's table, JSON or YAML. Exit code 1 where one of them does not answer.
"""

from typing import Any

import click

from pilot.cli import tables
from pilot.cli.asking import ADDRESSES, ask_json, each_of, name_of

_COLUMNS = ("NAME", "SECRET", "STATUS", "ISTIOD")


@click.command(name="remote-clusters")
@ADDRESSES
@tables.output_option("table", "json", "yaml")
def remote_clusters(addresses: tuple[str, ...], output: str) -> None:
    """Shows the clusters that are read: their secrets, and whether they are in sync."""
    found: list[dict[str, Any]] = [
        {**each, "istiod": name_of(address)}
        for address in each_of(addresses)
        for each in ask_json(address, "debug/clusterz")
    ]
    if output != "table":
        tables.dump(found, output)
        return
    rows = [(each["id"], each["secretName"], each["syncStatus"], each["istiod"]) for each in found]
    tables.show(_COLUMNS, sorted(rows))
