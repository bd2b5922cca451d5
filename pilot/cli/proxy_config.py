"""`meshpilot proxy-config`: what a proxy has, or is to have.

In: a running Envoy's admin port (`--envoy`), a file with its dump (`--file`), or the control plane (`--address`, with
the name of a connected proxy). Out: istioctl's tables, JSON or YAML. Source: operations 17.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from pilot.cli import dump_filters, envoy_dump, secret_rows, tables
from pilot.cli.aliases import AliasedGroup
from pilot.cli.asking import ADDRESS, ENVOY, ask, ask_json, complete_proxy, read_dump_file
from pilot.cli.envoy_dump import Json, Row

_FORMS: Final = {
    "c": "clusters", "cluster": "clusters",
    "l": "listeners", "listener": "listeners",
    "r": "routes", "route": "routes",
    "ep": "endpoints", "endpoint": "endpoints",
    "s": "secrets", "secret": "secrets",
    "b": "bootstrap", "ec": "ecds", "o": "log", "a": "all", "es": "envoy-stats", "rc": "rootca-compare",
}  # fmt: skip
"""Other words for the commands, as istioctl takes them."""
_ADMIN: Final = f"admin port, e.g. {ENVOY}, or pod/NAME.NAMESPACE"
Rows = Callable[[Json], list[Row]]
Part = Callable[[Json], Any]
Filter = Callable[[Json, Mapping[str, str]], Json]


@click.group(name="proxy-config", cls=AliasedGroup, forms=_FORMS)
def proxy_config() -> None:
    """Shows what a proxy has (--envoy, --file) or is to have (PROXY at the control plane)."""


def _source(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where a dump comes from."""
    for option in (
        click.argument("proxy", default="", shell_complete=complete_proxy),
        ADDRESS,
        click.option("--envoy", default="", help=f"ask this Envoy instead: {_ADMIN}"),
        click.option("-f", "--file", "file", type=click.File(), help="read this dump instead; -: standard input"),
        tables.output_option("table", "json", "yaml"),
    ):
        command = option(command)
    return command


def read_dump(proxy: str, address: str, envoy: str, file: Any) -> Json:
    """The dump. Raises: click.ClickException."""
    if file is not None:
        return read_dump_file(file)
    if envoy:
        return ask_json(envoy, "config_dump", {"include_eds": ""}, usual=ENVOY)
    if not proxy:
        raise click.UsageError("name a PROXY that is connected, or give --envoy or --file")
    return ask_json(address, "debug/config_dump", {"proxyID": proxy, "include_eds": ""})


def _shown(output: str, columns: Sequence[str], rows: Rows, part: Part, found: Json) -> None:
    if output == "table":
        tables.show(columns, rows(found))
    else:
        tables.dump(part(found), output)


def _section(name: str) -> Part:
    return lambda found: envoy_dump.section(found, name)


def _wanted(**options: str | int | None) -> dict[str, str]:
    return {key: str(value) for key, value in options.items() if value is not None}


_PORT = click.option("--port", type=click.IntRange(0, 65535), help="only of this port")
_VERBOSE = click.option("--verbose/--no-verbose", default=True, show_default=True, help="more columns")


@proxy_config.command()
@_source
@click.option("--fqdn", help="only of this service")
@_PORT
@click.option("--subset", help="only of this subset")
@click.option("--direction", type=click.Choice(["inbound", "outbound"]), help="only in this direction")
def clusters(proxy: str, address: str, envoy: str, file: Any, output: str, **wanted: Any) -> None:
    """Clusters."""
    found = dump_filters.clusters(read_dump(proxy, address, envoy, file), _wanted(**wanted))
    _shown(output, envoy_dump.CLUSTERS, envoy_dump.cluster_rows, envoy_dump.clusters, found)


@proxy_config.command()
@_source
@_PORT
@click.option("--type", "type", type=click.Choice(["HTTP", "TCP", "HTTP+TCP"], False), help="only what takes this")
@_VERBOSE
def listeners(proxy: str, address: str, envoy: str, file: Any, output: str, verbose: bool, **wanted: Any) -> None:
    """Listeners, one row a filter chain."""
    found = dump_filters.listeners(read_dump(proxy, address, envoy, file), _wanted(**wanted))
    columns, rows = (
        (envoy_dump.LISTENERS, envoy_dump.listener_rows)
        if verbose
        else (envoy_dump.SHORT_LISTENERS, envoy_dump.short_listener_rows)
    )
    _shown(output, columns, rows, envoy_dump.listeners, found)


@proxy_config.command()
@_source
@click.option("--name", help="only this table")
@_VERBOSE
def routes(proxy: str, address: str, envoy: str, file: Any, output: str, verbose: bool, **wanted: Any) -> None:
    """Routes."""
    found = dump_filters.routes(read_dump(proxy, address, envoy, file), _wanted(**wanted))
    columns, rows = (
        (envoy_dump.ROUTES, envoy_dump.route_rows)
        if verbose
        else (envoy_dump.SHORT_ROUTES, envoy_dump.short_route_rows)
    )
    _shown(output, columns, rows, envoy_dump.route_tables, found)


@proxy_config.command()
@_source
@click.option("--cluster", help="only of this cluster")
@_PORT
@click.option("--status", help="only with this health, e.g. HEALTHY")
def endpoints(proxy: str, address: str, envoy: str, file: Any, output: str, **wanted: Any) -> None:
    """Endpoints; of a running Envoy with what it thinks of them."""
    if envoy and file is None:
        statuses = dump_filters.hosts(ask_json(envoy, "clusters", {"format": "json"}, usual=ENVOY), _wanted(**wanted))
        _shown(output, envoy_dump.HOSTS, envoy_dump.host_rows, lambda told: told, statuses)
        return
    found = dump_filters.endpoints(read_dump(proxy, address, envoy, file), _wanted(**wanted))
    _shown(output, envoy_dump.ENDPOINTS, envoy_dump.endpoint_rows, _section("EndpointsConfigDump"), found)


