"""What Telemetries come to together. Source: xDS behaviour 4.6, 4.7, 7.3."""

from typing import Any

import pytest

from pilot.model.decoding import decode_value
from pilot.model.mesh import MeshConfig
from pilot.model.observation import ObservedSide, Trace, find_provider, observe
from pilot.model.telemetry import TelemetrySpec
from tests.pilot.generators.worlds import mesh_config

PROVIDERS = """
extensionProviders:
- {name: a, envoyFileAccessLog: {path: /a}}
- {name: b, envoyFileAccessLog: {path: /b}}
- {name: c, envoyFileAccessLog: {path: /c}}
- {name: zip, zipkin: {service: z, port: 1}}
- {name: otel, opentelemetry: {service: o, port: 2}}
"""


def spec(**fields: Any) -> TelemetrySpec:
    found, faults = decode_value(fields, TelemetrySpec)
    assert found is not None, faults
    return found


def sides(*specs: TelemetrySpec, mesh: str = "") -> tuple[ObservedSide, ObservedSide]:
    found = observe(specs, known(mesh))
    return found.client, found.server


def known(mesh: str) -> MeshConfig:
    return mesh_config(PROVIDERS + mesh)


def logs(*specs: TelemetrySpec, mesh: str = "") -> list[list[str] | None]:
    return [
        None if side.logs is None else [f"{each.provider.name}{each.filter and '?'}{each.filter}" for each in side.logs]
        for side in sides(*specs, mesh=mesh)
    ]


def logging(*entries: dict[str, Any]) -> TelemetrySpec:
    return spec(accessLogging=list(entries))


def to(*names: str, mode: str = "", **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"providers": [{"name": each} for each in names], **more}
    return {**entry, "match": {"mode": mode}} if mode else entry


DEFAULT = "defaultProviders: {accessLogging: [a], tracing: [zip], metrics: [prometheus]}"
OFF = {"disabled": True}


@pytest.mark.parametrize(
    ("specs", "mesh", "client", "server"),
    [
        ([], "", None, None),
        ([], DEFAULT, ["a"], ["a"]),
        ([logging(to("b", "a"))], "", ["a", "b"], ["a", "b"]),
        ([logging(to("b"))], DEFAULT, ["b"], ["b"]),
        ([logging(to("b")), logging(to("c"))], DEFAULT, ["c"], ["c"]),
        ([logging(to("B"))], "", ["b"], ["b"]),
        ([logging(to("nobody"))], "", [], []),
        ([logging(OFF)], DEFAULT, [], []),
        ([logging(to("a", "b")), logging({**OFF, "match": {"mode": "CLIENT"}})], "", [], ["a", "b"]),
        ([logging(to("a", mode="SERVER"), to("b", "c", mode="CLIENT")), logging(OFF)], "", [], ["a"]),
        ([logging(to("a")), logging(to("b", mode="SERVER"))], "", ["a"], ["b"]),
        ([logging(to("a", filter={"expression": "x"}))], "", ["a?x"], ["a?x"]),
        ([logging(to("a")), logging({"filter": {"expression": "y"}})], "", ["a?y"], ["a?y"]),
        ([spec(tracing=[{}])], DEFAULT, ["a"], ["a"]),
    ],
)
def test_who_logs_what(specs: list[TelemetrySpec], mesh: str, client: Any, server: Any) -> None:
    assert logs(*specs, mesh=mesh) == [client, server]


def traces(*entries: dict[str, Any], mesh: str = "") -> tuple[Trace | None, Trace | None]:
    client, server = sides(spec(tracing=list(entries)), mesh=mesh)
    return client.trace, server.trace


def test_without_a_provider_and_without_a_telemetry_the_mesh_traces_as_it_did_before() -> None:
    assert [side.trace for side in sides()] == [None, None]


def test_the_first_default_provider_traces() -> None:
    client, server = sides(mesh=DEFAULT.replace("[zip]", "[zip, otel]"))
    assert client.trace == server.trace == Trace(find_provider("zip", known(DEFAULT)))


def test_each_side_has_its_tracer_and_its_settings() -> None:
    client, server = traces(
        to("otel", mode="SERVER", useRequestIdForTraceSampling=False, randomSamplingPercentage=12.5),
        to("zip", "otel", mode="CLIENT", enableIstioTags=False),
    )
    assert client is not None
    assert server is not None
    assert client.provider is not None
    assert server.provider is not None
    assert (client.provider.name, client.sampling, client.use_request_id, client.istio_tags) == (
        "zip",
        None,
        True,
        False,
    )
    assert (server.provider.name, server.sampling, server.use_request_id, server.istio_tags) == (
        "otel",
        12.5,
        False,
        True,
    )


