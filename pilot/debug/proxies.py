"""Pages about connected proxies: what they were sent, what they accepted, who they are.

In: the streams that are open now, the mesh. Out: `syncz`, `adsz`, `connections`, `instancesz`, `force_disconnect`.
Source: operations 3.2; recorded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pilot.debug import services
from pilot.debug.console import Answer, Entry, Later, Question, instant, text
from pilot.mesh import Mesh
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER, ROUTE
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.workload import ServiceTarget
from pilot.view.workload_lookup import Identified, identify, workload_of
from pilot.xds.discovery import Connection, WatchRow

NO_PROXY: Final = "You must provide a proxyID in the query string"
UNKNOWN_PROXY: Final = "Proxy not connected to this Pilot instance. It may be connected to another instance."
"""istioctl compares these texts."""
_COLUMNS: Final = {
    CLUSTER: "cluster",
    LISTENER: "listener",
    ROUTE: "route",
    ENDPOINT: "endpoint",
    EXTENSION_CONFIG: "extensionconfig",
}
_PER_INSTANCE: Final = frozenset(("kubernetes.io/hostname", "topology.istio.io/network"))
"""Labels that istiod does not show of a proxy where they are empty or say only where it runs."""


@dataclass(frozen=True, slots=True)
class Streams:
    """What of the xDS server pages need."""

    connections: Callable[[], Iterable[Connection]]
    disconnect: Callable[[str], bool] = lambda _: False
    """Ends the stream of a connection; whether there is one."""
    push: Callable[[], int] = lambda: 0
    """Gives every stream its turn; how many there are."""


class ProxyPages:
    """The pages."""

    def __init__(self, mesh: Mesh, streams: Streams) -> None:
        self._mesh = mesh
        self._streams = streams

    def entries(self, *, unsafe: bool) -> Iterator[Entry]:
        """The pages; `unsafe`: those that do harm work."""
        push = ("?push=true", "Gives every connected proxy its turn.")
        yield Entry("adsz", "Connected clients and what they watch.", self.adsz, listed_as=(push,))
        yield Entry("connections", "Connected clients.", self.connected)
        yield Entry("syncz", "What proxies were sent, and what of it they accepted.", self.syncz)
        yield Entry("instancesz", "The services that connected proxies belong to.", self.instances)
        off = text("pages that do harm are off (UNSAFE_ENABLE_ADMIN_ENDPOINTS)\n", 403)
        end = self.disconnect if unsafe else lambda _: off
        yield Entry("force_disconnect", "Ends the stream of a proxy (proxyID).", end)

    def find(self, question: Question) -> Connection | Answer:
        """The proxy that a query names by a part of its connection's id, or what to say instead."""
        wanted = question.get("proxyID")
        if not wanted:
            return text(NO_PROXY + "\n", 400)
        for each in self._streams.connections():
            if wanted in each.id and question.namespace in ("", _namespace(each)):
                return each
        return text(UNKNOWN_PROXY + "\n", 404)

    def proxies(self) -> list[Connection]:
        """Those that are proxies, by connection: tools that only ask are none."""
        return sorted(filter(is_proxy, self._streams.connections()), key=lambda each: each.id)

    def syncz(self, question: Question) -> object:
        """Nonces sent and accepted, by proxy."""
        wanted, rows = question.get("namespace"), self.proxies()
        return Later(lambda: [_synced(each) for each in rows if wanted in ("", _namespace(each))])

    def connected(self, _: Question) -> object:
        """Who is connected."""
        rows = sorted(self._streams.connections(), key=lambda each: each.id)
        return {"totalClients": len(rows), "clients": [_brief(each) for each in rows]}

    def adsz(self, question: Question) -> object:
        """Who is connected, what it said of itself, and what it watches."""
        if question.get("push"):
            return text(f"Pushed to {self._streams.push()} servers")
        wanted = question.get("proxyID")
        rows = sorted((each for each in self._streams.connections() if wanted in each.id), key=lambda each: each.id)
        if wanted and not rows:
            return text(UNKNOWN_PROXY + "\n", 404)
        found = [(each, self._known(each), self._watched(each)) for each in rows]
        return Later(lambda: {"totalClients": len(found), "clients": [_client(*each) for each in found]})

    def instances(self, _: Question) -> object:
        """Service ports that end at each proxy."""
        snapshot = self._mesh.snapshot
        proxies = [each.proxy for each in self.proxies()]
        found = {each.id: workload_of(snapshot, each, identify(snapshot, each)).targets for each in proxies}

        def shown(target: ServiceTarget) -> dict[str, object]:
            port = services.port(target.port) | {"TargetPort": target.target_port}
            return {"Service": services.shown(target.service, snapshot), "Port": port}

        return Later(lambda: {name: [shown(each) for each in targets] for name, targets in found.items()})

    def disconnect(self, question: Question) -> object:
        """Ends a stream; the proxy comes back."""
        found = self.find(question)
        if isinstance(found, Answer):
            return found
        self._streams.disconnect(found.id)
        return text("OK")

    def _known(self, each: Connection) -> Identified | None:
        return identify(self._mesh.snapshot, each.proxy) if isinstance(each.proxy, Proxy) else None

    def _watched(self, each: Connection) -> dict[str, Iterable[str]]:
        """By type; sets that proxies share, not yet in order."""
        return {row.type_url: self.names(each, row) for row in each.watches}

    def names(self, each: Connection, row: WatchRow) -> Iterable[str]:
        """What a proxy has of a type: what it asked for by name, else everything there is for it."""
        if not row.wildcard:
            return row.names
        found = self._mesh.resources_for(each.proxy, row.type_url, None)
        return found if found is not None else ()


