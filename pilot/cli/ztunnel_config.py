"""`meshpilot ztunnel-config`: what a ztunnel has, or is to have.

In: a running ztunnel's admin port (`--ztunnel`), a file with its dump (`--file`), or the control plane (`--address`),
which knows workloads, services and policies. Out: istioctl's tables, JSON or YAML. Source: operations 17.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from pilot.cli import tables, ztunnel_dump
from pilot.cli.aliases import AliasedGroup
from pilot.cli.asking import ask, ask_json, read_dump_file
from pilot.cli.ztunnel_dump import Json, Row

_ZTUNNEL: Final = "127.0.0.1:15000"
_ADMIN: Final = "admin port of the ztunnel, or pod/NAME.NAMESPACE"
_FORMS: Final = {
    "w": "workload", "workloads": "workload",
    "svc": "service", "services": "service",
    "p": "policy", "policies": "policy",
    "cert": "certificate", "certs": "certificate", "certificates": "certificate",
    "cons": "connections", "connection": "connections",
}  # fmt: skip
"""Other words for the commands, as istioctl takes them."""
_Rows = Callable[[Json], list[Row]]


@click.group(name="ztunnel-config", cls=AliasedGroup, forms=_FORMS)
def ztunnel_config() -> None:
    """Shows what a ztunnel has (--ztunnel, --file), or what the control plane tells all of them (--address)."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where a dump comes from, and the form of the output."""
    for option in (
        click.option("--ztunnel", default=_ZTUNNEL, show_default=True, help=_ADMIN),
        click.option("--address", default="", help="ask the control plane at its monitoringAddr instead"),
        click.option("-f", "--file", "file", type=click.File(), help="read this dump instead; -: standard input"),
        tables.output_option("table", "json", "yaml"),
    ):
        command = option(command)
    return command


def read_dump(ztunnel: str, address: str, file: Any) -> Json:
    """The dump. Raises: click.ClickException."""
    if file is not None:
        return _checked(read_dump_file(file), file.name)
    if address:
        return ztunnel_dump.from_control_plane(ask_json(address, "debug/ambientz"))
    return _checked(ask_json(ztunnel, "config_dump", usual=_ZTUNNEL), ztunnel)


def _checked(found: Json, place: str) -> Json:
    if not isinstance(found, dict) or not isinstance(found.get("workloads"), list):
        raise click.ClickException(f"{place}: expected the dump of a ztunnel, got one without workloads")
    return found


def _narrowed(found: Json, key: str, namespace: str) -> Json:
    """Only what is in a namespace; all of it for an empty one."""
    return [each for each in found.get(key) or () if namespace in ("", each.get("namespace", ""))]


def _show(found: Json, key: str, columns: Sequence[str], rows: _Rows, output: str) -> None:
    if output == "table":
        tables.show(columns, rows(found))
    else:
        tables.dump(found.get(key, []), output)


@ztunnel_config.command()
@click.option("--workload-namespace", default="", help="only workloads of this namespace")
@click.option("--workload-node", default="", help="only workloads of this node")
@click.option("--workload-address", default="", help="only workloads with this IP address")
@_options
def workload(
    workload_namespace: str,
    workload_node: str,
    workload_address: str,
    ztunnel: str,
    address: str,
    file: Any,
    output: str,
) -> None:
    """Workloads: where they are, behind which waypoint, how they are reached."""
    found = read_dump(ztunnel, address, file)
    kept = [
        each
        for each in _narrowed(found, "workloads", workload_namespace)
        if workload_node in ("", each.get("node", ""))
        and (not workload_address or workload_address in each.get("workloadIps", ()))
    ]
    _show(found | {"workloads": kept}, "workloads", ztunnel_dump.WORKLOADS, ztunnel_dump.workload_rows, output)


