import pytest
from prometheus_client import CollectorRegistry, generate_latest

from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, TypeUrl
from pilot.xds.metrics import XdsMetrics, code_name


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_nothing_is_counted_at_first(registry: CollectorRegistry) -> None:
    XdsMetrics(registry)
    assert registry.get_sample_value("pilot_xds", {"version": "1.29.1"}) is None


def test_streams_are_counted_by_version(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    for version in ("1.29.1", "1.29.1", "1.28.0"):
        metrics.connected(version)
    metrics.disconnected("1.29.1")
    assert registry.get_sample_value("pilot_xds", {"version": "1.29.1"}) == 1
    assert registry.get_sample_value("pilot_xds", {"version": "1.28.0"}) == 1


def test_response_is_counted_with_its_time_and_size(registry: CollectorRegistry) -> None:
    XdsMetrics(registry).sent(CLUSTER, 5_000, 0.5, 0.25)
    value = registry.get_sample_value
    assert value("pilot_xds_pushes", {"type": "cds"}) == 1
    assert value("pilot_xds_push_time_sum", {"type": "cds"}) == 0.75
    assert value("pilot_xds_push_time_bucket", {"type": "cds", "le": "1.0"}) == 1
    assert value("pilot_xds_send_time_sum") == 0.25
    assert value("pilot_xds_config_size_bytes_sum", {"type": CLUSTER}) == 5_000


def test_troubles_are_counted(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    metrics.rejected(CLUSTER, "web-1.default-1", 13)
    metrics.stale(ENDPOINT)
    metrics.unsent(ENDPOINT)
    metrics.failed()
    value = registry.get_sample_value
    assert value("pilot_total_xds_rejects", {"type": "cds"}) == 1
    assert value("pilot_xds_expired_nonce", {"type": "eds"}) == 1
    assert value("pilot_xds_pushes", {"type": "eds_senderr"}) == 1
    assert value("pilot_total_xds_internal_errors") == 1


def test_refusals_are_told_by_proxy_as_long_as_it_is_connected(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    for connection in ("web-1.default-1", "web-1.default-1", "web-1.default-2", "web-2.default-3"):
        metrics.rejected(LISTENER, connection, 3)
    metrics.rejected(CLUSTER, "web-2.default-3", 13)
    metrics.rejected(TypeUrl("somebody.Thing"), "web-2.default-3", 13)
    value = registry.get_sample_value
    assert value("pilot_xds_lds_reject", {"node": "web-1.default", "err": "InvalidArgument"}) == 3
    assert value("pilot_xds_cds_reject", {"node": "web-2.default", "err": "Internal"}) == 1
    metrics.forget("web-1.default-1")
    assert value("pilot_xds_lds_reject", {"node": "web-1.default", "err": "InvalidArgument"}) == 1
    metrics.forget("web-1.default-2")
    assert value("pilot_xds_lds_reject", {"node": "web-1.default", "err": "InvalidArgument"}) is None
    assert value("pilot_total_xds_rejects", {"type": "lds"}) == 4


@pytest.mark.parametrize(("code", "name"), [(0, "OK"), (1, "Canceled"), (13, "Internal"), (99, "Unknown")])
def test_codes_are_named_as_go_names_them(code: int, name: str) -> None:
    assert code_name(code) == name


def test_largest_request_is_remembered(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    metrics.received(10)
    metrics.received(30)
    metrics.received(20)
    assert registry.get_sample_value("pilot_xds_recv_max") == 30


def test_types_that_clients_invent_are_one(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    for number in range(3):
        metrics.sent(TypeUrl(f"somebody.Thing{number}"), 1, 0, 0)
    assert registry.get_sample_value("pilot_xds_pushes", {"type": "other"}) == 3
    assert registry.get_sample_value("pilot_xds_config_size_bytes_count", {"type": "other"}) == 3


def test_push_is_timed_from_event_to_proxy(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    metrics.triggered(("config", "service"), 0.125)
    metrics.waited(0.25)
    metrics.converged(0.5)
    value = registry.get_sample_value
    assert value("pilot_push_triggers", {"type": "config"}) == value("pilot_push_triggers", {"type": "service"}) == 1
    assert value("pilot_debounce_time_sum") == 0.125
    assert value("pilot_proxy_queue_time_sum") == 0.25
    assert value("pilot_proxy_convergence_time_sum") == 0.5


def test_page_has_istiods_names(registry: CollectorRegistry) -> None:
    metrics = XdsMetrics(registry)
    metrics.sent(CLUSTER, 1, 0, 0)
    metrics.connected("1.29.1")
    page = generate_latest(registry).decode().splitlines()
    assert 'pilot_xds_pushes{type="cds"} 1.0' in page
    assert 'pilot_xds{version="1.29.1"} 1.0' in page
