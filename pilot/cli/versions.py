"""`meshpilot version`: ours, the control planes', the proxies'.

In: what is installed; `/version` and `/debug/syncz` of control planes. Out: istioctl's lines, JSON or YAML.
"""

from collections import Counter
from typing import Any

import click

from pilot.cli import tables
from pilot.cli.asking import ADDRESSES, ask, ask_json, each_of
from pilot.version import ISTIO_VERSION, VERSION


@click.command()
@ADDRESSES
@click.option("--remote/--no-remote", default=True, show_default=True, help="ask control planes")
@click.option("-s", "--short", is_flag=True, help="accepted for istioctl's sake: lines are short")
@tables.output_option("text", "json", "yaml", default="text")
def version(addresses: tuple[str, ...], remote: bool, short: bool, output: str) -> None:
    """Shows versions: of this command, of control planes, of proxies."""
    told: dict[str, Any] = {"clientVersion": {"version": VERSION, "istio": ISTIO_VERSION}}
    if output == "text":
        click.echo(f"client version: {VERSION} (Istio {ISTIO_VERSION})")
    if remote:
        _ask(each_of(addresses), told)
    if output != "text":
        tables.dump(told, output)
        return
    if not remote:
        return
    planes = told["meshVersion"]
    texts = {each["version"] for each in planes}
    for each in planes[:1] if len(texts) == 1 else planes:
        label = "control plane" if len(texts) == 1 else each["address"]
        click.echo(f"{label} version: {each['version']}")
    counts = Counter(each["IstioVersion"] for each in told["dataPlaneVersion"])
    proxies = ", ".join(f"{name or 'unknown'} ({count} proxies)" for name, count in sorted(counts.items()))
    click.echo(f"data plane version: {proxies or 'none'}")


def _ask(addresses: list[str], told: dict[str, Any]) -> None:
    """Raises: click.ClickException."""
    told["meshVersion"] = [{"address": each, "version": ask(each, "version").partition("-")[0]} for each in addresses]
    told["dataPlaneVersion"] = [
        {"ID": proxy["proxy"], "IstioVersion": proxy.get("istio_version", "")}
        for each in addresses
        for proxy in ask_json(each, "debug/syncz")
    ]