@ztunnel_config.command()
@click.option("--service-namespace", default="", help="only services of this namespace")
@_options
def service(service_namespace: str, ztunnel: str, address: str, file: Any, output: str) -> None:
    """Services: addresses, waypoints, healthy endpoints of all."""
    found = read_dump(ztunnel, address, file)
    if output == "table":
        rows = ztunnel_dump.service_rows(found)
        tables.show(ztunnel_dump.SERVICES, [row for row in rows if service_namespace in ("", row[0])])
    else:
        tables.dump(_narrowed(found, "services", service_namespace), output)


@ztunnel_config.command()
@click.option("--policy-namespace", default="", help="only policies of this namespace")
@_options
def policy(policy_namespace: str, ztunnel: str, address: str, file: Any, output: str) -> None:
    """Policies that ztunnels enforce."""
    found = read_dump(ztunnel, address, file)
    found |= {"policies": _narrowed(found, "policies", policy_namespace)}
    _show(found, "policies", ztunnel_dump.POLICIES, ztunnel_dump.policy_rows, output)


@ztunnel_config.command()
@_options
def certificate(ztunnel: str, address: str, file: Any, output: str) -> None:
    """Certificates that a ztunnel holds for its workloads."""
    _need_ztunnel(address, "certificates")
    found = read_dump(ztunnel, address, file)
    _show(found, "certificates", ztunnel_dump.CERTIFICATES, _certificates, output)


@ztunnel_config.command()
@click.option("--workload-namespace", default="", help="only connections of workloads of this namespace")
@click.option(
    "--direction", type=click.Choice(("inbound", "outbound"), case_sensitive=False), help="only connections this way"
)
@click.option("--raw", is_flag=True, help="addresses, not names")
@_options
def connections(
    workload_namespace: str,
    direction: str | None,
    raw: bool,
    ztunnel: str,
    address: str,
    file: Any,
    output: str,
) -> None:
    """Connections that a ztunnel carries now."""
    _need_ztunnel(address, "connections")
    found = read_dump(ztunnel, address, file)
    ways = (direction,) if direction else ("inbound", "outbound")
    kept = {
        uid: each | {"connections": {way: (each.get("connections") or {}).get(way, []) for way in ways}}
        for uid, each in (found.get("workloadState") or {}).items()
        if workload_namespace in ("", (each.get("info") or {}).get("namespace", ""))
    }
    found |= {"workloadState": kept}
    rows = ztunnel_dump.connection_rows
    _show(found, "workloadState", ztunnel_dump.CONNECTIONS, lambda dump: rows(dump, raw=raw), output)


@ztunnel_config.command(name="all")
@_options
def everything(ztunnel: str, address: str, file: Any, output: str) -> None:
    """All tables, one after the other."""
    found = read_dump(ztunnel, address, file)
    if output != "table":
        tables.dump(found, output)
        return
    shown: list[tuple[Sequence[str], _Rows]] = [
        (ztunnel_dump.WORKLOADS, ztunnel_dump.workload_rows),
        (ztunnel_dump.SERVICES, ztunnel_dump.service_rows),
        (ztunnel_dump.POLICIES, ztunnel_dump.policy_rows),
    ]
    if not address:
        shown += [(ztunnel_dump.CERTIFICATES, _certificates), (ztunnel_dump.CONNECTIONS, ztunnel_dump.connection_rows)]
    tables.show_all((columns, rows(found)) for columns, rows in shown)


@ztunnel_config.command()
@click.option("--ztunnel", default=_ZTUNNEL, show_default=True, help=_ADMIN)
@click.option("--level", default="", help="level, or module:level,... to change")
@click.option("-r", "--reset", is_flag=True, help="back to what it started with")
def log(ztunnel: str, level: str, reset: bool) -> None:
    """Log levels of a ztunnel, and changes them."""
    wanted = ({"reset": ""} if reset else {}) | ({"level": level} if level else {})
    click.echo(ask(ztunnel, "logging", wanted, method="POST", usual=_ZTUNNEL).rstrip("\n"))


def _certificates(found: Json) -> list[Row]:
    return ztunnel_dump.certificate_rows(found, datetime.now(UTC))


def _need_ztunnel(address: str, what: str) -> None:
    if address:
        raise click.UsageError(f"only a ztunnel knows its {what}: give --ztunnel or --file")
