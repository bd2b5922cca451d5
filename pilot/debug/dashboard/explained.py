"""What a proxy was given, in words: listener -> route -> cluster -> endpoints, and the objects that say so.

In: the sets that a proxy is to have, as bytes. Out: rows. Keys never come out: of secrets only names are read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from google.protobuf.any_pb2 import Any as Packed

from pilot.resources import EMPTY, Origin, Resource, ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl, short_name

HEALTHY: Final = (0, 1)
"""UNKNOWN and HEALTHY: traffic goes there."""


@dataclass(frozen=True, slots=True)
class ListenerRow:
    """Where connections come in."""

    name: str
    address: str
    direction: str
    routes: tuple[str, ...]
    """Names of route configurations that requests are looked up in."""
    clusters: tuple[str, ...]
    """Where connections go straight."""
    chains: int
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """Where a request goes."""

    table: str
    domains: tuple[str, ...]
    match: str
    action: str
    clusters: tuple[tuple[str, str], ...]
    """Name and share."""
    made_by: str
    """The object that the route's metadata names, or those of the table."""


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """What can be called."""

    name: str
    kind: str
    ready: int
    endpoints: int
    is_encrypted: bool
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class OtherRow:
    """A resource of another type."""

    type: str
    name: str
    size: int
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything of one proxy."""

    listeners: tuple[ListenerRow, ...] = ()
    routes: tuple[RouteRow, ...] = ()
    clusters: tuple[ClusterRow, ...] = ()
    others: tuple[OtherRow, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By type: resources and bytes."""


def explain(held: Mapping[TypeUrl, ResourceSet]) -> Explained:
    """The rows of what a proxy is to have, by type."""
    assignments = {name: _assignment(each) for name, each in _of(held, ENDPOINT).resources.items()}
    shown = (LISTENER, ROUTE, CLUSTER, ENDPOINT)
    return Explained(
        tuple(_listener(each) for each in _of(held, LISTENER).resources.values()),
        tuple(row for each in _of(held, ROUTE).resources.values() for row in _routes(each)),
        tuple(_cluster(each, assignments) for each in _of(held, CLUSTER).resources.values()),
        tuple(
            OtherRow(short_name(type_url), each.name, len(each.body), each.origins)
            for type_url, found in held.items()
            if type_url not in shown
            for each in found.resources.values()
        ),
        {
            short_name(type_url): (len(found), sum(len(each.body) for each in found.resources.values()))
            for type_url, found in held.items()
        },
    )


def _of(held: Mapping[TypeUrl, ResourceSet], type_url: TypeUrl) -> ResourceSet:
    return held.get(type_url, EMPTY)


def _message(each: Resource, kind: Any) -> Any:
    return kind.FromString(Packed.FromString(each.body).value)


def _listener(each: Resource) -> ListenerRow:
    found = _message(each, Listener)
    place = found.address.socket_address
    chains = [*found.filter_chains, *([found.default_filter_chain] if found.HasField("default_filter_chain") else [])]
    routes: dict[str, None] = {}
    clusters: dict[str, None] = {}
    for chain in chains:
        for one in chain.filters:
            for target, name in _targets(one.typed_config):
                (routes if target == "route" else clusters)[name] = None
    direction = {1: "inbound", 2: "outbound"}.get(found.traffic_direction, "")
    address = f"{place.address}:{place.port_value}" if place.address else "internal"
    return ListenerRow(each.name, address, direction, tuple(routes), tuple(clusters), len(chains), each.origins)


def _targets(packed: Packed) -> Iterator[tuple[str, str]]:
    if packed.Is(HttpConnectionManager.DESCRIPTOR):
        manager = HttpConnectionManager.FromString(packed.value)
        if manager.HasField("rds"):
            yield "route", manager.rds.route_config_name
        for host in manager.route_config.virtual_hosts:
            for route in host.routes:
                yield from (("cluster", name) for name, _ in _clusters_of(route.route))
    elif packed.Is(TcpProxy.DESCRIPTOR):
        proxy = TcpProxy.FromString(packed.value)
        if proxy.cluster:
            yield "cluster", proxy.cluster
        yield from (("cluster", each.name) for each in proxy.weighted_clusters.clusters)


def _routes(each: Resource) -> Iterator[RouteRow]:
    for host in _message(each, RouteConfiguration).virtual_hosts:
        domains = tuple(host.domains)
        for route in host.routes:
            clusters, action = tuple(_clusters_of(route.route)), _action(route)
            yield RouteRow(each.name, domains, _match(route.match), action, clusters, _made_by(route, each))


def _clusters_of(action: Any) -> Iterator[tuple[str, str]]:
    if action.cluster:
        yield action.cluster, ""
    weighted = action.weighted_clusters.clusters
    total = sum(each.weight.value for each in weighted) or 1
    for each in weighted:
        yield each.name, f"{100 * each.weight.value / total:.0f} %"


def _action(route: Any) -> str:
    match route.WhichOneof("action"):
        case "redirect":
            return f"redirects to {route.redirect.host_redirect}{route.redirect.path_redirect}"
        case "direct_response":
            return f"answers {route.direct_response.status}"
        case "non_forwarding_action":
            return "answers itself"
    return "" if any(_clusters_of(route.route)) else "by header"


def _match(match: Any) -> str:
    kind = match.WhichOneof("path_specifier") or "path"
    path = getattr(match, kind, "")
    words = {"prefix": f"{path}*", "path": f"{path}", "path_separated_prefix": f"{path}/*"}
    parts = [words.get(kind) or f"~{match.safe_regex.regex}"]
    parts += [f"header {each.name}" for each in match.headers]
    parts += [f"query {each.name}" for each in match.query_parameters]
    return ", ".join(parts)


def _made_by(route: Any, table: Resource) -> str:
    """Envoy's metadata keeps istiod's path of the object: `/apis/…/namespaces/shop/virtual-service/reviews`."""
    path = route.metadata.filter_metadata["istio"].fields["config"].string_value if route.HasField("metadata") else ""
    parts = path.split("/")
    if len(parts) > 3 and "namespaces" in parts:
        kind = "".join(word.capitalize() for word in parts[-2].split("-"))
        return f"{kind} {parts[parts.index('namespaces') + 1]}/{parts[-1]}"
    return ""


def _cluster(each: Resource, assignments: Mapping[str, tuple[int, int]]) -> ClusterRow:
    found = _message(each, Cluster)
    own = _counted(found.load_assignment)
    ready, endpoints = assignments.get(each.name, own)
    names = [*(one.transport_socket.name for one in found.transport_socket_matches), found.transport_socket.name]
    kind = Cluster.DiscoveryType.Name(found.type) if not found.HasField("cluster_type") else found.cluster_type.name
    return ClusterRow(each.name, kind, ready, endpoints, any("tls" in name for name in names), each.origins)


def _assignment(each: Resource) -> tuple[int, int]:
    return _counted(_message(each, ClusterLoadAssignment))


def _counted(assignment: Any) -> tuple[int, int]:
    states = [one.health_status for group in assignment.endpoints for one in group.lb_endpoints]
    return sum(each in HEALTHY for each in states), len(states)
