"""Clusters of proxyless gRPC clients.

In: a view, names of outbound clusters. Out: a `ResourceSet`; what is not there is left out. Endpoints always come by
EDS; mutual TLS is spoken only where a rule says so, since gRPC has no way to find out. Source: xDS behaviour 4.13.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ConfigSource
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.clusters import load_balancing
from pilot.generators.clusters.facts import service_facts
from pilot.generators.clusters.outbound import Cut, cuts_of
from pilot.generators.proxyless import tls
from pilot.generators.stat_name import cluster_stat_name, stat_name
from pilot.memo import memoized
from pilot.model.cluster_name import ClusterName
from pilot.model.endpoint_index import NO_ENDPOINTS
from pilot.model.interning import same_tuple
from pilot.model.mesh import MeshConfig
from pilot.model.traffic_policy import ClientTLSMode
from pilot.resources import Resource, ResourceSet, resource, resource_set
from pilot.type_urls import CLUSTER
from pilot.view.proxy_view import ProxyView


def build(view: ProxyView, names: frozenset[str] | None) -> ResourceSet:
    """The clusters of these names; None: of every service."""
    return resource_set(_clusters(view, names))


def _clusters(view: ProxyView, names: frozenset[str] | None) -> Iterator[Resource]:
    parsed = (ClusterName.parse(each) for each in names or ())
    hosts = {each.host for each in parsed if each is not None}
    for service in view.scope.services:
        if names is not None and service.hostname not in hosts:
            continue
        known = view.endpoints.get((service.hostname, service.namespace), NO_ENDPOINTS)
        mode = view.peer_authentications.namespace_mode(service.namespace)
        rule = view.scope.rules.get(service.hostname)
        accounts = service_facts(service, rule, known, mode, view.mesh).accounts
        for cut in cuts_of(service, rule):
            if names is None or cut.name in names:
                yield _cluster(cut, same_tuple(accounts), view.mesh)


@memoized(size=16_384)
def _cluster(cut: Cut, accounts: tuple[str, ...], mesh: MeshConfig) -> Resource:
    stats = stat_name(mesh.outbound_cluster_stat_name, cut.name, cut.service, cut.port, subset=cut.subset)
    message = Cluster(
        name=cut.name,
        alt_stat_name=cluster_stat_name(stats),
        type=Cluster.EDS,
        eds_cluster_config=Cluster.EdsClusterConfig(
            eds_config=ConfigSource(ads=AggregatedConfigSource()), service_name=cut.name
        ),
        circuit_breakers=_limits(cut),
        transport_socket=_socket(cut, accounts),
        **_balancing(cut),
    )
    return resource(CLUSTER, cut.name, message, (cut.service.origin, *(cut.rule.origins if cut.rule else ())))


def _limits(cut: Cut) -> Any | None:
    pool = cut.policy.connection_pool
    limit = pool.http.http2_max_requests if pool and pool.http else 0
    if limit <= 0:
        return None
    return CircuitBreakers(thresholds=[CircuitBreakers.Thresholds(max_requests=UInt32Value(value=limit))])


def _socket(cut: Cut, accounts: Iterable[str]) -> Any | None:
    settings = cut.policy.tls
    if settings is None or settings.mode is not ClientTLSMode.ISTIO_MUTUAL:
        return None
    return tls.upstream(tuple(settings.subject_alt_names or accounts))


def _balancing(cut: Cut) -> dict[str, Any]:
    """A ring where requests are hashed; gRPC knows no other algorithm but taking turns."""
    settings = cut.policy.load_balancer
    if settings is None or settings.consistent_hash is None:
        return {}
    fields = load_balancing.fields(settings, cut.port.protocol, redis=False)
    return fields if fields["lb_policy"] == Cluster.RING_HASH else {}
