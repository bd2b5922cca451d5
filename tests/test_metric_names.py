"""Figures by istiod's names: which we have, and which we lack on purpose.

In: names as dashboards ask for them. A name that we have is in our source, as a whole or in the pieces that it is
made of; what we lack has a reason, and is not in the source.
"""

from functools import cache

import pytest

from tests.shared import ROOT

HAVE = [
    "pilot_xds",
    "pilot_xds_pushes",
    "pilot_xds_push_time",
    "pilot_xds_send_time",
    "pilot_xds_config_size_bytes",
    "pilot_debounce_time",
    "pilot_pushcontext_init_seconds",
    "pilot_proxy_queue_time",
    "pilot_proxy_convergence_time",
    "pilot_push_triggers",
    "pilot_inbound_updates",
    "pilot_services",
    "pilot_virt_services",
    "pilot_total_xds_rejects",
    "pilot_total_xds_internal_errors",
    "pilot_xds_expired_nonce",
    "pilot_xds_recv_max",
    "pilot_sds_certificate_errors_total",
    "pilot_conflict_inbound_listener",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp",
    "pilot_duplicate_envoy_clusters",
    "pilot_dns_cluster_without_endpoints",
    "pilot_eds_no_instances",
    "pilot_vservice_dup_domain",
    "pilot_destrule_subsets",
    "endpoint_no_pod",
    "controller_sync_errors_total",
    "pilot_xds_+_reject",
    "pilot_envoy_filter_status",
    "pilot_k8s_endpoints_with_no_pods",
    "pilot_k8s_proxies_with_no_service_targets",
    "ambient_istiod_managed_clusters",
    "galley_validation_config_updates",
    "galley_validation_config_update_error",
    "webhook_patch_attempts_total",
    "webhook_patch_retries_total",
    "webhook_patch_failures_total",
    "pilot_no_ip",
    "pilot_total_rejected_configs",
    "pilot_k8s_reg_events",
    "pilot_k8s_cfg_events",
    "pilot_k8s_endpoints_pending_pod",
    "istiod_managed_clusters",
    "istiod_remote_cluster_sync_status",
    "remote_cluster_secret_events_total",
    "remote_cluster_sync_timeouts_total",
    "auto_registration_+_total",
    "citadel_server_csr_count",
    "citadel_server_success_cert_issuance_count",
    "citadel_server_authentication_failure_count",
    "citadel_server_csr_parsing_err_count",
    "citadel_server_csr_sign_err_count",
    "citadel_server_+_expiry_",
    "pilot_jwks_resolver_network_fetch+_success",
    "pilot_jwks_resolver_network_fetch+_fail",
    "sidecar_injection_requests_total",
    "sidecar_injection_success_total",
    "sidecar_injection_failure_total",
    "sidecar_injection_skip_total",
    "sidecar_injection_time_seconds",
    "galley_validation_passed",
    "galley_validation_failed",
    "galley_validation_http_error",
    "istiod_uptime_seconds",
    "pilot_info",
    "istio_build",
    "grpc_server_started_total",
    "grpc_server_handled_total",
    "grpc_server_msg_received_total",
    "grpc_server_msg_sent_total",
    "grpc_server_handling_seconds",
]

_NO_CACHE = "there is no such cache: answers are shared by the classes of proxies (docs/differences.md)"
_NO_QUEUE = "there are no such queues: changes of one object merge until they are taken"
LACK = {
    "pilot_xds_write_timeout": "a slow reader is not given up: it gets the newest state when it reads",
    "xds_cache_reads": _NO_CACHE,
    "xds_cache_evictions": _NO_CACHE,
    "xds_cache_size": _NO_CACHE,
    "xds_cache_dependent_config_size": _NO_CACHE,
    "pilot_endpoint_not_ready": "would need a look at every proxy's own endpoint for each scrape; nothing shows it",
    "provider_lookup_cluster_failures": "a problem of the object that names the provider, at /debug/problems",
    "ambient_remote_cluster_sync_timeouts_total": "one set of watches serves ambient, too",
    "pilot_worker_queue_depth": _NO_QUEUE,
    "pilot_worker_queue_latency": _NO_QUEUE,
    "pilot_worker_queue_duration": _NO_QUEUE,
    "num_outgoing_retries": "a request to a signer is asked once; its caller comes back",
    "citadel_server_id_extraction_err_count": "an identity that cannot be read is a refused caller, and counted there",
    "galley_validation_config_load_error": "what is written is our own root, which is there before it is served",
}
"""With the reason."""


@cache
def source() -> str:
    """All of it."""
    return "\n".join(path.read_text() for part in ("pilot", "ca", "webhook") for path in (ROOT / part).rglob("*.py"))


@pytest.mark.parametrize("name", HAVE)
def test_we_have_it(name: str) -> None:
    assert all(piece in source() for piece in name.split("+"))


@pytest.mark.parametrize("name", LACK)
def test_what_we_lack_has_a_reason_and_is_really_not_there(name: str) -> None:
    assert LACK[name]
    assert f'"{name}"' not in source()
