"""How far a Gateway's configuration has come: of the proxies that serve it, which have accepted what is current.

In: a snapshot, the streams of connected proxies, what each is to have now. Out: by Gateway or listener set, how many
are connected, how many have acknowledged every type that they watch, and who lags and why.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pilot.gatewayapi.gateway import KubernetesGateway, ListenerSet
from pilot.gatewayapi.listeners import INFIX
from pilot.model.gateway import Gateway, GatewayServer
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import GATEWAY_NAME
from pilot.model.snapshot import Snapshot
from pilot.status.condition import Part
from pilot.type_urls import TypeUrl, short_name
from pilot.view import build
from pilot.view.proxy import Proxy, ProxyKind
from pilot.xds.discovery import Connection, WatchRow

Current = Callable[[Any, TypeUrl, frozenset[str] | None], str | None]
"""Version of what a proxy is to have of a type now (names; None: all of it). None: it is not served the type."""
_GATEWAYS = frozenset((ProxyKind.ROUTER, ProxyKind.WAYPOINT))


class Behind(Part, frozen=True):
    """A proxy that does not have the current configuration."""

    proxy: str
    """Of the connection: `<pod>.<namespace>-<n>`."""
    types: tuple[str, ...]
    """`LDS`, `RDS` ..."""
    reason: str
    """`refused`, `waiting` (sent, no answer yet) or `pending` (not sent yet)."""
    error: str = ""
    """What the proxy said of what it refused."""


class Progress(Part, frozen=True):
    """The proxies of one Gateway."""

    connected: int
    acknowledged: int
    behind: tuple[Behind, ...] = ()


def count(snapshot: Snapshot, connections: Iterable[Connection], current: Current) -> Mapping[ObjectKey, Progress]:
    """By Gateway (of either API) and listener set, those that some connected proxy serves."""
    serving: dict[ObjectKey, list[Behind | None]] = {}
    for connection in connections:
        proxy = connection.proxy
        if not isinstance(proxy, Proxy) or proxy.traits.kind not in _GATEWAYS:
            continue
        lag = _lag(connection, current)
        for key in dict.fromkeys(_served(proxy, snapshot)):
            serving.setdefault(key, []).append(lag)
    return {
        key: Progress(len(found), found.count(None), tuple(each for each in found if each is not None))
        for key, found in serving.items()
    }


def _served(proxy: Proxy, snapshot: Snapshot) -> Iterator[ObjectKey]:
    """What a proxy serves: by the servers that it is given, and by its label where it is given none."""
    name, namespace = proxy.labels.get(GATEWAY_NAME, ""), proxy.traits.namespace
    if name and snapshot.seen.get(KubernetesGateway, namespace, name) is not None:
        yield ObjectKey(KubernetesGateway.KIND, namespace, name)
    for server in build.build(snapshot, proxy).gateways:
        yield from _declaring(server)


def _declaring(server: GatewayServer) -> Iterator[ObjectKey]:
    """The objects behind a server; names of converted ones say what they were made of."""
    name, infix, rest = server.name.partition(f"~{INFIX}~")
    if not infix:
        yield ObjectKey(Gateway.KIND, server.namespace, server.name)
        return
    yield ObjectKey(KubernetesGateway.KIND, server.namespace, name)
    parts = rest.split("~")
    if len(parts) == 3:
        yield ObjectKey(ListenerSet.KIND, parts[0], parts[1])


def _lag(connection: Connection, current: Current) -> Behind | None:
    """None: it has all that it watches."""
    return lag_of(connection, connection.watches, current)


def lag_of(connection: Connection, watched: Iterable[WatchRow], current: Current) -> Behind | None:
    """What of some types a proxy does not have; None: it has all."""
    refused: list[WatchRow] = []
    waiting: list[WatchRow] = []
    pending: list[WatchRow] = []
    for row in watched:
        if not row.wildcard and not row.names:
            continue  # nothing is wanted of it any more
        wanted = current(connection.proxy, row.type_url, None if row.wildcard else row.names)
        if row.error:
            refused.append(row)
        elif wanted is None or (row.is_synced and row.acked_version == wanted):
            continue
        elif row.sent_nonce and row.sent_version == wanted:
            waiting.append(row)
        else:
            pending.append(row)
    for reason, rows in (("refused", refused), ("waiting", waiting), ("pending", pending)):
        if rows:
            types = tuple(short_name(each.type_url) for each in (*refused, *waiting, *pending))
            return Behind(connection.id, types, reason, rows[0].error)
    return None
