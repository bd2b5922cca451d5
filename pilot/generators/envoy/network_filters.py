"""The network filters of chains that carry bytes, in the one order that they may have.

In: where the bytes go and what watches them. Out: the serialized `filters` field of a filter chain. Authorization and
Wasm (later) come as `security`. Source: xDS behaviour 4.3, 4.4, appendix A.16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.extensions.filters.network.mongo_proxy.v3.mongo_proxy_pb2 import MongoProxy
from envoy.extensions.filters.network.redis_proxy.v3.redis_proxy_pb2 import RedisProxy
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.v3.hash_policy_pb2 import HashPolicy
from google.protobuf.duration_pb2 import Duration

from istio_api.mysql_proxy_pb2 import MySQLProxy
from pilot.generators.envoy import alpn
from pilot.generators.envoy.packing import typed_struct
from pilot.generators.envoy.wire import Extension, embed, embed_all, extension, packed, serialize, supported, text
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.service import PortProtocol
from pilot.view.proxy import Flavour, Traits

FILTERS: Final = 3
"""Field of `filters` in a filter chain."""

_NAME, _TYPED_CONFIG = 1, 4
_ACCESS_LOG: Final = 5  # field of TcpProxy
_TCP_PROXY_TYPE: Final = "type.googleapis.com/" + str(TcpProxy.DESCRIPTOR.full_name)
_SOURCE_IP: Final = (HashPolicy(source_ip=HashPolicy.SourceIp()),)
_OVERWRITE: Final = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_REDIS_TIMEOUT: Final = Duration(seconds=5)


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """Where a chain sends its bytes: one cluster, or several by weight."""

    cluster: str = ""
    weighted: tuple[tuple[str, int], ...] = ()
    stat_prefix: str = ""
    """Empty: the name of the cluster."""
    idle_timeout: timedelta | None = None
    max_duration: timedelta | None = None
    hash_source_ip: bool = False
    tunnel_to: str = ""
    """`host:port` behind an HTTP tunnel; empty: none."""
    tunnel_by_post: bool = False
    tunnel_headers: tuple[tuple[str, str], ...] = ()
    """Of the request that opens the tunnel."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """What watches the bytes, and what stands before them."""

    metadata_exchange: Extension | None = None
    security: tuple[Extension, ...] = ()
    stats: Extension | None = None
    logs: tuple[bytes, ...] = ()


@memoized(size=64)
def metadata_exchange(features: Features, flavour: Flavour) -> Extension | None:
    """Exchange of peer metadata on TCP connections (inbound, and gateways with ISTIO_MUTUAL)."""
    if not alpn.has_metadata_exchange(features, flavour):
        return None
    config: dict[str, object] = {"protocol": alpn.PEER_EXCHANGE, "enable_discovery": True}
    if features.mx_additional_labels:
        config["additional_labels"] = sorted(features.mx_additional_labels)
    url = alpn.METADATA_EXCHANGE_TYPE
    return packed("istio.metadata_exchange", url, typed_struct(url, config))


def before_manager(extensions: Sequence[Extension], traits: Traits) -> bytes:
    """The `filters` field of what stands before a connection manager."""
    return embed_all(FILTERS, (each.body for each in supported(extensions, traits.flavour)))


def tcp_proxy(target: TcpTarget, logs: Sequence[bytes]) -> bytes:
    """A serialized tcp_proxy filter."""
    config = TcpProxy(
        stat_prefix=target.stat_prefix or target.cluster,
        cluster=target.cluster or None,
        idle_timeout=target.idle_timeout,
        max_downstream_connection_duration=target.max_duration,
        hash_policy=_SOURCE_IP if target.hash_source_ip else (),
    )
    if target.weighted:
        split = TcpProxy.WeightedCluster
        clusters = [split.ClusterWeight(name=name, weight=weight) for name, weight in target.weighted]
        config.weighted_clusters.CopyFrom(split(clusters=clusters))
    if target.tunnel_to:
        tunnel = TcpProxy.TunnelingConfig(
            hostname=target.tunnel_to,
            use_post=target.tunnel_by_post,
            headers_to_add=[
                HeaderValueOption(header=HeaderValue(key=key, value=value), append_action=_OVERWRITE)
                for key, value in target.tunnel_headers
            ],
        )
        config.tunneling_config.CopyFrom(tunnel)
    value = serialize(config) + embed_all(_ACCESS_LOG, logs)
    return text(_NAME, "envoy.filters.network.tcp_proxy") + embed(
        _TYPED_CONFIG, text(1, _TCP_PROXY_TYPE) + embed(2, value)
    )


def build_tcp_filters(
    target: TcpTarget,
    watchers: Watchers,
    flavour: Flavour,
    *,
    protocol: PortProtocol = PortProtocol.TCP,
    features: Features | None = None,
    before_proxy: Any | None = None,
) -> bytes:
    """The `filters` field of a chain. `before_proxy`: a filter message right before tcp_proxy, if any."""
    chosen: list[Extension | None] = [watchers.metadata_exchange, *watchers.security, watchers.stats]
    last = tcp_proxy(target, watchers.logs)
    if features is not None:
        own, replaces = _protocol_filter(protocol, target, features)
        if own is not None and flavour.has(own.url):
            chosen.append(own)
            last = b"" if replaces else last
    bodies = [each.body for each in supported(chosen, flavour)]
    if before_proxy is not None and last:
        bodies.append(serialize(before_proxy))
    return embed_all(FILTERS, [*bodies, last] if last else bodies)


def _protocol_filter(protocol: PortProtocol, target: TcpTarget, features: Features) -> tuple[Extension | None, bool]:
    """The filter that understands the protocol, and whether it stands in place of tcp_proxy."""
    prefix = target.cluster or target.stat_prefix
    if protocol is PortProtocol.MONGO and features.mongo_filter:
        return extension("envoy.filters.network.mongo_proxy", MongoProxy(stat_prefix=prefix)), False
    if protocol is PortProtocol.MYSQL and features.mysql_filter:
        return extension("envoy.filters.network.mysql_proxy", MySQLProxy(stat_prefix=prefix)), False
    if protocol is PortProtocol.REDIS and features.redis_filter and target.cluster:
        routes = RedisProxy.PrefixRoutes(catch_all_route=RedisProxy.PrefixRoutes.Route(cluster=target.cluster))
        config = RedisProxy(
            stat_prefix=prefix,
            latency_in_micros=True,
            settings=RedisProxy.ConnPoolSettings(op_timeout=_REDIS_TIMEOUT),
            prefix_routes=routes,
        )
        return extension("envoy.filters.network.redis_proxy", config), True
    return None, False
