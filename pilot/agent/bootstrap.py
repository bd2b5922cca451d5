"""The bootstrap: what Envoy knows before the control plane tells it anything.

In: `AgentOptions`, the path of the agent's SDS socket, the port it answers probes on. Out: plain data, to be written as
JSON. Everything else (listeners, clusters, routes) comes over ADS. Does no I/O, and holds no secret.

Two static clusters: `xds-grpc` leads straight to the control plane, over TLS with the workload's own certificate (where
there is a readiness probe, through the agent, which reports health: see `relay.py`);
`sds-grpc` is the agent's socket, where generated configuration looks for `default` and `ROOTCA`.
Source: xDS behaviour 1.3, 1.4.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pilot.agent import proxy_config
from pilot.agent.options import Address, AgentOptions, Protocol, Statistics
from pilot.agent.secret import CERTIFICATE, ROOTS
from pilot.model.proxy_config import ProxyConfig
from pilot.version import ISTIO_VERSION
from pilot.view.proxy import ProxyKind

Json = dict[str, Any]

XDS_CLUSTER = "xds-grpc"
SDS_CLUSTER = "sds-grpc"

PING_INTERVAL = "20s"  # the control plane tolerates a ping each 15 s (xDS behaviour 1.1: half its own interval)
PING_TIMEOUT = "10s"
FIRST_RECONNECT = "0.2s"  # Envoy's own defaults are 0.5 s and 30 s: too long once a control plane is back
LAST_RECONNECT = "3s"
UNLIMITED = 2**31 - 1

STAT_TAGS = (
    ("cluster_name", r"^cluster\.((.+?);\.)"),
    ("http_conn_manager_prefix", r"^http\.((.+?);\.)"),
    ("tcp_prefix", r"^tcp\.((.+?);?\.)\w+$"),
    ("listener_address", r"^listener\.(((?:\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:_]+\])_\d+)\.)"),
    ("worker_id", r"^(?:listener_manager|listener\..+?|server)\.(worker_(\d+)\.)"),
    ("response_code_class", r"_rq(_(\dxx))$"),
    ("response_code", r"_rq(_(\d{3}))$"),
    ("authz_dry_run_action", r"(\.istio_dry_run_(allow|deny)_)"),
    ("authz_dry_run_result", r"(\.shadow_(allowed|denied))$"),
    ("authz_enforce_result", r"rbac(\.(allowed|denied))$"),
)
"""Tag, and the regular expression that finds it: group 1 leaves the name, group 2 is the tag's value.

The control plane ends the stat names of clusters and connection managers with a semicolon, because they hold dots.
"""

LEAN_STATISTICS: tuple[Json, ...] = (
    {"prefix": "cluster_manager."},
    {"prefix": "listener_manager."},
    {"prefix": "server."},
    {"prefix": f"cluster.{XDS_CLUSTER}"},
    {"prefix": f"cluster.{SDS_CLUSTER}"},
    {"prefix": "control_plane."},
    {"prefix": "sds."},
    {"prefix": "istio"},
    {"prefix": "wasm"},
    {"prefix": "component"},
    {"suffix": "downstream_cx_active"},  # draining waits for it
    {"suffix": "rbac.allowed"},
    {"suffix": "rbac.denied"},
    {"suffix": "shadow_allowed"},
    {"suffix": "shadow_denied"},
)


def build_bootstrap(options: AgentOptions, sds_socket: Path, status_port: int | None) -> Json:
    """The whole bootstrap. `status_port` is the port really listened on, None where the agent has none."""
    config = proxy_config.read_proxy_config(options.metadata)
    tracing, sinks = proxy_config.tracing(config), proxy_config.stats_sinks(config)
    is_relayed = bool(config.readiness_probe)
    discovery = _socket_cluster(XDS_CLUSTER, sds_socket) if is_relayed else _xds_cluster(options)
    clusters = [discovery, _socket_cluster(SDS_CLUSTER, sds_socket), *proxy_config.clusters(config)]
    runtime = {"re2.max_program_size.error_level": 32768, **proxy_config.runtime(config)}
    return {
        **({"tracing": tracing} if tracing else {}),
        **({"stats_sinks": sinks} if sinks else {}),
        "node": build_node(options, status_port),
        "admin": {"address": _socket_address(options.admin), "ignore_global_conn_limit": True},
        "dynamic_resources": _dynamic_resources(options.protocol),
        "static_resources": {"clusters": clusters},
        "bootstrap_extensions": [
            # istiod: tunnelled traffic goes through internal listeners such as connect_originate
            _extension("envoy.bootstrap.internal_listener", "bootstrap.internal_listener.v3.InternalListener")
        ],
        "stats_config": _stats_config(options.statistics, config),
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "layered_runtime": {
            "layers": [
                # a long regular expression in a route is accepted instead of costing the whole route table
                {"name": "static", "static_layer": runtime},
                {"name": "admin", "admin_layer": {}},
            ]
        },
        "overload_manager": {"resource_monitors": [_connection_limit()]},
    }


def build_node(options: AgentOptions, status_port: int | None) -> Json:
    """Who the proxy says it is. Envoy itself adds its version and its extensions."""
    node: Json = {
        "id": options.node_id,
        "cluster": f"{_application(options)}.{options.namespace}",
        "metadata": build_metadata(options, status_port),
    }
    if options.locality:
        parts = zip(("region", "zone", "sub_zone"), options.locality.split("/", 2), strict=False)
        node["locality"] = dict(parts)
    return node


def build_metadata(options: AgentOptions, status_port: int | None) -> Json:
    """The node metadata, by key. PROXY_CONFIG is left out unless given: it would replace the mesh's defaults."""
    metadata: Json = {
        "NAME": options.pod,
        "NAMESPACE": options.namespace,
        "SERVICE_ACCOUNT": options.service_account,
        "CLUSTER_ID": options.cluster_id,
        "MESH_ID": options.trust_domain,
        "ISTIO_VERSION": ISTIO_VERSION,
        "INSTANCE_IPS": options.ip,
        "LABELS": dict(options.labels),
        "WORKLOAD_NAME": options.workload or _application(options),
    }
    if options.kind is ProxyKind.SIDECAR:
        metadata["INTERCEPTION_MODE"] = options.interception.value
        metadata["APP_CONTAINERS"] = _application(options)
    if options.network:
        metadata["NETWORK"] = options.network
    if options.http_proxy_port is not None:
        metadata["HTTP_PROXY_PORT"] = str(options.http_proxy_port)
    if status_port is not None:
        metadata["ENVOY_STATUS_PORT"] = status_port
    return {key: value for key, value in (metadata | dict(options.metadata)).items() if value is not None}


