"""The filter that counts traffic."""

from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage

from istio_api.stats_pb2 import PluginConfig
from pilot.generators.envoy.telemetry import stats_filter
from pilot.model.duration import Duration
from pilot.model.extension_provider import Empty, ExtensionProvider
from pilot.model.observation import MetricOverride, ObservedSide, Statistics, observe
from tests.pilot.generators.worlds import mesh_config

PROMETHEUS = ExtensionProvider(name="prometheus", prometheus=Empty())


def side(mesh: str) -> ObservedSide:
    return observe((), mesh_config(mesh)).client


def config(*overrides: MetricOverride, interval: Duration | None = None, **where: bool) -> Any:
    statistics = Statistics(PROMETHEUS, overrides, interval)
    made = stats_filter(ObservedSide(statistics=(statistics,)), outbound=where.pop("outbound", True), **where)
    assert made is not None
    container = AnyMessage.FromString(made.body[made.body.index(b"\x22") + 2 :])
    return json_format.MessageToDict(PluginConfig.FromString(container.value))


def test_statistics_are_made_where_a_provider_is_prometheus() -> None:
    assert stats_filter(side("defaultProviders: {metrics: [prometheus]}"), outbound=True) is not None
    assert stats_filter(side("defaultProviders: {metrics: [stackdriver, nowhere]}"), outbound=True) is None
    assert stats_filter(side(""), outbound=True) is None


def test_servers_do_not_believe_the_host_header() -> None:
    assert config() == {}
    assert config(outbound=False) == {"disableHostHeaderFallback": True}


def test_a_waypoint_reports_as_one() -> None:
    assert config(outbound=False, waypoint=True) == {"disableHostHeaderFallback": True, "reporter": "SERVER_GATEWAY"}


def test_overrides_have_the_names_of_prometheus_and_custom_metrics_their_own() -> None:
    counted = MetricOverride("REQUEST_COUNT", True, (("a", "request.host"),), ("b", "c"))
    made = config(counted, MetricOverride("mine", False, (), ()), interval=Duration(seconds=10))
    assert made == {
        "metrics": [
            {"name": "requests_total", "drop": True, "dimensions": {"a": "request.host"}, "tagsToRemove": ["b", "c"]},
            {"name": "mine"},
        ],
        "tcpReportingDuration": "10s",
    }


def test_a_tag_that_is_no_expression_is_left_out() -> None:
    made = config(MetricOverride("REQUEST_COUNT", False, (("bad", "request.("), ("good", "request.host")), ()))
    assert made["metrics"] == [{"name": "requests_total", "dimensions": {"good": "request.host"}}]