def test_later_settings_override_and_zero_percent_is_one() -> None:
    client, _ = traces(to("zip", randomSamplingPercentage=7), {"randomSamplingPercentage": 0})
    assert client is not None
    assert client.sampling == 0


def test_a_list_of_tags_replaces_the_one_before_it() -> None:
    first, second = {"a": {"literal": {"value": "1"}}}, {"b": {"literal": {"value": "2"}}}
    client, _ = traces(to("zip", customTags=first), {"customTags": second})
    assert client is not None
    assert list(client.custom_tags or ()) == ["b"]


@pytest.mark.parametrize("entries", [[{"disableSpanReporting": True}], [to("nobody")], [{}]])
def test_disabled_or_without_a_known_provider_nothing_is_traced(entries: list[dict[str, Any]]) -> None:
    mesh = DEFAULT if "disableSpanReporting" in entries[0] else ""
    client, server = traces(*entries, mesh=mesh)
    assert client is not None
    assert server is not None
    assert client.provider is None
    assert server.provider is None


def test_what_was_disabled_can_be_enabled_below() -> None:
    client, _ = traces({"disableSpanReporting": True}, {"disableSpanReporting": False}, mesh=DEFAULT)
    assert client is not None
    assert client.provider is not None


def metrics(*entries: dict[str, Any], mesh: str = "") -> list[dict[str, list[str]]]:
    return [
        {each.provider.name: [f"{'-' if o.drop else ''}{o.name}" for o in each.overrides] for each in side.statistics}
        for side in sides(spec(metrics=list(entries)), mesh=mesh)
    ]


ALL = {"metric": "ALL_METRICS"}


def test_metrics_are_those_of_the_default_providers_unless_others_are_named() -> None:
    assert [len(side.statistics) for side in sides(mesh=DEFAULT)] == [1, 1]
    assert metrics(to("stackdriver"), mesh=DEFAULT) == [{"stackdriver": []}] * 2
    assert metrics(to("nobody"), mesh=DEFAULT) == [{}, {}]


def test_turning_all_metrics_off_on_a_side_leaves_it_without_a_filter() -> None:
    off = {"match": {**ALL, "mode": "CLIENT"}, "disabled": True}
    assert metrics({"overrides": [off]}, mesh=DEFAULT) == [{}, {"prometheus": []}]
    assert metrics({"overrides": [{"disabled": True}]}, mesh=DEFAULT) == [{}, {}]


def test_what_was_turned_off_is_on_where_a_later_override_says_something() -> None:
    off, on = {"match": ALL, "disabled": True}, {"match": {"metric": "REQUEST_COUNT"}, "disabled": False}
    assert metrics({"overrides": [off]}, {"overrides": [on]}, mesh=DEFAULT) == [{"prometheus": ["REQUEST_COUNT"]}] * 2


def test_an_override_of_all_metrics_is_one_of_each() -> None:
    tags = {"x": {"value": "request.host"}}
    client, _ = metrics({"overrides": [{"match": ALL, "tagOverrides": tags}]}, mesh=DEFAULT)
    assert len(client["prometheus"]) == 10
    assert client["prometheus"] == sorted(client["prometheus"])


def test_overrides_of_one_metric_unite_and_custom_metrics_come_last() -> None:
    both = {"overrides": [
        {"match": ALL, "tagOverrides": {"x": {"value": "1"}, "y": {"operation": "REMOVE"}}},
        {"match": {"metric": "REQUEST_COUNT", "mode": "SERVER"}, "disabled": True,
         "tagOverrides": {"y": {"value": "2"}, "z": {"operation": "REMOVE"}}},
        {"match": {"customMetric": "mine"}, "tagOverrides": {"a": {"value": "'b'"}}},
    ]}  # fmt: skip
    _, server = sides(spec(metrics=[both]), mesh=DEFAULT)
    (statistics,) = server.statistics
    count = next(each for each in statistics.overrides if each.name == "REQUEST_COUNT")
    assert (count.drop, count.tags, count.removed) == (True, (("x", "1"), ("y", "2")), ("z",))
    assert statistics.overrides[-1].name == "mine"


def test_the_last_reporting_interval_counts() -> None:
    client, _ = sides(spec(metrics=[{"reportingInterval": "10s"}, {"reportingInterval": "5s"}, {}]), mesh=DEFAULT)
    (statistics,) = client.statistics
    assert statistics.reporting_interval is not None
    assert statistics.reporting_interval.total_seconds() == 5


def test_the_same_telemetries_come_to_the_same_object() -> None:
    specs, mesh = (logging(to("a")),), known("")
    assert observe(specs, mesh) is observe(specs, mesh)
