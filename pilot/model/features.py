"""Switches that come from the environment and change what is generated: one frozen value in every snapshot.

`pilot/switches.py` reads the environment; nothing else does. Names follow istiod's variables, defaults are istiod's.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class RemoteKeys(Enum):
    """Who fetches the keys of issuers of tokens (PILOT_JWT_ENABLE_REMOTE_JWKS)."""

    FETCHED = "istiod"
    """We do, and proxies get them from us."""
    HYBRID = "hybrid"
    """Proxies do where they can reach the host as a service of the mesh, else we."""
    BY_PROXY = "envoy"


@dataclass(frozen=True, slots=True)
class Features:
    """Generation switches. Source: xDS behaviour, appendix C; ambient switches, section 8."""

    ambient: bool = False
    """PILOT_ENABLE_AMBIENT; `sending_hbone` and `sidecar_hbone` follow it unless set on their own."""
    sending_hbone: bool = False
    sidecar_hbone: bool = False
    ingress_waypoint_routing: bool = False
    prefer_sending_hbone: bool = False
    auto_allow_waypoint_policy: bool = False
    resolve_gateways: bool = True
    """RESOLVE_HOSTNAME_GATEWAYS: host names of gateways of networks are looked up."""
    discover_network_gateways: bool = True
    """PILOT_MULTI_NETWORK_DISCOVER_GATEWAY_API."""
    wildcard_tls_entries: bool = False
    """ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS: waypoints find names at run time for TLS too."""
    layered_waypoint_policies: bool = False
    """ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES: policies with selectors hold where waypoints end tunnels."""
    ambient_dry_run: bool = False
    """AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY: ztunnels get policies with the annotation istio.io/dry-run."""
    ambient_multi_network: bool = False
    """AMBIENT_ENABLE_MULTI_NETWORK: ztunnels are told of other networks, and gateways between them take HBONE."""
    multi_network_waypoints: bool = False
    """AMBIENT_ENABLE_MULTI_NETWORK_WAYPOINT: waypoints reach other networks; follows the former unless set."""
    multi_network_ingress: bool = False
    """AMBIENT_ENABLE_MULTI_NETWORK_INGRESS: gateways do too."""
    baggage: bool = False
    """AMBIENT_ENABLE_BAGGAGE: who opens a tunnel says which workload it is."""
    ambient_status: bool = True
    """AMBIENT_ENABLE_STATUS: with `ambient`, conditions of waypoints and ztunnels are written."""
    ambient_waypoints: bool = True
    """PILOT_ENABLE_AMBIENT_WAYPOINTS: with `ambient`, Gateways may be waypoints."""
    dual_stack: bool = False
    v4_outbound_for_v6: bool = False
    """ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS: what is intercepted may be IPv4 there, too."""
    http10: bool = False
    alpn_filter: bool = True
    metadata_exchange: bool = True
    mx_alpn: bool = True
    """False with PILOT_DISABLE_MX_ALPN."""
    mx_additional_labels: tuple[str, ...] = ()
    telemetry_label: bool = True
    endpoint_telemetry_label: bool = True
    sidecar_use_remote_address: bool = False
    route_collapse: bool = True
    absolute_fqdn_domains: bool = True
    scope_gateway_to_namespace: bool = False
    filter_gateway_clusters: bool = False
    eds_for_headless: bool = False
    mongo_filter: bool = True
    mysql_filter: bool = False
    redis_filter: bool = False
    persistent_session_filter: bool = False
    persistent_session_label: str = "istio.io/persistent-session"
    persistent_session_header_label: str = "istio.io/persistent-session-header"
    send_unhealthy_endpoints: bool = False
    draining_label: str = "istio.io/draining"
    skip_validate_trust_domain: bool = False
    quic_listeners: bool = False
    sidecar_ingress_merge: bool = False
    tls_on_sidecar_ingress: bool = False
    hcm_internal_networks: bool = False
    continue_headers_100: bool = True
    locality_weighted_lb: bool = False
    enhanced_destination_rule_merge: bool = True
    max_connections_per_socket_event: int = 1
    track_remaining: bool = False
    """The inverse of DISABLE_TRACK_REMAINING_CB_METRICS."""
    shadow_host_suffix: bool = False
    """The inverse of DISABLE_SHADOW_HOST_SUFFIX."""
    dns_udp_max_queries: int = 100
    dns_jitter: timedelta = timedelta(milliseconds=100)
    trace_sampling: float = 1.0
    spawn_upstream_span_for_gateway: bool = True
    ip_autoallocate: bool = True
    allocation_v4: str = "240.240.0.0/16"
    allocation_v6: str = "2001:2::/48"
    """PILOT_IP_AUTOALLOCATE_IPV4_PREFIX, PILOT_IP_AUTOALLOCATE_IPV6_PREFIX."""
    mcs_discovery: bool = False
    """ENABLE_MCS_SERVICE_DISCOVERY: endpoints are for other clusters only where a ServiceExport says so."""
    mcs_host: bool = False
    """ENABLE_MCS_HOST: services with a ServiceImport have a name in all clusters."""
    mcs_cluster_local: bool = False
    """ENABLE_MCS_CLUSTER_LOCAL: under their own names they are for their own cluster only."""
    select_workload_entries: bool = True
    select_pods: bool = True
    find_pod_by_ip: bool = False
    gateway_api: bool = True
    alpha_gateway_api: bool = False
    lb_canonical_services_for_external: bool = False
    remote_keys: RemoteKeys = RemoteKeys.FETCHED
    selector_gateway_policy: bool = True
    """ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY: policies with selectors belong to workloads of Gateway API too."""
    cluster_domain: str = "cluster.local"
    cluster_id: str = "Kubernetes"
    cluster_aliases: tuple[tuple[str, str], ...] = ()
    """--clusterAliases: other names of clusters, and what they mean."""
    revision: str = "default"
    shares_cluster: bool = False
    """There is a cluster, which may have other control planes: not every Gateway is ours."""
    gateway_class: str = "istio"
    """PILOT_GATEWAY_API_DEFAULT_GATEWAYCLASS_NAME: the class of gateways that need not be declared."""
    gateway_controller: str = "istio.io/gateway-controller"
    """PILOT_GATEWAY_API_CONTROLLER_NAME: of the classes of gateways that are ours."""
    manual_gateways: bool = True
    """ENABLE_GATEWAY_API_MANUAL_DEPLOYMENT: a Gateway may name the Services that serve it."""
    ingress_namespace: str = ""
    """K8S_INGRESS_NS: where the Gateways are that Ingresses become; empty: `system_namespace`."""
    system_namespace: str = "istio-system"
