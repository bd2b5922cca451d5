"""What a ProxyConfig adds to the bootstrap. Source: operations 14."""

import re
from typing import Any

import pytest

from pilot.agent import proxy_config
from pilot.agent.proxy_config import read_proxy_config
from pilot.model.proxy_config import ProxyConfig


def config(**settings: Any) -> ProxyConfig:
    return read_proxy_config({"PROXY_CONFIG": settings})


@pytest.mark.parametrize("raw", [None, "", "{", [], {"tracing": 5}, '{"statusPort": "x"}'])
def test_what_cannot_be_read_counts_as_not_given(raw: object) -> None:
    assert read_proxy_config({"PROXY_CONFIG": raw}) == ProxyConfig()


def test_text_is_read_as_json() -> None:
    assert read_proxy_config({"PROXY_CONFIG": '{"zipkinAddress": "z:1"}'}).zipkin_address == "z:1"


def test_tags_are_found_in_names_of_statistics() -> None:
    (tag,) = proxy_config.stat_tags(config(extraStatTags=["region"]))
    found = re.search(tag["regex"], "istiocustom.region=.=eu;.requests_total")
    assert tag["tag_name"] == "region"
    assert found is not None
    assert found.group(2) == "eu"


def test_statistics_are_kept_by_prefix_suffix_and_expression() -> None:
    matcher = {"inclusionPrefixes": ["a"], "inclusionSuffixes": ["b"], "inclusionRegexps": ["c.*"]}
    assert proxy_config.stat_patterns(config(proxyStatsMatcher=matcher)) == [
        {"prefix": "a"}, {"suffix": "b"}, {"safe_regex": {"regex": "c.*"}}
    ]  # fmt: skip
    assert proxy_config.stat_patterns(config()) == []


def test_runtime_values_keep_their_types() -> None:
    values = {"a": "5", "b": "true", "c": "text", "d": '"quoted"'}
    assert proxy_config.runtime(config(runtimeValues=values)) == {"a": 5, "b": True, "c": "text", "d": '"quoted"'}


@pytest.mark.parametrize("settings", [{"zipkinAddress": "z:9411"}, {"tracing": {"zipkin": {"address": "z:9411"}}}])
def test_spans_go_to_zipkin(settings: dict[str, Any]) -> None:
    made = proxy_config.tracing(config(**settings))
    assert made is not None
    assert made["http"]["typed_config"]["collector_cluster"] == "zipkin"
    (cluster,) = proxy_config.clusters(config(**settings))
    address = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    assert address == {"socket_address": {"address": "z", "port_value": 9411}}


def test_spans_go_to_datadog() -> None:
    known = config(tracing={"datadog": {"address": "d:8126"}})
    made = proxy_config.tracing(known)
    assert made is not None
    assert made["http"]["name"] == "envoy.tracers.datadog"
    assert [each["name"] for each in proxy_config.clusters(known)] == ["datadog_agent"]


def test_services_for_logs_and_metrics_speak_http2() -> None:
    known = config(envoyAccessLogService={"address": "[::1]:9000"}, envoyMetricsService={"address": "m:1"})
    made = {each["name"]: each for each in proxy_config.clusters(known)}
    assert set(made) == {"envoy_accesslog_service", "envoy_metrics_service"}
    assert all("typed_extension_protocol_options" in each for each in made.values())
    assert [each["name"] for each in proxy_config.stats_sinks(known)] == ["envoy.stat_sinks.metrics_service"]


def test_by_default_there_is_nothing() -> None:
    known = config()
    assert proxy_config.tracing(known) is None
    assert not list(proxy_config.clusters(known))
    assert not proxy_config.stats_sinks(known)
    assert not list(proxy_config.clusters(config(zipkinAddress="no-port")))
