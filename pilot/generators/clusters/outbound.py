"""Outbound clusters: for each port of a service the default one, and one for each subset of its rule.

In: a service, the rule that applies, facts about its workloads, a context; for DNS services their endpoints.
Out: resources in the order of ports and subsets. Does not choose services or rules.
Source: xDS behaviour 3.1 to 3.6, 3.9.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.health_check_pb2 import HealthStatusSet

from pilot.generators import policy
from pilot.generators.clusters import connection_pool, discovery, load_balancing, outlier_detection, upstream_tls
from pilot.generators.clusters.context import Context
from pilot.generators.clusters.facts import ServiceFacts
from pilot.generators.clusters.metadata_exchange import exchange_filters
from pilot.generators.endpoints.preference import preference
from pilot.generators.endpoints.selection import sends_unhealthy
from pilot.generators.envoy.alpn import Speaks
from pilot.generators.envoy.http_protocol import Codec, HttpProtocol, extension_options
from pilot.generators.envoy.metadata import cluster_metadata, service_value
from pilot.generators.policy import Policy
from pilot.generators.stat_name import cluster_stat_name, stat_name
from pilot.memo import memoized
from pilot.model.cluster_name import outbound, outbound_sni
from pilot.model.destination_rule import MergedRule
from pilot.model.features import Features
from pilot.model.service import PortProtocol, Service, ServicePort
from pilot.model.traffic_policy import ClientTLSMode
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER

_DRAINING_STATUSES = HealthStatusSet(statuses=["HEALTHY", "DRAINING", "UNKNOWN", "DEGRADED"])
_LOCALITY_WEIGHTED = Cluster.CommonLbConfig.LocalityWeightedLbConfig()


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One cluster of a service: a port, and a subset or none."""

    service: Service
    port: ServicePort
    subset: str
    policy: Policy
    rule: MergedRule | None

    @property
    def name(self) -> str:
        """The cluster's name."""
        return outbound(self.port.number, self.service.hostname, self.subset)


@memoized(size=16_384)
def cuts_of(service: Service, rule: MergedRule | None) -> tuple[Cut, ...]:
    """Every cluster that a service has."""
    return tuple(_cuts(service, rule))


def _cuts(service: Service, rule: MergedRule | None) -> Iterator[Cut]:
    for port in service.ports:
        if port.protocol is PortProtocol.UDP:
            continue
        yield Cut(service, port, "", policy.for_port(rule, port.number), rule)
        for subset in rule.subsets if rule else ():
            yield Cut(service, port, subset.name, policy.for_subset(rule, port.number, subset), rule)


@memoized(size=16_384)
def build(service: Service, rule: MergedRule | None, facts: ServiceFacts, context: Context) -> tuple[Resource, ...]:
    """The clusters of a service whose endpoints are not in the cluster."""
    return tuple(_resource(cut, build_cluster(cut, facts, context)) for cut in cuts_of(service, rule))


def build_with_endpoints(cut: Cut, facts: ServiceFacts, context: Context, assignment: Any) -> Resource:
    """A cluster that resolves the names in its load assignment."""
    return _resource(cut, build_cluster(cut, facts, context, assignment))


@memoized(size=16_384)
def build_sni(service: Service, rule: MergedRule | None, facts: ServiceFacts, context: Context) -> tuple[Resource, ...]:
    """The clusters by which an AUTO_PASSTHROUGH gateway reaches a service: bytes that are encrypted already."""
    return tuple(_resource(cut, build_cluster(cut, facts, context, for_sni=True)) for cut in cuts_of(service, rule))


def build_cluster(
    cut: Cut, facts: ServiceFacts, context: Context, assignment: Any | None = None, *, for_sni: bool = False
) -> Any:
    """The message. `assignment` is for DNS services only."""
    service, port, effective = cut.service, cut.port, cut.policy
    name = outbound_sni(port.number, service.hostname, cut.subset) if for_sni else cut.name
    pool = effective.connection_pool
    kind = discovery.discovery_type(service, context)
    fields = discovery_fields(kind, name, service, port, context, assignment)
    if load_balancing.is_passthrough(effective.load_balancer):
        kind = int(Cluster.ORIGINAL_DST)
        fields = {key: value for key, value in fields.items() if key not in ENDPOINT_FIELDS}
    codec = codec_of(port, effective, context)
    protocol = connection_pool.http_protocol(codec, pool, preserve_case=context.preserve_case)
    if not for_sni:
        protocol = _add_tls(fields, cut, facts, context, protocol, original_dst=kind == Cluster.ORIGINAL_DST)
    stats = stat_name(context.mesh.outbound_cluster_stat_name, name, service, port, subset=cut.subset)
    return Cluster(
        name=name,
        alt_stat_name=cluster_stat_name(stats),
        type=kind,
        connect_timeout=connection_pool.connect_timeout(pool, context.mesh),
        circuit_breakers=connection_pool.circuit_breakers(
            pool, effective.retry_budget, track_remaining=context.features.track_remaining
        ),
        typed_extension_protocol_options=extension_options(protocol),
        upstream_connection_options=connection_pool.keepalive(pool, context.mesh),
        metadata=_metadata(cut, facts, context.features),
        filters=exchange_filters(context.features, context.flavour),
        **balancing_fields(kind, cut, context),
        **fields,
    )


