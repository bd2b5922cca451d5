"""The endpoints of one cluster: a ClusterLoadAssignment, by name over EDS or inside a cluster that resolves DNS names.

In: a `Target` (what the cluster name means to a client), the endpoints behind its service. Out: a resource, or bytes
put together from those of single endpoints. Does not look names up: see `targets.py`. Source: xDS behaviour 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from envoy.config.core.v3.base_pb2 import Locality
from envoy.config.endpoint.v3.endpoint_components_pb2 import LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.endpoints import lb_endpoint
from pilot.generators.endpoints.client import Client
from pilot.generators.endpoints.plaintext import Plaintext
from pilot.generators.endpoints.preference import Preference
from pilot.generators.endpoints.priorities import Group, group_by_locality, prioritize
from pilot.generators.endpoints.selection import select_endpoints
from pilot.generators.endpoints.split_horizon import is_gateway, is_tunnel_gateway, route_by_network
from pilot.generators.envoy.wire import embed_all, serialize, text
from pilot.generators.isolation import isolated
from pilot.memo import latest, memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint import Endpoint
from pilot.model.endpoint_index import ServiceEndpoints
from pilot.model.features import Features
from pilot.model.locality import split_locality
from pilot.model.network_gateways import NO_GATEWAYS, NetworkGateways
from pilot.model.service import Service, ServicePort
from pilot.resources import Origin, Resource, resource, resource_of_bytes
from pilot.type_urls import ENDPOINT

ISTIO_MTLS = "istio"
TUNNEL_LABEL = "networking.istio.io/tunnel"
_MANAGED_LABEL = "gateway.istio.io/managed"
_MESH_CONTROLLER = "istio.io-mesh-controller"


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a cluster name means to a client."""

    name: str
    service: Service
    port: ServicePort
    rule: MergedRule | None
    labels: Mapping[str, str]
    """The subset's; empty: no subset, or one of all endpoints."""
    mtls: bool | None
    """What a rule says about mutual TLS; None: nothing, so it is found out for each endpoint."""
    preference: Preference | None
    client: Client
    own_cluster_only: bool
    encrypted_only: bool
    """An AUTO_PASSTHROUGH gateway passes on what is encrypted already."""
    origins: tuple[Origin, ...]
    behind_waypoint: bool = False
    """The client is the waypoint in front of the service: tunnels are taken wherever there is one."""
    via: str = ""
    """`address:port` that a waypoint, whose service this is then, is asked for; empty: no waypoint is between."""


@memoized(size=16_384)
def build_unknown(name: str) -> Resource:
    """The answer for a name that means nothing to this client: no endpoints."""
    return resource(ENDPOINT, name, ClusterLoadAssignment(cluster_name=name))


@latest(size=131_072)
@isolated(
    lambda target, *_: target.service.origin,
    lambda target, *_: (target.name, target.client),
    lambda target, *_: build_unknown(target.name),
)
def build(
    target: Target,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    features: Features,
    gateways: NetworkGateways = NO_GATEWAYS,
) -> Resource:
    """The resource for EDS."""
    body = load_assignment(target, endpoints, plaintext, features, gateways)
    return resource_of_bytes(ENDPOINT, target.name, body, target.origins)


def load_assignment(
    target: Target,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    features: Features,
    gateways: NetworkGateways = NO_GATEWAYS,
    *,
    names: bool = False,
) -> bytes:
    """The message, serialized; `names`: endpoints may be DNS names."""
    ways = gateways.for_names() if names else gateways
    selected = select_endpoints(
        endpoints.endpoints,
        target.service,
        target.port,
        target.labels,
        target.client,
        features,
        own_cluster_only=target.own_cluster_only,
        names=names,
        has_ways=bool(ways),
    )
    groups: Sequence[Group] = group_by_locality((each, each.weight or 1) for each in selected)
    if ways:
        groups = route_by_network(
            groups, target.client, ways, lambda each: _does_mtls(each, target.mtls, plaintext), supports_tunnel
        )
    groups = prioritize(groups, target.preference, target.client)
    return text(ClusterLoadAssignment.CLUSTER_NAME_FIELD_NUMBER, target.name) + embed_all(
        ClusterLoadAssignment.ENDPOINTS_FIELD_NUMBER,
        (_locality_endpoints(group, target, plaintext, features) for group in groups),
    )


def _locality_endpoints(group: Group, target: Target, plaintext: Plaintext, features: Features) -> bytes:
    members, weight = [], group.weight
    for endpoint, share in group.endpoints:
        if is_tunnel_gateway(endpoint):
            behind = f"{target.service.hostname}:{target.port.number}"
            members.append(lb_endpoint.build_double(endpoint, share, behind, features, not target.behind_waypoint))
            continue
        wanted = supports_tunnel(endpoint) and (target.behind_waypoint or _prefers_tunnel(endpoint, features))
        tunnel = target.client.tunnels and (wanted or bool(target.via))
        mtls = not tunnel and _does_mtls(endpoint, target.mtls, plaintext)
        if target.encrypted_only and not mtls:
            weight -= share
            continue
        way = lb_endpoint.FORWARD_LISTENER if target.client.is_entrance else lb_endpoint.TUNNEL_LISTENER
        members.append(
            lb_endpoint.build(endpoint, share, mtls, tunnel, features, target.via, not target.behind_waypoint, way)
        )
    rest = LocalityLbEndpoints(
        load_balancing_weight=UInt32Value(value=weight) if weight else None, priority=group.priority
    )
    return b"".join(
        (
            _locality(group.locality),
            embed_all(LocalityLbEndpoints.LB_ENDPOINTS_FIELD_NUMBER, members),
            serialize(rest),
        )
    )


@lru_cache(maxsize=4096)
def _locality(locality: str) -> bytes:
    region, zone, subzone = split_locality(locality)
    return serialize(LocalityLbEndpoints(locality=Locality(region=region, zone=zone, sub_zone=subzone)))


def supports_tunnel(endpoint: Endpoint) -> bool:
    """Whether a workload can be reached through an HBONE tunnel."""
    return _is_tunnelled(endpoint) or endpoint.labels.get(_MANAGED_LABEL) == _MESH_CONTROLLER


def _is_tunnelled(endpoint: Endpoint) -> bool:
    return endpoint.hbone or "http" in endpoint.labels.get(TUNNEL_LABEL, "")


def all_support_tunnel(endpoints: Sequence[Endpoint]) -> bool:
    """Whether there are endpoints and each is in a tunnel's reach; waypoints themselves, as recorded, do not count."""
    return bool(endpoints) and all(map(_is_tunnelled, endpoints))


def _prefers_tunnel(endpoint: Endpoint, features: Features) -> bool:
    return features.prefer_sending_hbone or endpoint.tls_mode != ISTIO_MTLS


def _does_mtls(endpoint: Endpoint, by_rule: bool | None, plaintext: Plaintext) -> bool:
    if by_rule is not None:
        return by_rule and endpoint.tls_mode == ISTIO_MTLS
    if is_gateway(endpoint):
        return True
    if endpoint.tls_mode != ISTIO_MTLS:
        return False
    return not plaintext.wanted_by(endpoint.labels, endpoint.port)