def _client(each: Connection, known: Identified | None, watched: Mapping[str, Iterable[str]]) -> dict[str, object]:
    """A client, what it said of itself, what it watches."""
    told: dict[str, object] = _brief(each)
    if known is not None:
        region, zone, sub_zone = (*known.locality.split("/"), "", "", "")[:3]
        locality = {"region": region, "zone": zone, "subZone": sub_zone}
        told |= {
            "labels": {key: value for key, value in known.labels.items() if value and key not in _PER_INSTANCE},
            "metadata": each.proxy.raw_metadata,
            "locality": {key: value for key, value in locality.items() if value},
        }
    return told | {"watches": {type_url: sorted(names) for type_url, names in watched.items()}}


def is_proxy(each: Connection) -> bool:
    """Whether it is a proxy and not a tool: it brings its configuration, watches something, or is a ztunnel."""
    proxy = each.proxy
    if not isinstance(proxy, Proxy):
        return False
    return proxy.traits.kind is ProxyKind.ZTUNNEL or bool(proxy.proxy_config) or bool(each.watches)


def _namespace(each: Connection) -> str:
    return each.proxy.traits.namespace if isinstance(each.proxy, Proxy) else ""


def _brief(each: Connection) -> dict[str, object]:
    return {"connectionId": each.id, "connectedAt": instant(each.connected_at), "address": each.peer}


def _synced(each: Connection) -> dict[str, object]:
    proxy = each.proxy
    told: dict[str, Any] = {
        "cluster_id": proxy.traits.cluster_id,
        "proxy": proxy.id,
        "proxy_type": proxy.traits.kind.value,
        "istio_version": proxy.istio_version_text,
    }
    by_type = {row.type_url: row for row in each.watches}
    for type_url, column in _COLUMNS.items():
        if type_url in by_type:
            told |= {f"{column}_sent": by_type[type_url].sent_nonce, f"{column}_acked": by_type[type_url].acked_nonce}
    told["resources"] = {row.type_url: _resource(row) for row in each.watches}
    return {key: value for key, value in told.items() if value or key == "resources"}


def _resource(row: WatchRow) -> dict[str, str]:
    told = {
        "sent": row.sent_nonce,
        "acked": row.acked_nonce,
        "sentTime": instant(row.sent_at) if row.sent_at else "",
        "lastError": row.error,
    }
    return {key: value for key, value in told.items() if value}
