"""Names that Envoy's filters had before; people still write them in EnvoyFilters.

In: names as written. Out: the filters they mean. Source: CA behaviour 5.4 (EnvoyFilter), xDS behaviour 7.1.
"""

from collections.abc import Mapping
from typing import Final

CANONICAL: Final[Mapping[str, str]] = {
    "envoy.buffer": "envoy.filters.http.buffer",
    "envoy.client_ssl_auth": "envoy.filters.network.client_ssl_auth",
    "envoy.cors": "envoy.filters.http.cors",
    "envoy.csrf": "envoy.filters.http.csrf",
    "envoy.echo": "envoy.filters.network.echo",
    "envoy.ext_authz": "envoy.filters.http.ext_authz",
    "envoy.fault": "envoy.filters.http.fault",
    "envoy.grpc_http1_bridge": "envoy.filters.http.grpc_http1_bridge",
    "envoy.grpc_json_transcoder": "envoy.filters.http.grpc_json_transcoder",
    "envoy.grpc_web": "envoy.filters.http.grpc_web",
    "envoy.gzip": "envoy.filters.http.gzip",
    "envoy.health_check": "envoy.filters.http.health_check",
    "envoy.http_connection_manager": "envoy.filters.network.http_connection_manager",
    "envoy.ip_tagging": "envoy.filters.http.ip_tagging",
    "envoy.listener.original_dst": "envoy.filters.listener.original_dst",
    "envoy.listener.original_src": "envoy.filters.listener.original_src",
    "envoy.listener.proxy_protocol": "envoy.filters.listener.proxy_protocol",
    "envoy.listener.tls_inspector": "envoy.filters.listener.tls_inspector",
    "envoy.lua": "envoy.filters.http.lua",
    "envoy.mongo_proxy": "envoy.filters.network.mongo_proxy",
    "envoy.rate_limit": "envoy.filters.http.ratelimit",
    "envoy.ratelimit": "envoy.filters.network.ratelimit",
    "envoy.redis_proxy": "envoy.filters.network.redis_proxy",
    "envoy.router": "envoy.filters.http.router",
    "envoy.squash": "envoy.filters.http.squash",
    "envoy.tcp_proxy": "envoy.filters.network.tcp_proxy",
}
"""The present name by the one before."""


def means_filter(written: str, name: str) -> bool:
    """Whether the name as written is that of this filter, or was before."""
    return written == name or CANONICAL.get(written) == name
