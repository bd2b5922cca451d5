from typing import Any

from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf import json_format

from pilot.generators.envoy.tracing import build_tracing
from pilot.model.extension_provider import ExtensionProvider, ZipkinTracing
from pilot.model.features import Features
from pilot.model.observation import ObservedSide, Trace
from pilot.model.proxy_config import CustomTag, LiteralTag, ProxyConfig, SourcedTag, Tracing
from pilot.model.telemetry import FormatterTag, TelemetryTag
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour, ProxyKind, Traits
from tests.pilot.generators.worlds import TAGS, mesh_config, traits


def tracing(mesh: str = "", observed: Observed | None = None, known: Traits | None = None, **settings: Any) -> Any:
    config = ProxyConfig(tracing=Tracing(**settings)) if settings else ProxyConfig()
    seen = observed or Observed()
    made = build_tracing(TAGS, seen, seen.client.trace, mesh_config(mesh), config, Features(), known or traits())
    return json_format.MessageToDict(HttpConnectionManager.Tracing.FromString(made)) if made else None


def test_one_percent_is_traced_unless_the_proxy_says_otherwise() -> None:
    assert tracing()["randomSampling"] == {"value": 1.0}
    assert tracing(sampling=42.0)["randomSampling"] == {"value": 42.0}
    assert tracing()["overallSampling"] == {"value": 100.0}


def test_the_mesh_can_turn_tracing_off() -> None:
    assert tracing("enableTracing: false") is None


def test_tags_name_the_workload_after_those_of_dry_runs() -> None:
    tags = tracing()["customTags"]

    assert [each["tag"] for each in tags[4:]] == [
        "istio.canonical_revision", "istio.canonical_service", "istio.cluster_id", "istio.mesh_id", "istio.namespace"
    ]  # fmt: skip
    assert tags[5]["literal"] == {"value": "client"}


def test_tags_of_users_come_last_by_name() -> None:
    own = {
        "z": CustomTag(literal=LiteralTag("v")),
        "b": CustomTag(header=SourcedTag("x-b", "none")),
        "a": CustomTag(environment=SourcedTag("A")),
    }
    made = tracing(custom_tags=own, enable_istio_tags=False, max_path_tag_length=99)

    assert made["customTags"] == [
        {"tag": "a", "environment": {"name": "A"}},
        {"tag": "b", "requestHeader": {"name": "x-b", "defaultValue": "none"}},
        {"tag": "z", "literal": {"value": "v"}},
    ]
    assert made["maxPathTagLength"] == 99


HOST = "c.example.com"
ZIPKIN = ExtensionProvider(name="z", zipkin=ZipkinTracing(service=HOST, port=9411, max_tag_length=64))


def with_trace(trace: Trace) -> Observed:
    return Observed(ObservedSide(trace=trace), hosts={(HOST, 9411): HOST})


def test_a_provider_gets_what_is_sampled_and_no_path_is_longer_than_it_wants() -> None:
    made = tracing(observed=with_trace(Trace(ZIPKIN, sampling=12.5)), max_path_tag_length=99)
    assert made["provider"]["name"] == "envoy.tracers.zipkin"
    assert made["randomSampling"] == {"value": 12.5}
    assert made["maxPathTagLength"] == 64
    assert "spawnUpstreamSpan" not in made


def test_no_percent_is_still_an_answer() -> None:
    assert tracing(observed=with_trace(Trace(ZIPKIN, sampling=0)))["randomSampling"] == {}
    assert tracing(observed=with_trace(Trace(ZIPKIN)), sampling=42.0)["randomSampling"] == {"value": 42.0}


def test_without_a_provider_that_can_be_reached_there_is_no_tracing() -> None:
    assert tracing(observed=with_trace(Trace(None))) is None
    assert tracing(observed=Observed(ObservedSide(trace=Trace(ZIPKIN)))) is None
    assert tracing("enableTracing: false", observed=with_trace(Trace(ZIPKIN))) is not None


def test_a_gateway_has_a_span_of_its_own() -> None:
    made = tracing(observed=with_trace(Trace(ZIPKIN)), known=traits(kind=ProxyKind.ROUTER))
    assert made["spawnUpstreamSpan"] is True


def test_tags_of_a_telemetry_replace_those_of_the_proxy_and_all_are_in_order() -> None:
    tags = {
        "z": TelemetryTag(literal=LiteralTag("v")),
        "f": TelemetryTag(formatter=FormatterTag("%REQ(:path)%")),
        "broken": TelemetryTag(formatter=FormatterTag("100%")),
    }
    own = {"mine": CustomTag(literal=LiteralTag("v"))}
    made = tracing(observed=with_trace(Trace(ZIPKIN, custom_tags=tags)), custom_tags=own)
    names = [each["tag"] for each in made["customTags"]]
    assert names == sorted(names)
    assert {"z", "f"} <= set(names)
    assert not {"mine", "broken"} & set(names)
    assert {"tag": "f", "value": "%REQ(:path)%"} in made["customTags"]
    assert "mine" in {
        each["tag"] for each in tracing(observed=with_trace(Trace(ZIPKIN)), custom_tags=own)["customTags"]
    }


def test_no_tags_of_a_telemetry_leave_those_of_the_proxy() -> None:
    own = {"mine": CustomTag(literal=LiteralTag("v"))}
    made = tracing(observed=with_trace(Trace(ZIPKIN, custom_tags={}, istio_tags=False)), custom_tags=own)
    assert [each["tag"] for each in made["customTags"]] == ["mine"]


def test_an_older_stock_envoy_has_no_tags_with_formats() -> None:
    tags = {"f": TelemetryTag(formatter=FormatterTag("%REQ(:path)%"))}
    lists = frozenset({"envoy.config.trace.v3.ZipkinConfig"})

    def has(version: tuple[int, int, int]) -> bool:
        trace = Trace(ZIPKIN, custom_tags=tags, istio_tags=False)
        made = tracing(observed=with_trace(trace), known=traits(flavour=Flavour(lists, version)))
        return "customTags" in made

    assert has((1, 37, 0))
    assert not has((1, 36, 2))


def test_a_waypoint_tells_of_both_ends() -> None:
    made = tracing(known=traits(kind=ProxyKind.WAYPOINT))["customTags"]
    values = {each["tag"]: each.get("value") for each in made}
    assert values["istio.source_app_version"] == "%FILTER_STATE(downstream_peer_obj:FIELD:version)%"
    assert values["istio.destination_workload"] == "%FILTER_STATE(upstream_peer_obj:FIELD:workload)%"
    assert len(values) == 27
    assert len(tracing(known=traits(kind=ProxyKind.WAYPOINT), enable_istio_tags=False)["customTags"]) == 18


def test_what_envoy_would_refuse_costs_no_listener() -> None:
    tags = {
        "": TelemetryTag(literal=LiteralTag("v")),
        "empty": TelemetryTag(literal=LiteralTag("")),
        "nameless": TelemetryTag(environment=SourcedTag("")),
        "header": TelemetryTag(header=SourcedTag("no header")),
    }
    made = tracing(observed=with_trace(Trace(ZIPKIN, sampling=900, custom_tags=tags, istio_tags=False)))
    assert "customTags" not in made
    assert made["randomSampling"] == {"value": 100.0}
    assert tracing(observed=with_trace(Trace(ZIPKIN, sampling=-1)))["randomSampling"] == {}
