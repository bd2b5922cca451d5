"""The clusters of a waypoint: for each part of a service behind it, and the fixed ones that its tunnels need.

In: a view with attachments, a context. Out: resources; those of a service are made again only when something about it
changed. Services in front of which the waypoint does not stand have outbound clusters as everywhere.
Source: xDS behaviour 3.1, 3.7, 3.10, appendix A.15.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators import policy
from pilot.generators.clusters import connection_pool, discovery, fixed, load_balancing, outbound, upstream_tls
from pilot.generators.clusters.context import Context
from pilot.generators.clusters.facts import ServiceFacts
from pilot.generators.clusters.outbound import Cut
from pilot.generators.endpoints.assignment import load_assignment
from pilot.generators.endpoints.client import Client, Place, client_of, place_of
from pilot.generators.endpoints.plaintext import Plaintext, plaintext_of
from pilot.generators.endpoints.targets import target
from pilot.generators.envoy import sockets, tls
from pilot.generators.envoy.http_protocol import Codec, HttpProtocol, extension_options
from pilot.generators.envoy.metadata import cluster_metadata, service_value
from pilot.generators.isolation import isolated
from pilot.generators.stat_name import cluster_stat_name
from pilot.generators.waypoint import forward_proxy
from pilot.generators.waypoint.parts import Part, is_dynamic, parts_of
from pilot.memo import latest, memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.network_gateways import NetworkGateways
from pilot.model.service import Service
from pilot.model.traffic_policy import ClientTLSMode
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER
from pilot.view.proxy import Traits
from pilot.view.proxy_view import ProxyView
from pilot.view.waypoint import Attached

INNER: Final = "inner_connect_originate"
OUTER: Final = "outer_connect_originate"
_CLEANUP: Final = timedelta(minutes=1)
_TO_SERVERS: Final = frozenset({ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL})


def build(view: ProxyView, context: Context) -> Iterator[Resource]:
    """Everything that is not an outbound cluster."""
    client, place = client_of(view), place_of(view)
    yield fixed.main_internal(context)
    yield fixed.encap(context)
    for each in view.attachments.services:
        key = (each.service.hostname, each.service.namespace)
        plaintext = plaintext_of(view.peer_authentications, each.service.namespace)
        endpoints = view.endpoints.get(key, NO_ENDPOINTS)
        yield from _of_attached(each, context, client, place, endpoints, plaintext, view.network_gateways)
    if context.is_entrance:
        yield fixed.forward_inner(context)
        yield fixed.black_hole(context)
    elif context.tunnels:
        yield fixed.connect_originate(context, view.traits)
        yield inner_originate(context, view.traits)
        yield outer_originate(context, view.traits)


def _of_attached(
    attached: Attached,
    context: Context,
    client: Client,
    place: Place,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    gateways: NetworkGateways,
) -> tuple[Resource, ...]:
    if discovery.is_dns(attached.service):
        return _with_endpoints(attached, context, client, place, endpoints, plaintext, gateways)
    return _without_endpoints(attached.service, attached.rule, context)


@memoized(size=16_384)
@isolated(lambda service, *_: service.origin, lambda service, rule, context: (service.hostname, context), lambda *_: ())
def _without_endpoints(service: Service, rule: MergedRule | None, context: Context) -> tuple[Resource, ...]:
    return tuple(
        build_cluster(part, cut, context)
        for part in parts_of(service, context.features)
        for cut in _cuts(service, rule, part)
    )


@latest(size=16_384)
@isolated(
    lambda attached, *_: attached.service.origin, lambda attached, *_: (attached.service.hostname,), lambda *_: ()
)
def _with_endpoints(
    attached: Attached,
    context: Context,
    client: Client,
    place: Place,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    gateways: NetworkGateways,
) -> tuple[Resource, ...]:
    """Of a service that is found by DNS; without any name to resolve there is none."""
    made, service, rule = [], attached.service, attached.rule
    for part in parts_of(service, context.features):
        for cut in _cuts(service, rule, part):
            name, port = part.cluster(cut.subset), part.port.number
            meant = target(name, port, cut.subset, service, rule, client, place, context.mesh, context.features)
            if meant is None:
                continue
            body = load_assignment(meant, endpoints, plaintext, context.features, gateways, names=True)
            assignment = ClusterLoadAssignment.FromString(body)
            if assignment.endpoints:
                made.append(build_cluster(part, cut, context, assignment))
    return tuple(made)


def _cuts(service: Service, rule: MergedRule | None, part: Part) -> Iterator[Cut]:
    """The cluster of a part, and those of subsets."""
    return (each for each in outbound.cuts_of(service, rule) if each.port is part.port)


def build_cluster(part: Part, cut: Cut, context: Context, assignment: Any | None = None) -> Resource:
    """One cluster. `assignment` is for DNS services only."""
    service, port, effective = part.service, part.port, cut.policy
    name, pool = part.cluster(cut.subset), effective.connection_pool
    codec = outbound.codec_of(port, effective, context)
    protocol = connection_pool.http_protocol(codec, pool, preserve_case=context.preserve_case)
    inner: Any = sockets.RAW_BUFFER
    if effective.tls is not None and effective.tls.mode in _TO_SERVERS:
        speaks = outbound.speaks(port, effective, context)
        facts = ServiceFacts(service.service_accounts, mutual_tls=False, tunnels=False)
        chosen = upstream_tls.choose(effective.tls, service, facts, context, sni=cut.name, speaks=speaks, selected=True)
        inner = chosen.socket if chosen.socket is not None else inner
        if chosen.auto_sni:
            protocol = replace(protocol, auto_sni=True, auto_san_validation=chosen.auto_san_validation)
    named = service_value(service.hostname, service.name, service.namespace)
    layer = f"{part.layer.value}/{cut.subset}" if cut.subset else part.layer.value
    made = Cluster(
        name=name,
        alt_stat_name=cluster_stat_name(name),
        connect_timeout=connection_pool.connect_timeout(pool, context.mesh),
        circuit_breakers=connection_pool.circuit_breakers(
            pool, effective.retry_budget, track_remaining=context.features.track_remaining
        ),
        typed_extension_protocol_options=extension_options(protocol),
        upstream_connection_options=connection_pool.keepalive(pool, context.mesh),
        metadata=cluster_metadata(
            services=(named,) if context.features.telemetry_label else (),
            config=cut.rule.origin if cut.rule and _has_policy(cut) else None,
            subset=layer,
        ),
        transport_socket=sockets.behind_entrance(inner) if context.is_entrance else sockets.behind_waypoint(inner),
        **_discovery(part, cut, context, assignment),
    )
    return resource(CLUSTER, name, made, (service.origin, *(cut.rule.origins if cut.rule else ())))


def _has_policy(cut: Cut) -> bool:
    """Whether the rule says more than which subsets there are."""
    subset = policy.find_subset(cut.rule, cut.subset) if cut.subset else None
    own = subset is not None and subset.traffic_policy is not None
    return own or (cut.rule is not None and cut.rule.traffic_policy is not None)


def _discovery(part: Part, cut: Cut, context: Context, assignment: Any | None) -> dict[str, Any]:
    """How endpoints are found, and how one of them is chosen."""
    service, port, name = part.service, part.port, part.cluster(cut.subset)
    if is_dynamic(service):
        custom = forward_proxy.cluster_type(service.hostname, context.ip_mode)
        return {"cluster_type": custom, "lb_policy": Cluster.CLUSTER_PROVIDED}
    kind = discovery.discovery_type(service, context)
    fields = outbound.discovery_fields(kind, name, service, port, context, assignment)
    if load_balancing.is_passthrough(cut.policy.load_balancer):
        kind = int(Cluster.ORIGINAL_DST)
        fields = {key: value for key, value in fields.items() if key not in outbound.ENDPOINT_FIELDS}
    return {"type": kind, **outbound.balancing_fields(kind, cut, context), **fields}


def inner_originate(context: Context, traits: Traits) -> Resource:
    """Opens the inner of two tunnels, through another network's gateway."""
    return _inner(context, tls.hbone_upstream(mesh=context.mesh, features=context.features, traits=traits))


