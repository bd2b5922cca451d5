import logging

import pytest
from prometheus_client import CollectorRegistry

from pilot.errors import InternalError, MissingNode, NotReady
from pilot.type_urls import CLUSTER, ROUTE, TypeUrl
from pilot.xds.events import Acked, HealthReported, Nacked, Nonce, Queried, Stale, Subscribed, Unsubscribed
from pilot.xds.journal import LONGEST, Journal, listed, one_line
from pilot.xds.metrics import XdsMetrics
from tests.pilot.xds.conversations import SOTW, Conversation, small_world


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def journal(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> Journal:
    caplog.set_level(logging.DEBUG, "ads")
    return Journal(XdsMetrics(registry))


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_peers_come_and_go_at_info(
    journal: Journal, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    journal.connected("web-1.default-1", "127.0.0.1:5", "1.29.1")
    assert registry.get_sample_value("pilot_xds", {"version": "1.29.1"}) == 1
    journal.disconnected("web-1.default-1", "1.29.1")
    assert registry.get_sample_value("pilot_xds", {"version": "1.29.1"}) == 0
    assert lines(caplog) == [
        ("INFO", "ADS: new connection for node:web-1.default-1 from 127.0.0.1:5"),
        ("INFO", "ADS: connection of node:web-1.default-1 terminated"),
    ]


def test_refusal_is_a_warning_with_proxy_type_resources_and_words(
    journal: Journal, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    journal.happened("web-1.default-1", Nacked(ROUTE, Nonce("1"), ("80", "90"), "no\tsuch"))
    journal.happened("web-1.default-1", Nacked(CLUSTER, Nonce("1"), (), ""))
    assert lines(caplog) == [
        ("WARNING", "ADS:RDS: ACK ERROR web-1.default-1 refused 80, 90: no such"),
        ("WARNING", "ADS:CDS: ACK ERROR web-1.default-1 refused the response: no reason given"),
    ]
    assert registry.get_sample_value("pilot_total_xds_rejects", {"type": "rds"}) == 1


def test_peers_fault_is_info_and_ours_an_error(
    journal: Journal, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    journal.ended("127.0.0.1:5", MissingNode("missing node information"))
    journal.ended("127.0.0.1:6", NotReady("come again"))
    assert registry.get_sample_value("pilot_total_xds_internal_errors") is None
    journal.ended("127.0.0.1:5", InternalError("internal error"))
    assert lines(caplog) == [
        ("INFO", "ADS: stream of 127.0.0.1:5 ended: INVALID_ARGUMENT: missing node information"),
        ("INFO", "ADS: stream of 127.0.0.1:6 ended: UNAVAILABLE: come again"),
        ("ERROR", "ADS: stream of 127.0.0.1:5 ended: INTERNAL: internal error"),
    ]
    assert registry.get_sample_value("pilot_total_xds_internal_errors") == 1


def test_failed_generation_is_an_error_with_its_cause(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.failed("web-1.default-1", CLUSTER, ZeroDivisionError("a bug"))
    assert lines(caplog) == [("ERROR", "CDS: generation failed for node:web-1.default-1")]
    assert "a bug" in caplog.text


def test_everyday_requests_are_debug(
    journal: Journal, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    names = frozenset("a")
    for event in (
        Subscribed(CLUSTER, names),
        Unsubscribed(CLUSTER, names),
        Acked(CLUSTER, Nonce("1")),
        Stale(CLUSTER, Nonce("1")),
    ):
        journal.happened("web-1.default-1", event)
    assert {level for level, _ in lines(caplog)} == {"DEBUG"}
    assert registry.get_sample_value("pilot_xds_expired_nonce", {"type": "cds"}) == 1


def test_health_and_questions_are_info(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.happened("vm-1", HealthReported(True, ""))
    journal.happened("vm-1", HealthReported(False, "port closed"))
    journal.happened("ctl-1", Queried(TypeUrl("istio.io/debug"), frozenset(("syncz",))))
    assert lines(caplog) == [
        ("INFO", "ADS: vm-1 reports that its application is healthy"),
        ("INFO", "ADS: vm-1 reports that its application is unhealthy: port closed"),
        ("INFO", "ADS: ctl-1 asks istio.io/debug for syncz"),
    ]


def test_push_is_debug_and_counted(
    journal: Journal, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    (response,) = Conversation(SOTW, small_world()).say(CLUSTER)
    journal.sent("web-1.default-1", response, len(response.data), 0.5, 0.25)
    size = len(response.data)
    assert lines(caplog) == [
        ("DEBUG", f"CDS: PUSH for node:web-1.default-1 resources:2 removed:0 size:{size}B nonce:1")
    ]
    assert registry.get_sample_value("pilot_xds_pushes", {"type": "cds"}) == 1
    caplog.clear()
    caplog.set_level(logging.INFO, "ads")
    journal.sent("web-1.default-1", response, len(response.data), 0.5, 0.25)
    assert not caplog.records


def test_words_of_a_peer_stay_on_one_line_and_are_cut() -> None:
    assert one_line("a\nb\x1b[31m") == "a b [31m"
    cut = one_line("x" * (LONGEST + 1))
    assert cut == f"{'x' * LONGEST}... ({LONGEST + 1} characters)"


def test_many_names_are_not_all_listed() -> None:
    assert listed(("a", "b")) == "a, b"
    assert listed([str(number) for number in range(12)]).endswith("8, 9 and 2 more")


def test_a_tool_is_not_counted_among_proxies() -> None:
    registry = CollectorRegistry()
    journal = Journal(XdsMetrics(registry))
    journal.connected("ctl-1", "10.0.0.1:1", None)
    assert registry.get_sample_value("pilot_xds", {"version": ""}) is None
    journal.disconnected("ctl-1", None)
