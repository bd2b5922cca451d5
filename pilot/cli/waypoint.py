"""`meshpilot waypoint`: Gateways that others send their traffic through.

In: names, a cluster or a directory of manifests. Out: Gateways there or on standard output, tables. The control plane
makes proxies of them.
"""

import asyncio
import pathlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import click
import yaml

from ca.errors import KubernetesError
from pilot.cli.waypoint_places import GROUP, Cluster, Directory, Place, PlaceError
from pilot.kube_client import connect
from pilot.model.waypoint import HBONE_PORT, USE_WAYPOINT, Traffic

T = TypeVar("T")
Json = dict[str, Any]
Function = Callable[..., Any]

CLASS: Final = "istio-waypoint"
_FOR: Final = "istio.io/waypoint-for"
_REVISION: Final = "istio.io/rev"
_MODE: Final = "istio.io/dataplane-mode"
_PROGRAMMED: Final = "Programmed"
PATIENCE: Final = 90.0
"""Seconds to wait for a waypoint."""
PAUSE: Final = 1.0
"""Seconds between two looks."""

_NAME = click.option("--name", default="waypoint", show_default=True, help="of the waypoint")
_NAMESPACE = click.option("-n", "--namespace", default="", help="[default: default]")
_TRAFFIC = click.option("--for", "traffic", type=click.Choice([each.value for each in Traffic]), help="what it is for")
_REV = click.option("-r", "--revision", default="", help="control plane that it belongs to")
_ALL = click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="of every namespace")


def _place(function: Function) -> Function:
    """The options that say where waypoints are."""
    for option in (
        click.option("--context", help="of the kubeconfig"),
        click.option("--kubeconfig", type=click.Path(path_type=pathlib.Path), envvar="KUBECONFIG", show_envvar=True),
        click.option(
            "-f", "--configDir", "--config-dir", "config_dir",
            type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False),
            help="a directory of manifests instead of a cluster",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@click.group()
def waypoint() -> None:
    """Waypoints: proxies that enforce policies and routes for namespaces, services and workloads without sidecars."""


@waypoint.command()
@_NAME
@_NAMESPACE
@_TRAFFIC
@_REV
def generate(name: str, namespace: str, traffic: str | None, revision: str) -> None:
    """Prints a waypoint."""
    click.echo(yaml.safe_dump(build_waypoint(name, namespace, traffic or "", revision)), nl=False)


@waypoint.command()
@_NAME
@_NAMESPACE
@_TRAFFIC
@_REV
@click.option("--enroll-namespace", "enroll", is_flag=True, help="the namespace uses it from now on")
@click.option("--overwrite", is_flag=True, help="even if it uses another one already")
@click.option("-w", "--wait", "waits", is_flag=True, help="until it is ready")
@_place
def apply(
    name: str,
    namespace: str,
    traffic: str | None,
    revision: str,
    enroll: bool,
    overwrite: bool,
    waits: bool,
    **where: Any,
) -> None:
    """Makes a waypoint."""
    namespace = namespace or "default"

    async def work(place: Place) -> None:
        if enroll:
            _check_enrolment(await place.labels_of(namespace), namespace, name, overwrite=overwrite)
        await place.apply(build_waypoint(name, namespace, traffic or "", revision))
        if waits:
            await _wait(place, namespace, [name])
        click.echo(f"waypoint {namespace}/{name} applied")
        if enroll:
            await place.label(namespace, {USE_WAYPOINT: name})
            click.echo(f'namespace {namespace} labeled with "{USE_WAYPOINT}: {name}"')

    _at(where, work)


def _check_enrolment(labels: dict[str, str], namespace: str, name: str, *, overwrite: bool) -> None:
    used = labels.get(USE_WAYPOINT, "")
    if used not in ("", name) and not overwrite:
        raise click.ClickException(f"namespace {namespace} uses {used} already: --overwrite changes that")
    if labels.get(_MODE) != "ambient":
        click.echo(f"namespace {namespace} is not part of the ambient mesh: label it {_MODE}=ambient", err=True)


@waypoint.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="every waypoint of the namespace")
@_NAMESPACE
@_REV
@_place
def delete(names: Sequence[str], every: bool, namespace: str, revision: str, **where: Any) -> None:
    """Takes waypoints away."""
    namespace = namespace or "default"
    if bool(names) == every:
        raise click.UsageError("expected names of waypoints or --all, and not both")

    async def work(place: Place) -> None:
        found = _waypoints(await place.gateways(namespace), revision)
        known = [each["metadata"]["name"] for each in found]
        missing = [each for each in names if each not in known]
        if missing:
            raise PlaceError(f"there is no waypoint {', '.join(f'{namespace}/{each}' for each in missing)}")
        for each in names or known:
            await place.delete(namespace, each)
            click.echo(f"waypoint {namespace}/{each} deleted")

    _at(where, work)