ENDPOINT_FIELDS = frozenset({"eds_cluster_config", "load_assignment"})
"""What a cluster that takes the client's choice of an address has none of."""


def _resource(cut: Cut, message: Any) -> Resource:
    origins = (cut.service.origin, *(cut.rule.origins if cut.rule else ()))
    return resource(CLUSTER, message.name, message, origins)


def discovery_fields(
    kind: int, name: str, service: Service, port: ServicePort, context: Context, assignment: Any | None
) -> dict[str, Any]:
    """Where the cluster finds its endpoints; `assignment`: of services found by DNS."""
    if kind == Cluster.EDS:
        return discovery.eds_fields(name)
    if kind == Cluster.ORIGINAL_DST:
        return discovery.original_dst_fields(service, port)
    return {**discovery.dns_fields(context), "load_assignment": assignment}


def codec_of(port: ServicePort, effective: Policy, context: Context) -> Codec:
    """What goes through the cluster of a port."""
    declared = connection_pool.port_codec(
        port.protocol, sniffs=not context.is_router, preserve_case=context.preserve_case
    )
    return connection_pool.upgraded(declared, port.protocol, effective.connection_pool, context.mesh)


def _speaks(codec: Codec, protocol: PortProtocol) -> Speaks:
    match codec:
        case Codec.HTTP2:
            return Speaks.HTTP2
        case Codec.DOWNSTREAM:
            return Speaks.ANY
        case Codec.HTTP1:
            return Speaks.HTTP1
        case Codec.UNSET:
            if protocol.is_sniffed:
                return Speaks.ANY
            return Speaks.HTTP1 if protocol.is_http else Speaks.TCP


def speaks(port: ServicePort, effective: Policy, context: Context) -> Speaks:
    """What goes through the cluster of this port: TCP chains to it may need `alpn.overrides_tcp`."""
    protocol = connection_pool.http_protocol(codec_of(port, effective, context), effective.connection_pool)
    return _speaks(protocol.codec, port.protocol)


def _add_tls(
    fields: dict[str, Any],
    cut: Cut,
    facts: ServiceFacts,
    context: Context,
    protocol: HttpProtocol,
    *,
    original_dst: bool,
) -> HttpProtocol:
    """Adds the transport sockets; returns the protocol with what TLS adds to it."""
    chosen = upstream_tls.choose(
        cut.policy.tls,
        cut.service,
        facts,
        context,
        sni=outbound_sni(cut.port.number, cut.service.hostname, cut.subset),
        speaks=_speaks(protocol.codec, cut.port.protocol),
        selected=bool(cut.rule and cut.rule.workload_selector),
    )
    fields.update(upstream_tls.transport_fields(chosen, cut.policy.proxy_protocol, context, original_dst=original_dst))
    if not chosen.auto_sni:
        return protocol
    return replace(protocol, auto_sni=True, auto_san_validation=chosen.auto_san_validation)


def balancing_fields(kind: int, cut: Cut, context: Context) -> dict[str, Any]:
    """Outlier detection, the algorithm, and `common_lb_config`, which holds parts of several settings."""
    service, effective, features = cut.service, cut.policy, context.features
    unhealthy = sends_unhealthy(service, features)
    fields: dict[str, Any] = {}
    panic = outlier_detection.NO_PANIC if unhealthy else None
    if effective.outlier_detection is not None:
        fields["outlier_detection"] = outlier_detection.build(effective.outlier_detection)
        threshold = outlier_detection.panic_threshold(effective.outlier_detection, sends_unhealthy=unhealthy)
        panic = panic if threshold is None else threshold
    wish = preference(effective.load_balancer, effective.outlier_detection, service.traffic_distribution, context.mesh)
    weighted = features.locality_weighted_lb or (wish is not None and wish.weighs_localities)
    drains = not cut.subset and _drains(service, features)
    fields["common_lb_config"] = Cluster.CommonLbConfig(
        healthy_panic_threshold=panic,
        locality_weighted_lb_config=_LOCALITY_WEIGHTED if weighted else None,
        override_host_status=_DRAINING_STATUSES if drains else None,
    )
    if kind == Cluster.ORIGINAL_DST:
        fields["lb_policy"] = Cluster.CLUSTER_PROVIDED
        return fields
    algorithm = load_balancing.fields(effective.load_balancer, cut.port.protocol, redis=features.redis_filter)
    return {**fields, **algorithm}


def _drains(service: Service, features: Features) -> bool:
    labels = service.labels
    return bool(labels.get(features.persistent_session_label) or labels.get(features.persistent_session_header_label))


def _metadata(cut: Cut, facts: ServiceFacts, features: Features) -> Any | None:
    service, tls = cut.service, cut.policy.tls
    named = service_value(service.hostname, service.name, service.namespace)
    return cluster_metadata(
        services=(named,) if features.telemetry_label else (),
        config=cut.rule.origin if cut.rule else None,
        subset=cut.subset,
        external=service.mesh_external and not cut.subset,
        disable_mx=facts.tunnels and not cut.subset,
        own_alpn=tls is not None and tls.mode in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL),
    )
