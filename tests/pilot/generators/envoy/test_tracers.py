"""Tracers of every provider. Source: xDS behaviour 4.6, appendix A.17."""

from typing import Any

import pytest
from google.protobuf import json_format

from pilot.generators.envoy.tracers import Tracer, build_tracer
from pilot.model.decoding import decode_value
from pilot.model.extension_provider import ExtensionProvider
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour

HOST = "c.otel.svc.cluster.local"
CLUSTER = f"outbound|9000||{HOST}"
GRPC = {"envoyGrpc": {"clusterName": CLUSTER, "authority": HOST}}
ISTIO = Flavour()


def tracer(kind: str, version: tuple[int, int] = (1, 29), flavour: Flavour = ISTIO, **settings: Any) -> Tracer | None:
    given = {"service": HOST, "port": 9000, **settings} if kind not in ("prometheus", "stackdriver") else settings
    provider, faults = decode_value({"name": "p", kind: given}, ExtensionProvider)
    assert provider is not None, faults
    observed = Observed(hosts={(HOST, 9000): HOST}, zipkin_version=version)
    return build_tracer(provider, observed, flavour, "client.default")


def config(kind: str, **more: Any) -> Any:
    made = tracer(kind, **more)
    assert made is not None
    found = json_format.MessageToDict(made.provider)["typedConfig"]
    return {key: value for key, value in found.items() if key != "@type"}


def test_zipkin_is_told_by_a_uri_with_128_bits_unless_64_are_wanted() -> None:
    made = config("zipkin")
    assert made == {
        "collectorEndpointVersion": "HTTP_JSON",
        "traceId128bit": True,
        "sharedSpanContext": False,
        "collectorService": {"httpUri": {"uri": f"http://{HOST}/api/v2/spans", "cluster": CLUSTER, "timeout": "5s"}},
    }
    assert "traceId128bit" not in config("zipkin", enable64bitTraceId=True)
    assert config("zipkin", path="/x", timeout="2s")["collectorService"]["httpUri"] == {
        "uri": f"http://{HOST}/x", "cluster": CLUSTER, "timeout": "2s"
    }  # fmt: skip


def test_older_proxies_know_zipkin_by_cluster_and_path() -> None:
    made = config("zipkin", version=(1, 28), traceContextOption="USE_B3_WITH_W3C_PROPAGATION")
    assert (made["collectorCluster"], made["collectorEndpoint"]) == (CLUSTER, "/api/v2/spans")
    assert (made["collectorHostname"], made["traceContextOption"]) == (HOST, "USE_B3_WITH_W3C_PROPAGATION")
    assert "collectorService" not in made
    both = config("zipkin", version=(1, 27), traceContextOption="USE_B3_WITH_W3C_PROPAGATION")
    assert "traceContextOption" not in both


def test_datadog_and_opentelemetry_are_told_who_speaks() -> None:
    assert config("datadog") == {
        "collectorCluster": CLUSTER, "collectorHostname": HOST, "serviceName": "client.default"
    }  # fmt: skip
    assert config("opentelemetry") == {"grpcService": GRPC, "serviceName": "client.default"}


def test_opentelemetry_over_http_has_headers_and_detectors() -> None:
    http = {
        "path": "/v1/traces",
        "timeout": "3s",
        "headers": [{"name": "k", "value": "v"}, {"name": "e", "envName": "E"}],
    }
    made = config("opentelemetry", http=http, resourceDetectors={"environment": {}, "dynatrace": {}})
    assert made["httpService"]["httpUri"] == {"uri": f"{HOST}/v1/traces", "cluster": CLUSTER, "timeout": "3s"}
    for path, uri in (("v1/traces", f"{HOST}/v1/traces"), ("", HOST)):
        assert config("opentelemetry", http={"path": path})["httpService"]["httpUri"]["uri"] == uri
    assert [each["header"] for each in made["httpService"]["requestHeadersToAdd"]] == [
        {"key": "k", "value": "v"}, {"key": "e"}
    ]  # fmt: skip
    assert [each["name"].rpartition(".")[2] for each in made["resourceDetectors"]] == ["environment", "dynatrace"]


def test_opentelemetry_over_grpc_has_a_timeout_and_metadata() -> None:
    grpc = {"timeout": "2s", "initialMetadata": [{"name": "k", "value": "v"}]}
    assert config("opentelemetry", grpc=grpc)["grpcService"] == {
        **GRPC, "timeout": "2s", "initialMetadata": [{"key": "k", "value": "v"}]
    }  # fmt: skip


def test_a_sampler_decides_itself() -> None:
    sampler = {"tenant": "t", "clusterId": 3, "httpService": {"service": HOST, "port": 9000, "http": {"path": "/s"}}}
    made = tracer("opentelemetry", dynatraceSampler=sampler)
    assert made is not None
    assert made.samples
    found = json_format.MessageToDict(made.provider)["typedConfig"]["sampler"]["typedConfig"]
    assert found["httpService"]["httpUri"]["uri"] == f"{HOST}/s"
    exporter = tracer("opentelemetry", http={"path": "/v1/traces"}, dynatraceSampler={"tenant": "t"})
    assert exporter is not None
    assert exporter.samples
    neither = tracer("opentelemetry", dynatraceSampler={"tenant": "t"})
    assert neither is not None
    assert not neither.samples


def test_skywalking_has_a_span_of_the_proxy_and_no_token() -> None:
    made = tracer("skywalking", accessToken="secret")
    assert made is not None
    assert made.spawns_span
    assert config("skywalking", accessToken="secret") == {"grpcService": GRPC}


def test_the_length_of_tags_is_that_of_the_provider() -> None:
    made = [tracer(kind, maxTagLength=7) for kind in ("zipkin", "opentelemetry", "datadog")]
    assert [each and each.max_tag_length for each in made] == [7, 7, 7]


@pytest.mark.parametrize("kind", ["lightstep", "opencensus", "prometheus", "stackdriver"])
def test_what_envoy_does_not_have_is_no_tracer(kind: str) -> None:
    assert tracer(kind) is None


@pytest.mark.parametrize("kind", ["zipkin", "datadog", "opentelemetry", "skywalking"])
def test_without_a_collector_there_is_no_tracer(kind: str) -> None:
    assert tracer(kind, service="nobody") is None


def test_a_tracer_that_this_envoy_lacks_is_left_out() -> None:
    assert tracer("zipkin", flavour=Flavour(frozenset())) is None
    assert tracer("zipkin", flavour=Flavour(frozenset({"envoy.config.trace.v3.ZipkinConfig"}))) is not None