@waypoint.command("list")
@_NAMESPACE
@_ALL
@_REV
@_place
def list_waypoints(namespace: str, everywhere: bool, revision: str, **where: Any) -> None:
    """Lists waypoints."""

    async def work(place: Place) -> list[Json]:
        return _waypoints(await place.gateways("" if everywhere else namespace or "default"), revision)

    found = _at(where, work)
    if not found:
        click.echo("no waypoints found")
        return
    header = ("NAMESPACE", "NAME", "REVISION", "TRAFFIC TYPE", "PROGRAMMED")
    rows = [header, *(_row(each) for each in found)]
    click.echo(_table(rows if everywhere else [row[1:] for row in rows]))


@waypoint.command()
@click.argument("name", default="")
@_NAMESPACE
@_ALL
@_place
def status(name: str, namespace: str, everywhere: bool, **where: Any) -> None:
    """Waits until waypoints are ready, and tells how they are."""

    async def work(place: Place) -> list[Json]:
        within = "" if everywhere else namespace or "default"
        found = _waypoints(await place.gateways(within))
        chosen = [each["metadata"]["name"] for each in found if name in ("", each["metadata"]["name"])]
        if name and not chosen:
            raise PlaceError(f"there is no waypoint {within or 'anywhere'}/{name}")
        return await _wait(place, within, chosen)

    found = _at(where, work)
    if not found:
        click.echo("no waypoints found")
        return
    rows = [("NAMESPACE", "NAME", "STATUS", "TYPE", "REASON", "MESSAGE")]
    for each in found:
        said = _condition(each)
        values = (str(said.get(key) or "") for key in ("status", "type", "reason", "message"))
        rows.append((*_names(each), *values))  # type: ignore[arg-type]  # four values
    click.echo(_table(rows if everywhere else [row[1:] for row in rows]))
    if not all(map(_is_ready, found)):
        raise click.ClickException("not every waypoint is ready")


def build_waypoint(name: str, namespace: str, traffic: str, revision: str) -> Json:
    """The Gateway; `traffic` and `revision` only where they are given."""
    labels = {key: value for key, value in ((_FOR, traffic), (_REVISION, revision)) if value}
    metadata: Json = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    listener = {"name": "mesh", "port": HBONE_PORT, "protocol": "HBONE"}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gateway",
        "metadata": metadata,
        "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
    }


def _waypoints(found: Iterable[Json], revision: str = "") -> list[Json]:
    own = [each for each in found if (each.get("spec") or {}).get("gatewayClassName") == CLASS]
    return [each for each in own if not revision or _labels(each).get(_REVISION) == revision]


def _labels(found: Json) -> dict[str, str]:
    return dict(found["metadata"].get("labels") or {})


def _names(found: Json) -> tuple[str, str]:
    return found["metadata"].get("namespace") or "default", found["metadata"]["name"]


def _row(found: Json) -> tuple[str, ...]:
    labels, said = _labels(found), _condition(found)
    state = str(said.get("status") or "False")
    return (*_names(found), labels.get(_REVISION) or "default", labels.get(_FOR) or "none", state)


def _condition(found: Json) -> Json:
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((dict(each) for each in conditions if each.get("type") == _PROGRAMMED), {})


def _is_ready(found: Json) -> bool:
    return _condition(found).get("status") == "True"


async def _wait(place: Place, namespace: str, names: Sequence[str]) -> list[Json]:
    """The waypoints as they are when all are ready, or when patience ends."""
    end = time.monotonic() + PATIENCE
    while True:
        there = _waypoints(await place.gateways(namespace))
        found = [each for each in there if each["metadata"]["name"] in names]
        if all(map(_is_ready, found)) or time.monotonic() >= end:
            return found
        await asyncio.sleep(PAUSE)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "   ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _at(where: Json, work: Callable[[Place], Awaitable[T]]) -> T:
    async def run() -> T:
        if where["config_dir"] is not None:
            return await work(Directory(where["config_dir"]))
        client = await connect(where["kubeconfig"], where["context"])
        try:
            return await work(Cluster(client))
        finally:
            await client.close()

    try:
        return asyncio.run(run())
    except (KubernetesError, PlaceError) as error:
        raise click.ClickException(str(error)) from error