@proxy_config.command()
@_source
def secrets(proxy: str, address: str, envoy: str, file: Any, output: str) -> None:
    """Certificates and roots."""
    found = read_dump(proxy, address, envoy, file)
    _shown(output, secret_rows.SECRETS, _secret_rows, _section("SecretsConfigDump"), found)


@proxy_config.command()
@_source
def ecds(proxy: str, address: str, envoy: str, file: Any, output: str) -> None:
    """Filters that come over ECDS."""
    found = read_dump(proxy, address, envoy, file)
    _shown(output, envoy_dump.EXTENSIONS, envoy_dump.extension_rows, _section("EcdsConfigDump"), found)


def _secret_rows(found: Json) -> list[Row]:
    return secret_rows.secret_rows(found, datetime.now(UTC))


_TABLES: Final[tuple[tuple[Sequence[str], Rows], ...]] = (
    (envoy_dump.CLUSTERS, envoy_dump.cluster_rows),
    (envoy_dump.LISTENERS, envoy_dump.listener_rows),
    (envoy_dump.ROUTES, envoy_dump.route_rows),
    (envoy_dump.ENDPOINTS, envoy_dump.endpoint_rows),
    (secret_rows.SECRETS, _secret_rows),
    (envoy_dump.EXTENSIONS, envoy_dump.extension_rows),
)


@proxy_config.command(name="all")
@_source
def everything(proxy: str, address: str, envoy: str, file: Any, output: str) -> None:
    """All of it: clusters, listeners, routes, endpoints, certificates, filters over ECDS; -o json is the dump."""
    found = read_dump(proxy, address, envoy, file)
    if output != "table":
        tables.dump(found, output)
        return
    shown = [(columns, rows(found)) for columns, rows in _TABLES]
    tables.show_all(each for each in shown if each[1])


@proxy_config.command(name="envoy-stats")
@click.option("--envoy", default=ENVOY, show_default=True, help=_ADMIN)
@click.option("-t", "--type", "kind", type=click.Choice(["server", "clusters"]), default="server", show_default=True)
@click.option("--filter", "pattern", default="", help="only statistics whose names match this regular expression")
@tables.output_option("short", "json", "prom", default="short")
def envoy_stats(envoy: str, kind: str, pattern: str, output: str) -> None:
    """Statistics of a running Envoy."""
    forms = {"short": {}, "json": {"format": "json"}, "prom": {"format": "prometheus"}}
    if kind == "clusters" and output == "prom":
        raise click.BadParameter("expected short or json for --type clusters, got prom", param_hint="-o")
    query = forms[output] | ({"filter": pattern} if pattern and kind == "server" else {})
    click.echo(ask(envoy, "stats" if kind == "server" else "clusters", query, usual=ENVOY), nl=False)


@proxy_config.command(name="rootca-compare")
@click.argument("first")
@click.argument("second")
def rootca_compare(first: str, second: str) -> None:
    """Tells whether two Envoys trust the same roots; FIRST, SECOND: admin ports, or files with dumps.

    Exit code 1 where they do not: they cannot speak to each other.
    """
    roots = [secret_rows.roots(_dump_of(each)) for each in (first, second)]
    for where, found in zip((first, second), roots, strict=True):
        if not found:
            raise click.ClickException(f"{where}: there is no root certificate in it")
    if roots[0].isdisjoint(roots[1]):
        raise click.ClickException(f"{first} and {second} have no root in common: mutual TLS between them fails")
    click.echo(f"{first} and {second} have {'the same roots' if roots[0] == roots[1] else 'roots in common'}")


def _dump_of(where: str) -> Json:
    path = pathlib.Path(where)
    return load(path) if path.is_file() else read_dump("", "", where, None)


@proxy_config.command()
@click.option("--envoy", default=ENVOY, show_default=True, help=_ADMIN)
@click.option("-f", "--file", "file", type=click.File(), help="read this dump instead; -: standard input")
@tables.output_option("json", "yaml", "short", default="json")
def bootstrap(envoy: str, file: Any, output: str) -> None:
    """What an Envoy was started with."""
    found = envoy_dump.section(read_dump("", "", envoy, file), "BootstrapConfigDump")
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
@click.option("--envoy", default=ENVOY, show_default=True, help=_ADMIN)
@click.option("--level", "levels", default="", help="level, or logger:level,... to change")
@click.option("-r", "--reset", is_flag=True, help="back to warning")
@tables.output_option("short", "json", "yaml", default="short")
def log(envoy: str, levels: str, reset: bool, output: str) -> None:
    """Log levels of an Envoy, and changes them."""
    for each in filter(None, ["warning" if reset else "", *levels.split(",")]):
        logger, _, level = each.rpartition(":")
        ask(envoy, "logging", {logger or "level": level}, method="POST", usual=ENVOY)
    text = ask(envoy, "logging", method="POST", usual=ENVOY)
    found = dict(line.strip().split(": ", 1) for line in text.splitlines() if ": " in line)
    if output == "short":
        click.echo(text, nl=False)
    else:
        tables.dump(found, output)


def load(path: pathlib.Path) -> Json:
    """A dump in a file. Raises: click.ClickException."""
    with path.open() as file:
        return read_dump("", "", "", file)