@memoized(size=256)
def _inner(context: Context, socket: Any) -> Resource:
    made = Cluster(
        name=INNER,
        alt_stat_name=cluster_stat_name(INNER),
        type=Cluster.STATIC,
        circuit_breakers=connection_pool.circuit_breakers(None),
        typed_extension_protocol_options=_one_tunnel(context),
        load_assignment=fixed.static_assignment(INNER, fixed.internal_address(OUTER)),
        transport_socket=sockets.to_internal_listener(socket, "internal_upstream_with_tls"),
    )
    return resource(CLUSTER, INNER, made)


def outer_originate(context: Context, traits: Traits) -> Resource:
    """Opens the outer one, to that gateway."""
    return _outer(context, tls.hbone_upstream(mesh=context.mesh, features=context.features, traits=traits))


@memoized(size=256)
def _outer(context: Context, socket: Any) -> Resource:
    made = Cluster(
        name=OUTER,
        alt_stat_name=cluster_stat_name(OUTER),
        type=Cluster.ORIGINAL_DST,
        lb_policy=Cluster.CLUSTER_PROVIDED,
        connect_timeout=context.mesh.connect_timeout,
        cleanup_interval=_CLEANUP,
        circuit_breakers=connection_pool.circuit_breakers(None),
        typed_extension_protocol_options=_one_tunnel(context),
        original_dst_lb_config=Cluster.OriginalDstLbConfig(upstream_port_override=UInt32Value(value=fixed.HBONE_PORT)),
        transport_socket=socket,
    )
    return resource(CLUSTER, OUTER, made)


def _one_tunnel(context: Context) -> Any:
    """HTTP/2 whose connections carry one tunnel each: what is in it belongs to one client."""
    idle = context.mesh.hbone_idle_timeout
    return extension_options(
        HttpProtocol(Codec.HTTP2, idle_timeout=idle, allow_connect=True, max_requests_per_connection=1)
    )
