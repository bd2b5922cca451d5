"""Dynamic forward proxies: names of a wildcard host are resolved when somebody asks for them.

In: a service with a wildcard host, a class of proxies. Out: the cluster type, and the filters that find the name.
Source: xDS behaviour 3.10, 4.12.
"""

from typing import Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import ClusterConfig
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import DnsCacheConfig
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import FilterConfig
from envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import sni_dynamic_forward_proxy_pb2

from pilot.generators.envoy.packing import pack
from pilot.generators.envoy.wire import Extension, extension
from pilot.memo import memoized
from pilot.view.proxy import IpMode

_FAMILIES: Final = {IpMode.V4: Cluster.V4_ONLY, IpMode.V6: Cluster.V6_ONLY, IpMode.DUAL: Cluster.ALL}


def _cache(host: str, mode: IpMode) -> Any:
    return DnsCacheConfig(name=f"{host}_dfp_dns_cache", dns_lookup_family=_FAMILIES[mode])


@memoized(size=1024)
def cluster_type(host: str, mode: IpMode) -> Any:
    """The type of the cluster that resolves names."""
    config = ClusterConfig(dns_cache_config=_cache(host, mode))
    return Cluster.CustomClusterType(name="envoy.clusters.dynamic_forward_proxy", typed_config=pack(config))


@memoized(size=1024)
def http_filter(host: str, mode: IpMode) -> Extension:
    """Finds the name in requests."""
    return extension(
        "envoy.filters.http.dynamic_forward_proxy", FilterConfig(dns_cache_config=_cache(host, mode)), required=True
    )


@memoized(size=1024)
def sni_filter(host: str, mode: IpMode, port: int) -> Any:
    """Finds the name in the first bytes of TLS."""
    config = sni_dynamic_forward_proxy_pb2.FilterConfig(port_value=port, dns_cache_config=_cache(host, mode))
    return Filter(name="envoy.extensions.filters.network.sni_dynamic_forward_proxy", typed_config=pack(config))
