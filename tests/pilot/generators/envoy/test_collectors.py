"""Access loggers that send to a service. Source: xDS behaviour 4.7, appendix A.18."""

from typing import Any

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from google.protobuf import json_format

from pilot.generators.envoy.collectors import http_log, mesh_log, opentelemetry_log, tcp_log
from pilot.generators.envoy.log_format import TEXT
from pilot.generators.envoy.wire import Extension
from pilot.model.extension_provider import HttpGrpcAccessLog, LogFormat, OpenTelemetryAccessLog, TcpGrpcAccessLog
from pilot.view.proxy import Flavour

HOSTS = {("c", 9000): "c.example.com"}
GRPC = {"envoyGrpc": {"clusterName": "outbound|9000||c.example.com", "authority": "c.example.com"}}
SIX = ["upstream_peer", "downstream_peer", "wasm.upstream_peer", "wasm.upstream_peer_id", "wasm.downstream_peer",
       "wasm.downstream_peer_id"]  # fmt: skip


def config(made: Extension | None) -> Any:
    assert made is not None
    return json_format.MessageToDict(AccessLog.FromString(made.body))["typedConfig"]


def test_requests_go_to_a_service_with_the_headers_that_are_wanted() -> None:
    provider = HttpGrpcAccessLog("c", 9000, "mine", ("fs",), ("x-a",), ("x-b",), ("x-c",))
    made = config(http_log(provider, HOSTS))
    assert made["commonConfig"] == {
        "logName": "mine", "grpcService": GRPC, "transportApiVersion": "V3", "filterStateObjectsToLog": ["fs"]
    }  # fmt: skip
    assert made["additionalRequestHeadersToLog"] == ["x-a"]
    assert made["additionalResponseHeadersToLog"] == ["x-b"]
    assert made["additionalResponseTrailersToLog"] == ["x-c"]


def test_names_and_peers_are_there_where_none_are_given() -> None:
    http, tcp = (config(each)["commonConfig"] for each in (
        http_log(HttpGrpcAccessLog("c", 9000), HOSTS), tcp_log(TcpGrpcAccessLog("c", 9000), HOSTS)
    ))  # fmt: skip
    assert (http["logName"], tcp["logName"]) == ("http_envoy_accesslog", "tcp_envoy_accesslog")
    assert http["filterStateObjectsToLog"] == tcp["filterStateObjectsToLog"] == SIX[:2]


def test_opentelemetry_has_a_body_and_attributes() -> None:
    declared = LogFormat("hi %RESPONSE_CODE%", {"b": "%PROTOCOL%", "a": "x", "broken": "100%"})
    made = config(opentelemetry_log(OpenTelemetryAccessLog("c", 9000, "mine", declared), HOSTS, Flavour()))
    assert made["body"] == {"stringValue": "hi %RESPONSE_CODE%"}
    assert [each["key"] for each in made["attributes"]["values"]] == ["a", "b"]
    assert made["disableBuiltinLabels"] is True
    assert made["commonConfig"]["filterStateObjectsToLog"] == SIX
    plain = config(opentelemetry_log(OpenTelemetryAccessLog("c", 9000), HOSTS, Flavour()))
    assert plain["body"] == {"stringValue": TEXT}
    assert not {"attributes", "formatters"} & set(plain)


def test_opentelemetry_has_the_formats_that_its_operators_need() -> None:
    for declared in (LogFormat("%REQ_WITHOUT_QUERY(:PATH)%"), LogFormat("", {"a": "%REQ_WITHOUT_QUERY(:PATH)%"})):
        made = config(opentelemetry_log(OpenTelemetryAccessLog("c", 9000, "", declared), HOSTS, Flavour()))
        assert [each["name"] for each in made["formatters"]] == ["envoy.formatter.req_without_query"]


def test_without_a_collector_there_is_no_logger() -> None:
    assert http_log(HttpGrpcAccessLog("c", 1), HOSTS) is None
    assert tcp_log(TcpGrpcAccessLog("c", 1), HOSTS) is None
    assert opentelemetry_log(OpenTelemetryAccessLog("c", 1), HOSTS, Flavour()) is None


def test_the_meshs_own_service_is_a_static_cluster() -> None:
    made = config(mesh_log("listener"))["commonConfig"]
    assert made["grpcService"] == {"envoyGrpc": {"clusterName": "envoy_accesslog_service"}}
    assert made["logName"] == "listener_envoy_accesslog"
