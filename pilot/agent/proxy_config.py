"""What a ProxyConfig says about the bootstrap: statistics, runtime values, and where spans, logs and metrics go.

In: the node metadata of a proxy (PROXY_CONFIG). Out: parts of the bootstrap, as plain data. What the control plane
makes of a ProxyConfig is not here. Source: operations 14, xDS behaviour 1.4, 4.6, 4.7.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pilot.model.decoding import Unknown, decode_value
from pilot.model.proxy_config import ProxyConfig

Json = dict[str, Any]

ACCESS_LOG_CLUSTER = "envoy_accesslog_service"
METRICS_CLUSTER = "envoy_metrics_service"
_SPANS = "/api/v2/spans"
_TRACE = "type.googleapis.com/envoy.config.trace.v3"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def read_proxy_config(metadata: Mapping[str, object]) -> ProxyConfig:
    """The settings that the node metadata holds; the defaults where it holds none that can be read."""
    raw = metadata.get("PROXY_CONFIG")
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            raw = None
    settings, _ = decode_value(raw, ProxyConfig, Unknown.IGNORE) if isinstance(raw, dict) else (None, ())
    return settings or ProxyConfig()


def stat_tags(config: ProxyConfig) -> list[Json]:
    """Tags of statistics beyond the usual, as istio.stats writes them into names."""
    return [{"tag_name": name, "regex": rf"({re.escape(name)}=\.=(.*?);\.)"} for name in config.extra_stat_tags]


def stat_patterns(config: ProxyConfig) -> list[Json]:
    """Statistics that are kept beyond the usual."""
    wanted = config.proxy_stats_matcher
    if wanted is None:
        return []
    return [
        *({"prefix": each} for each in wanted.inclusion_prefixes),
        *({"suffix": each} for each in wanted.inclusion_suffixes),
        *({"safe_regex": {"regex": each}} for each in wanted.inclusion_regexps),
    ]


def runtime(config: ProxyConfig) -> Mapping[str, object]:
    """Values of Envoy's runtime; numbers and booleans are written as such."""
    return {name: _scalar(value) for name, value in config.runtime_values.items()}


def _scalar(text: str) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def tracing(config: ProxyConfig) -> Json | None:
    """The tracer of connection managers that name no provider, None where there is none."""
    settings = config.tracing
    if settings is not None and settings.datadog is not None and settings.datadog.address:
        return _tracer("datadog", {"@type": f"{_TRACE}.DatadogConfig", "collector_cluster": "datadog_agent",
                                   "service_name": config.service_cluster or "istio-proxy"})  # fmt: skip
    if _zipkin_address(config):
        zipkin = {
            "@type": f"{_TRACE}.ZipkinConfig",
            "collector_cluster": "zipkin",
            "collector_endpoint": _SPANS,
            "collector_endpoint_version": "HTTP_JSON",
            "trace_id_128bit": True,
            "shared_span_context": False,
        }
        return _tracer("zipkin", zipkin)
    return None


def _zipkin_address(config: ProxyConfig) -> str:
    settings = config.tracing
    declared = settings.zipkin.address if settings is not None and settings.zipkin is not None else ""
    return declared or config.zipkin_address


def _tracer(name: str, settings: Json) -> Json:
    return {"http": {"name": f"envoy.tracers.{name}", "typed_config": settings}}


def stats_sinks(config: ProxyConfig) -> list[Json]:
    """Where statistics are sent."""
    if config.envoy_metrics_service is None or not config.envoy_metrics_service.address:
        return []
    service = {"envoy_grpc": {"cluster_name": METRICS_CLUSTER}}
    kind = "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig"
    settings = {"@type": kind, "transport_api_version": "V3", "grpc_service": service}
    return [{"name": "envoy.stat_sinks.metrics_service", "typed_config": settings}]


def clusters(config: ProxyConfig) -> Iterator[Json]:
    """The collectors that the bootstrap, or generated configuration, names; a faulty address makes none."""
    tracer = config.tracing.datadog.address if config.tracing is not None and config.tracing.datadog else ""
    addresses = {"zipkin": _zipkin_address(config), "datadog_agent": tracer}
    for name, service in (
        (ACCESS_LOG_CLUSTER, config.envoy_access_log_service),
        (METRICS_CLUSTER, config.envoy_metrics_service),
    ):
        addresses[name] = service.address if service is not None else ""
    for name, address in addresses.items():
        host, _, port = address.rpartition(":")
        if host and port.isascii() and port.isdigit():
            yield _cluster(name, host.strip("[]"), int(port), http2=name in (ACCESS_LOG_CLUSTER, METRICS_CLUSTER))


def _cluster(name: str, host: str, port: int, *, http2: bool) -> Json:
    address = {"socket_address": {"address": host, "port_value": port}}
    made: Json = {
        "name": name,
        "alt_stat_name": f"{name};",
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    if http2:
        options = {"@type": f"type.googleapis.com/{_HTTP}", "explicit_http_config": {"http2_protocol_options": {}}}
        made["typed_extension_protocol_options"] = {_HTTP: options}
    return made