def _application(options: AgentOptions) -> str:
    """What the workload is called: by its labels, by its name, or else by the pod."""
    by_label = (
        options.labels.get(each) for each in ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
    )
    return next((each for each in by_label if each), options.workload or options.pod)


def _dynamic_resources(protocol: Protocol) -> Json:
    # no fetch timeout: without a control plane Envoy waits instead of starting up empty
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    backoff = {"base_interval": FIRST_RECONNECT, "max_interval": LAST_RECONNECT}
    return {
        "cds_config": source,
        "lds_config": source,
        "ads_config": {
            "api_type": "DELTA_GRPC" if protocol is Protocol.DELTA else "GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [
                {"envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": {"retry_back_off": backoff}}}
            ],
        },
    }


def _xds_cluster(options: AgentOptions) -> Json:
    tls = {
        "@type": _url("transport_sockets.tls.v3.UpstreamTlsContext"),
        "sni": options.discovery_name,
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [sds_secret(CERTIFICATE)],
            "combined_validation_context": {
                "default_validation_context": {
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": options.discovery_name}}]
                },
                "validation_context_sds_secret_config": sds_secret(ROOTS),
            },
        },
    }
    keepalive = {"connection_keepalive": {"interval": PING_INTERVAL, "timeout": PING_TIMEOUT}}
    http = {
        "explicit_http_config": {"http2_protocol_options": keepalive},
        # a stream per connection: a reconnect does not reuse a connection whose certificate is old
        "common_http_protocol_options": {"max_requests_per_connection": 1},
    }
    return {
        **_cluster(XDS_CLUSTER, _socket_address(options.discovery), http),
        **_resolution(options.discovery.host),
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 10, "keepalive_interval": 5, "keepalive_probes": 3}
        },
    }


def _socket_cluster(name: str, socket: Path) -> Json:
    """What the agent answers itself, or passes on."""
    return _cluster(name, {"pipe": {"path": str(socket)}}, {"explicit_http_config": {"http2_protocol_options": {}}})


def sds_secret(name: str) -> Json:
    """Where Envoy finds a secret: as in generated configuration, so that Envoy shares the subscription."""
    return {
        "name": name,
        "sds_config": {
            "api_config_source": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": SDS_CLUSTER}}],
            },
            "initial_fetch_timeout": "0s",
            "resource_api_version": "V3",
        },
    }


def _cluster(name: str, address: Mapping[str, Any], http: Mapping[str, Any]) -> Json:
    """A cluster of one endpoint that speaks HTTP/2."""
    return {
        "name": name,
        "alt_stat_name": f"{name};",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": dict(address)}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _url("upstreams.http.v3.HttpProtocolOptions"),
                **http,
            }
        },
    }


def _resolution(host: str) -> Json:
    """How the control plane's host becomes addresses: a name is resolved again and again."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}
    return {}


def _stats_config(statistics: Statistics, settings: ProxyConfig) -> Json:
    tags = [*({"tag_name": name, "regex": regex} for name, regex in STAT_TAGS), *proxy_config.stat_tags(settings)]
    config: Json = {"use_all_default_tags": False, "stats_tags": tags}
    if statistics is Statistics.LEAN:
        config["stats_matcher"] = {
            "inclusion_list": {"patterns": [*LEAN_STATISTICS, *proxy_config.stat_patterns(settings)]}
        }
    return config


def _connection_limit() -> Json:
    """No limit, said explicitly: Envoy warns where nothing is said."""
    kind = "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return _extension(name, kind, max_active_downstream_connections=UNLIMITED)


def _extension(name: str, kind: str, **settings: object) -> Json:
    return {"name": name, "typed_config": {"@type": _url(kind), **settings}}


def _url(kind: str) -> str:
    return f"type.googleapis.com/envoy.extensions.{kind}"


def _socket_address(address: Address) -> Json:
    return {"socket_address": {"address": address.host, "port_value": address.port}}
