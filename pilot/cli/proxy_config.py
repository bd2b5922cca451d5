"""`meshpilot proxy-config`: what a proxy has, or is to have.

In: a running Envoy's admin port (`--envoy`), a file with its dump (`--file`), or the control plane (`--address`, with
the name of a connected proxy). Out: istioctl's tables, JSON or YAML. Source: operations 17.
"""

import json
import pathlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from pilot.cli import envoy_dump, secret_rows, tables
from pilot.cli.asking import ENVOY, MONITORING, ask, ask_json
from pilot.cli.envoy_dump import Json, Row


@click.group(name="proxy-config")
def proxy_config() -> None:
    """Shows what a proxy has (--envoy, --file) or is to have (PROXY at the control plane)."""


def _source(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where a dump comes from."""
    for option in (
        click.argument("proxy", default=""),
        click.option("--address", default=MONITORING, show_default=True, help="monitoringAddr of the control plane"),
        click.option("--envoy", default="", help=f"ask this Envoy's admin port instead, e.g. {ENVOY}"),
        click.option("--file", "file", type=click.File(), help="read this dump instead; -: standard input"),
        tables.output_option("table", "json", "yaml"),
    ):
        command = option(command)
    return command


def read_dump(proxy: str, address: str, envoy: str, file: Any) -> Json:
    """The dump. Raises: click.ClickException."""
    if file is not None:
        try:
            return json.load(file)
        except ValueError as error:
            raise click.ClickException(f"{file.name}: expected the JSON of a dump: {error}") from error
    if envoy:
        return ask_json(envoy, "config_dump", {"include_eds": ""})
    if not proxy:
        raise click.UsageError("name a PROXY that is connected, or give --envoy or --file")
    return ask_json(address, "debug/config_dump", {"proxyID": proxy, "include_eds": ""})


def _shown(
    output: str, columns: Sequence[str], rows: Callable[[Json], list[Row]], part: Callable[[Json], Any], found: Json
) -> None:
    if output == "table":
        tables.show(columns, rows(found))
    else:
        tables.dump(part(found), output)


def _command(
    name: str, summary: str, columns: Sequence[str], rows: Callable[[Json], list[Row]], part: Callable[[Json], Any]
) -> None:
    """One command of the group."""

    @proxy_config.command(name=name, help=summary)
    @_source
    def show(proxy: str, address: str, envoy: str, file: Any, output: str) -> None:
        _shown(output, columns, rows, part, read_dump(proxy, address, envoy, file))


def _section(name: str) -> Callable[[Json], Any]:
    return lambda found: envoy_dump.sections(found).get(name, {})


_command("clusters", "Clusters.", envoy_dump.CLUSTERS, envoy_dump.cluster_rows, envoy_dump.clusters)
_command(
    "listeners",
    "Listeners, one row a filter chain.",
    envoy_dump.LISTENERS,
    envoy_dump.listener_rows,
    envoy_dump.listeners,
)
_command("routes", "Routes.", envoy_dump.ROUTES, envoy_dump.route_rows, envoy_dump.route_tables)
_command(
    "ecds", "Filters that come over ECDS.", envoy_dump.EXTENSIONS, envoy_dump.extension_rows, _section("EcdsConfigDump")
)
_command(
    "secrets",
    "Certificates and roots.",
    secret_rows.SECRETS,
    lambda found: secret_rows.secret_rows(found, datetime.now(UTC)),
    _section("SecretsConfigDump"),
)


@proxy_config.command()
@_source
def endpoints(proxy: str, address: str, envoy: str, file: Any, output: str) -> None:
    """Endpoints; of a running Envoy with what it thinks of them."""
    if envoy and file is None:
        statuses = ask_json(envoy, "clusters", {"format": "json"})
        _shown(output, envoy_dump.ENDPOINTS, envoy_dump.host_rows, lambda found: found, statuses)
        return
    found = read_dump(proxy, address, envoy, file)
    _shown(output, envoy_dump.ENDPOINTS, envoy_dump.endpoint_rows, _section("EndpointsConfigDump"), found)


@proxy_config.command()
@click.option("--envoy", default=ENVOY, show_default=True, help="admin port of the Envoy")
@click.option("--file", "file", type=click.File(), help="read this dump instead; -: standard input")
@tables.output_option("json", "yaml", "short", default="json")
def bootstrap(envoy: str, file: Any, output: str) -> None:
    """What an Envoy was started with."""
    found = envoy_dump.sections(read_dump("", "", envoy, file)).get("BootstrapConfigDump", {})
    if output != "short":
        tables.dump(found, output)
        return
    node = found.get("bootstrap", {}).get("node", {})
    metadata = node.get("metadata", {})
    version = node.get("user_agent_build_version", {}).get("version", {})
    envoy_version = ".".join(str(version.get(part, 0)) for part in ("major_number", "minor_number", "patch"))
    for label, value in (
        ("Istio Version", metadata.get("ISTIO_VERSION", "")),
        ("Istio Proxy Version", metadata.get("ISTIO_PROXY_SHA", "")),
        ("Envoy Version", envoy_version if version else ""),
    ):
        click.echo(f"{label}: {value}")


@proxy_config.command()
@click.option("--envoy", default=ENVOY, show_default=True, help="admin port of the Envoy")
@click.option("--level", "levels", default="", help="level, or logger:level,... to change")
@click.option("-r", "--reset", is_flag=True, help="back to warning")
@tables.output_option("short", "json", "yaml", default="short")
def log(envoy: str, levels: str, reset: bool, output: str) -> None:
    """Log levels of an Envoy, and changes them."""
    for each in filter(None, ["warning" if reset else "", *levels.split(",")]):
        logger, _, level = each.rpartition(":")
        ask(envoy, "logging", {logger or "level": level}, method="POST")
    text = ask(envoy, "logging", method="POST")
    found = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    if output == "short":
        click.echo(text, nl=False)
    else:
        tables.dump(found, output)


def load(path: pathlib.Path) -> Json:
    """A dump in a file. Raises: click.ClickException."""
    with path.open() as file:
        return read_dump("", "", "", file)
