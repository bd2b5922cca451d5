"""How a cluster finds its endpoints: over EDS, by DNS, or at the address that the client dialled.

In: a service and a context. Out: the discovery type and the values of the fields that belong to it.
Source: xDS behaviour 3.2.
"""

from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.clusters.context import Context
from pilot.generators.envoy.packing import pack
from pilot.memo import memoized
from pilot.model.service import Resolution, Service, ServicePort
from pilot.view.proxy import IpMode

OVER_ADS = ConfigSource(
    ads=AggregatedConfigSource(), initial_fetch_timeout=Duration(), resource_api_version=ApiVersion.V3
)
DNS_TYPES = frozenset({Cluster.STRICT_DNS, Cluster.LOGICAL_DNS})
_CARES_TYPE = "type.googleapis.com/" + CaresDnsResolverConfig.DESCRIPTOR.full_name
_HAS_NO_CLUSTER = frozenset({Resolution.ALIAS, Resolution.DYNAMIC_DNS})


def has_cluster(service: Service) -> bool:
    """Whether clients get a cluster: not for names that stand for others, nor for names found at run time."""
    return service.resolution not in _HAS_NO_CLUSTER


def is_dns(service: Service) -> bool:
    """Whether Envoy resolves names, so that endpoints stand in the cluster itself."""
    return service.resolution in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def discovery_type(service: Service, context: Context) -> int:
    """Envoy's number of the type."""
    match service.resolution:
        case Resolution.DNS:
            return int(Cluster.STRICT_DNS)
        case Resolution.DNS_ROUND_ROBIN:
            return int(Cluster.LOGICAL_DNS)
        case Resolution.PASSTHROUGH:
            by_eds = context.is_router or (service.is_kubernetes and context.features.eds_for_headless)
            return int(Cluster.EDS) if by_eds else int(Cluster.ORIGINAL_DST)
        case _:
            return int(Cluster.EDS)


def eds_fields(name: str) -> dict[str, Any]:
    """Where endpoints come from; the cluster waits for them."""
    return {"eds_cluster_config": Cluster.EdsClusterConfig(eds_config=OVER_ADS, service_name=name)}


def original_dst_fields(service: Service, port: ServicePort) -> dict[str, Any]:
    """The port to use instead of the one that was dialled, where a ServiceEntry names one."""
    if service.is_kubernetes or not isinstance(port.target_port, int) or not port.target_port:
        return {}
    override = UInt32Value(value=port.target_port)
    return {"original_dst_lb_config": Cluster.OriginalDstLbConfig(upstream_port_override=override)}


@memoized(size=64)
def dns_fields(context: Context) -> dict[str, Any]:
    """Resolver and refresh settings (shared: not to be changed)."""
    features = context.features
    fields: dict[str, Any] = {
        "dns_lookup_family": _family(context),
        "dns_refresh_rate": context.mesh.dns_refresh_rate,
        "respect_dns_ttl": True,
    }
    if features.dns_jitter:
        fields["dns_jitter"] = features.dns_jitter
    if context.flavour.has(_CARES_TYPE):
        queries = UInt32Value(value=features.dns_udp_max_queries)
        fields["typed_dns_resolver_config"] = TypedExtensionConfig(
            name="envoy.network.dns_resolver.cares",
            typed_config=pack(CaresDnsResolverConfig(udp_max_queries=queries)),
        )
    return fields


def _family(context: Context) -> int:
    match context.ip_mode:
        case IpMode.V4:
            return int(Cluster.V4_ONLY)
        case IpMode.V6:
            return int(Cluster.V6_ONLY)
        case IpMode.DUAL:
            return int(Cluster.ALL if context.features.dual_stack else Cluster.V4_ONLY)
