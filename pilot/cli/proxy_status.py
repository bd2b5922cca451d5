"""`meshpilot proxy-status`: what proxies were sent, and what of it they accepted.

In: control planes' debug pages (`--address`), or their xDS ports as istioctl asks them (`--xds-address`). Out:
istioctl's tables, JSON or YAML; with PROXY and `--envoy`, whether that Envoy has what it is to have. Exit code 1
where it has not, or somebody refused something. Source: operations 17.
"""

import difflib
import json
import pathlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import click
from envoy.service.status.v3 import csds_pb2

from pilot.cli import envoy_dump, tables, xds_client
from pilot.cli.asking import ADDRESSES, ENVOY, ask_json, complete_proxy, each_of, name_of
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, ROUTE, short_name

_COLUMNS: Final = ("NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES")
_RANK: Final[dict[str, int]] = {CLUSTER: 0, LISTENER: 1, ENDPOINT: 2, ROUTE: 3}
"""What comes first; the rest is sorted."""
_ALWAYS: Final[tuple[str, ...]] = (CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, ROUTE)
_SYNCZ: Final = "istio.io/debug/syncz"
_CONTEXT: Final = 7


@dataclass(frozen=True, slots=True)
class State:
    """One type of one proxy: `SYNCED`, `STALE`, `ERROR` or `NOT SENT`."""

    word: str
    since: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One proxy."""

    name: str
    cluster: str
    istiod: str
    version: str
    types: dict[str, State] = field(default_factory=dict)


@click.command(name="proxy-status")
@click.argument("proxy", default="", shell_complete=complete_proxy)
@ADDRESSES
@click.option("--xds-address", "xds", default="", help="ask over xDS instead, as istioctl does")
@click.option(
    "--root-cert", "root", type=click.Path(path_type=pathlib.Path), help="with --xds-address: of its TLS port"
)
@click.option("--token", "token", type=click.File(), help="with --xds-address: holds the token of a trusted account")
@click.option("--authority", default="istiod.istio-system.svc", show_default=True, help="name in its certificate")
@click.option("-i", "--istioNamespace", "system", default="istio-system", show_default=True, help="whose the token is")
@click.option("-n", "--namespace", default="", help="only of this namespace")
@click.option("-v", "--verbosity", type=int, default=0, show_default=True, help="1: a column for each type")
@click.option("--envoy", default="", help="with PROXY: compare with this Envoy's admin port")
@tables.output_option("table", "json", "yaml")
def proxy_status(
    proxy: str,
    addresses: tuple[str, ...],
    xds: str,
    root: pathlib.Path | None,
    token: Any,
    authority: str,
    system: str,
    namespace: str,
    verbosity: int,
    envoy: str,
    output: str,
) -> None:
    """Shows what proxies were sent and what they accepted; of PROXY in detail."""
    if proxy and envoy:
        held = ask_json(addresses[0], "debug/config_dump", {"proxyID": proxy})
        _compare(held, ask_json(envoy, "config_dump", usual=ENVOY))
        return
    if xds:
        place = xds_client.Place(xds, root, token.read().strip() if token is not None else "", authority)
        rows = list(_over_xds(place, system))
    else:
        rows = [row for each in each_of(addresses) for row in _over_http(each)]
    rows = [each for each in rows if each.name.endswith(f".{namespace}" if namespace else "") and proxy in each.name]
    if proxy and not rows:
        raise click.ClickException(f"{proxy}: no such proxy is connected here")
    rows.sort(key=lambda each: each.name)
    if output != "table":
        tables.dump([_plain(each) for each in rows], output)
    elif verbosity or proxy:
        _show_types(rows, datetime.now(UTC))
    else:
        tables.show(_COLUMNS, [(each.name, each.cluster, each.istiod, each.version, _types(each)) for each in rows])
    _tell_errors(rows)


def _over_http(address: str) -> Iterator[Row]:
    for each in ask_json(address, "debug/syncz"):
        types = {type_url: _state(row) for type_url, row in each["resources"].items()}
        yield Row(each["proxy"], each.get("cluster_id", ""), name_of(address), each.get("istio_version", ""), types)


def _state(row: dict[str, str]) -> State:
    since = datetime.fromisoformat(row["sentTime"]) if row.get("sentTime") else None
    if row.get("lastError"):
        return State("ERROR", since, row["lastError"])
    if not row.get("sent"):
        return State("NOT SENT")
    return State("SYNCED" if row["sent"] == row.get("acked") else "STALE", since)


def _over_xds(place: xds_client.Place, system: str) -> Iterator[Row]:
    answer = xds_client.ask(place, xds_client.tool_node(system), _SYNCZ)
    identifier = json.loads(answer.control_plane.identifier or "{}")
    for each in answer.resources:
        found = csds_pb2.ClientConfig.FromString(each.value)
        told = {key: found.node.metadata[key] for key in found.node.metadata}
        types = {one.type_url: _config_state(one) for one in found.generic_xds_configs}
        place_of = identifier.get("ID", place.address)
        yield Row(found.node.id, str(told.get("CLUSTER_ID", "")), place_of, str(told.get("ISTIO_VERSION", "")), types)


def _config_state(one: Any) -> State:
    since = one.last_updated.ToDatetime(UTC) if one.HasField("last_updated") else None
    word = csds_pb2.ConfigStatus.Name(one.config_status).replace("_", " ")
    return State(word, since, one.error_state.details)


def _types(row: Row) -> str:
    known = sorted(row.types, key=lambda each: (_RANK.get(each, len(_RANK)), short_name(each)))
    return f"{len(known)} ({','.join(map(short_name, known))})"


def _show_types(rows: Iterable[Row], now: datetime) -> None:
    rows = list(rows)
    every = [*_ALWAYS, *sorted({each for row in rows for each in row.types} - set(_ALWAYS))]
    columns = ("NAME", "CLUSTER", *map(short_name, every), "ISTIOD", "VERSION")
    tables.show(
        columns,
        [
            (row.name, row.cluster, *(_cell(row.types.get(each), now) for each in every), row.istiod, row.version)
            for row in rows
        ],
    )


def _cell(state: State | None, now: datetime) -> str:
    if state is None:
        return "IGNORED"
    return f"{state.word} ({age((now - state.since).total_seconds())})" if state.since is not None else state.word


def age(seconds: float) -> str:
    """`5s`, `3m`, `2h`, `4d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def _plain(row: Row) -> dict[str, object]:
    types = {
        type_url: {"status": each.word}
        | ({"lastUpdated": each.since.isoformat()} if each.since else {})
        | ({"error": each.error} if each.error else {})
        for type_url, each in row.types.items()
    }
    return {"name": row.name, "cluster": row.cluster, "istiod": row.istiod, "version": row.version, "types": types}


def _tell_errors(rows: Iterable[Row]) -> None:
    """What proxies refused, on standard error; exit code 1."""
    refused = [
        (row.name, short_name(each), state.error) for row in rows for each, state in row.types.items() if state.error
    ]
    for name, kind, error in refused:
        click.echo(f"{name}: {kind} refused: {error}", err=True)
    if refused:
        raise SystemExit(1)


def _compare(wanted: Any, found: Any) -> None:
    """Whether an Envoy has what it is to have. Raises: SystemExit."""
    differ = False
    parts: tuple[tuple[str, Callable[[Any], list[Any]]], ...] = (
        ("Clusters", envoy_dump.clusters),
        ("Listeners", envoy_dump.listeners),
        ("Routes", envoy_dump.route_tables),
    )
    for label, part in parts:
        ours = {each["name"]: _normal(each) for each in part(wanted) if each.get("name")}
        theirs = {each["name"]: _normal(each) for each in part(found) if each.get("name") in ours}
        if ours == theirs:
            click.echo(f"{label} Match")
            continue
        differ = True
        click.echo(f"{label} Don't Match")
        before, after = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (ours, theirs))
        for line in difflib.unified_diff(before, after, "control plane", "envoy", lineterm="", n=_CONTEXT):
            click.echo(line)
    if differ:
        raise SystemExit(1)


def _normal(value: Any) -> Any:
    """The same for both spellings of protobuf's JSON: `fieldName` and `field_name`, `1` and `1.0`."""
    if isinstance(value, dict):
        return {key.replace("_", "").lower(): _normal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_normal(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
