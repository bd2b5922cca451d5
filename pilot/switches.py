"""Switches that change what is generated: the variables by which they are set.

In: the environment. Out: `Features`, and warnings where a switch is of no use without another. Reads no environment
itself: it is given one. Source: xDS behaviour, appendix C and 8; operations 7.4, 7.5.
"""

from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import ip_network
from typing import Any

from pilot.environment import parse_bool, parse_list, read
from pilot.model.duration import parse_duration
from pilot.model.features import Features, RemoteKeys


def _inverted(text: str) -> bool:
    return not parse_bool(text)


def parse_prefix(text: str, version: int) -> str:
    """A range of addresses of one family. Raises: ValueError."""
    found = ip_network(text)
    if found.version != version:
        raise ValueError(f"expected a range of IPv{version}, got {text!r}")
    return text


def parse_remote_keys(text: str) -> RemoteKeys:
    """`istiod` or false, `hybrid` or true, `envoy`. Raises: ValueError."""
    known = {"istiod": "istiod", "false": "istiod", "hybrid": "hybrid", "true": "hybrid", "envoy": "envoy"}
    if text.lower() not in known:
        raise ValueError(f"expected istiod, hybrid or envoy, got {text!r}")
    return RemoteKeys(known[text.lower()])


FEATURES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "PILOT_ENABLE_AMBIENT": ("ambient", parse_bool),
    "PILOT_ENABLE_SENDING_HBONE": ("sending_hbone", parse_bool),
    "PILOT_ENABLE_SIDECAR_LISTENING_HBONE": ("sidecar_hbone", parse_bool),
    "ENABLE_INGRESS_WAYPOINT_ROUTING": ("ingress_waypoint_routing", parse_bool),
    "PILOT_PREFER_SENDING_HBONE": ("prefer_sending_hbone", parse_bool),
    "ENABLE_MCS_SERVICE_DISCOVERY": ("mcs_discovery", parse_bool),
    "ENABLE_MCS_HOST": ("mcs_host", parse_bool),
    "ENABLE_MCS_CLUSTER_LOCAL": ("mcs_cluster_local", parse_bool),
    "RESOLVE_HOSTNAME_GATEWAYS": ("resolve_gateways", parse_bool),
    "PILOT_MULTI_NETWORK_DISCOVER_GATEWAY_API": ("discover_network_gateways", parse_bool),
    "PILOT_AUTO_ALLOW_WAYPOINT_POLICY": ("auto_allow_waypoint_policy", parse_bool),
    "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY": ("ambient_dry_run", parse_bool),
    "AMBIENT_ENABLE_MULTI_NETWORK": ("ambient_multi_network", parse_bool),
    "AMBIENT_ENABLE_MULTI_NETWORK_WAYPOINT": ("multi_network_waypoints", parse_bool),
    "AMBIENT_ENABLE_MULTI_NETWORK_INGRESS": ("multi_network_ingress", parse_bool),
    "AMBIENT_ENABLE_BAGGAGE": ("baggage", parse_bool),
    "AMBIENT_ENABLE_STATUS": ("ambient_status", parse_bool),
    "PILOT_ENABLE_AMBIENT_WAYPOINTS": ("ambient_waypoints", parse_bool),
    "ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS": ("wildcard_tls_entries", parse_bool),
    "ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES": ("layered_waypoint_policies", parse_bool),
    "ISTIO_DUAL_STACK": ("dual_stack", parse_bool),
    "ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS": ("v4_outbound_for_v6", parse_bool),
    "PILOT_HTTP10": ("http10", parse_bool),
    "PILOT_ENABLE_ALPN_FILTER": ("alpn_filter", parse_bool),
    "PILOT_ENABLE_METADATA_EXCHANGE": ("metadata_exchange", parse_bool),
    "PILOT_DISABLE_MX_ALPN": ("mx_alpn", _inverted),
    "PILOT_MX_ADDITIONAL_LABELS": ("mx_additional_labels", parse_list),
    "PILOT_ENABLE_TELEMETRY_LABEL": ("telemetry_label", parse_bool),
    "PILOT_ENDPOINT_TELEMETRY_LABEL": ("endpoint_telemetry_label", parse_bool),
    "PILOT_SIDECAR_USE_REMOTE_ADDRESS": ("sidecar_use_remote_address", parse_bool),
    "PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION": ("route_collapse", parse_bool),
    "PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN": ("absolute_fqdn_domains", parse_bool),
    "PILOT_SCOPE_GATEWAY_TO_NAMESPACE": ("scope_gateway_to_namespace", parse_bool),
    "PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": ("filter_gateway_clusters", parse_bool),
    "PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES": ("eds_for_headless", parse_bool),
    "PILOT_ENABLE_MONGO_FILTER": ("mongo_filter", parse_bool),
    "PILOT_ENABLE_MYSQL_FILTER": ("mysql_filter", parse_bool),
    "PILOT_ENABLE_REDIS_FILTER": ("redis_filter", parse_bool),
    "PILOT_ENABLE_PERSISTENT_SESSION_FILTER": ("persistent_session_filter", parse_bool),
    "PILOT_PERSISTENT_SESSION_LABEL": ("persistent_session_label", str),
    "PILOT_PERSISTENT_SESSION_HEADER_LABEL": ("persistent_session_header_label", str),
    "PILOT_SEND_UNHEALTHY_ENDPOINTS": ("send_unhealthy_endpoints", parse_bool),
    "PILOT_DRAINING_LABEL": ("draining_label", str),
    "PILOT_SKIP_VALIDATE_TRUST_DOMAIN": ("skip_validate_trust_domain", parse_bool),
    "PILOT_ENABLE_QUIC_LISTENERS": ("quic_listeners", parse_bool),
    "PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE": ("sidecar_ingress_merge", parse_bool),
    "ENABLE_TLS_ON_SIDECAR_INGRESS": ("tls_on_sidecar_ingress", parse_bool),
    "ENABLE_HCM_INTERNAL_NETWORKS": ("hcm_internal_networks", parse_bool),
    "ENABLE_100_CONTINUE_HEADERS": ("continue_headers_100", parse_bool),
    "ENABLE_LOCALITY_WEIGHTED_LB_CONFIG": ("locality_weighted_lb", parse_bool),
    "ENABLE_ENHANCED_DESTINATIONRULE_MERGE": ("enhanced_destination_rule_merge", parse_bool),
    "MAX_CONNECTIONS_PER_SOCKET_EVENT_LOOP": ("max_connections_per_socket_event", int),
    "DISABLE_TRACK_REMAINING_CB_METRICS": ("track_remaining", _inverted),
    "DISABLE_SHADOW_HOST_SUFFIX": ("shadow_host_suffix", _inverted),
    "PILOT_DNS_CARES_UDP_MAX_QUERIES": ("dns_udp_max_queries", int),
    "PILOT_DNS_JITTER_DURATION": ("dns_jitter", parse_duration),
    "PILOT_TRACE_SAMPLING": ("trace_sampling", float),
    "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY": ("spawn_upstream_span_for_gateway", parse_bool),
    "PILOT_ENABLE_IP_AUTOALLOCATE": ("ip_autoallocate", parse_bool),
    "PILOT_IP_AUTOALLOCATE_IPV4_PREFIX": ("allocation_v4", partial(parse_prefix, version=4)),
    "PILOT_IP_AUTOALLOCATE_IPV6_PREFIX": ("allocation_v6", partial(parse_prefix, version=6)),
    "PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES": ("select_workload_entries", parse_bool),
    "PILOT_ENABLE_SERVICEENTRY_SELECT_PODS": ("select_pods", parse_bool),
    "ENABLE_PROXY_FIND_POD_BY_IP": ("find_pod_by_ip", parse_bool),
    "PILOT_ENABLE_GATEWAY_API": ("gateway_api", parse_bool),
    "PILOT_ENABLE_ALPHA_GATEWAY_API": ("alpha_gateway_api", parse_bool),
    "LABEL_CANONICAL_SERVICES_FOR_MESH_EXTERNAL_SERVICE_ENTRIES": ("lb_canonical_services_for_external", parse_bool),
    "PILOT_JWT_ENABLE_REMOTE_JWKS": ("remote_keys", parse_remote_keys),
    "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY": ("selector_gateway_policy", parse_bool),
    "CLUSTER_ID": ("cluster_id", str),
    "REVISION": ("revision", str),
    "POD_NAMESPACE": ("system_namespace", str),
    "K8S_INGRESS_NS": ("ingress_namespace", str),
    "PILOT_GATEWAY_API_DEFAULT_GATEWAYCLASS_NAME": ("gateway_class", str),
    "PILOT_GATEWAY_API_CONTROLLER_NAME": ("gateway_controller", str),
    "ENABLE_GATEWAY_API_MANUAL_DEPLOYMENT": ("manual_gateways", parse_bool),
}
_DEPENDENT = (
    (
        "ambient",
        ("sending_hbone", "sidecar_hbone", "ingress_waypoint_routing", "ambient_status", "ambient_waypoints"),
        ("auto_allow_waypoint_policy", "ambient_multi_network", "baggage", "ambient_dry_run"),
    ),
    ("ambient_multi_network", ("multi_network_waypoints",), ("multi_network_ingress",)),
)
"""Switches without which others are ignored: those that follow them unless said otherwise, and those that do not."""


def features_from(environ: Mapping[str, str], file_mode: bool, domain: str, warnings: list[str]) -> Features:
    """Generation switches. In file mode ambient is on unless said otherwise (docs/differences.md)."""
    values = read(FEATURES, environ, warnings)
    values.setdefault("ambient", file_mode)
    for needed, following, others in _DEPENDENT:
        is_on = values.get(needed, False)
        for name in (*following, *others):
            if not is_on and values.get(name):
                variable = next(each for each, (field, _) in FEATURES.items() if field == needed)
                warnings.append(f"{name} is ignored while {variable} is off")
                values[name] = False
        for name in following:
            values.setdefault(name, is_on)
    return Features(**values, cluster_domain=domain)
