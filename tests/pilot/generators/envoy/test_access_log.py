from typing import Any

import pytest
from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from google.protobuf import json_format

from pilot.generators.envoy.access_log import AccessLogs, build_access_logs
from pilot.generators.envoy.log_format import JSON, TEXT
from pilot.model.extension_provider import (
    Empty,
    ExtensionProvider,
    FileAccessLog,
    HttpGrpcAccessLog,
    OpenTelemetryAccessLog,
    TcpGrpcAccessLog,
)
from pilot.model.mesh import MeshConfig
from pilot.model.observation import Log, ObservedSide, observe
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import mesh_config


def decoded(bodies: tuple[bytes, ...]) -> list[Any]:
    return [json_format.MessageToDict(AccessLog.FromString(body)) for body in bodies]


ISTIO = Flavour()


def logs_of(mesh: MeshConfig, flavour: Flavour, **hosts: str) -> AccessLogs:
    """The logs of clients; `hosts` by the name of a service, all on port 9000."""
    observation = observe((), mesh)
    known = {(service, 9000): host for service, host in hosts.items()}
    observed = Observed(observation.client, observation.server, known)
    return build_access_logs(mesh, flavour, observed, observed.client)


def http_logs(mesh: str, flavour: Flavour = ISTIO) -> list[Any]:
    return decoded(logs_of(mesh_config(mesh), flavour).http)


def log_format(mesh: str) -> Any:
    (made,) = http_logs(mesh)
    return made["typedConfig"]["logFormat"]


def test_nothing_is_logged_by_default() -> None:
    logs = logs_of(mesh_config(), Flavour())

    assert (logs.http, logs.tcp, logs.listener, logs.tunnel) == ((), (), (), ())


def test_a_file_gets_a_line_for_each_request() -> None:
    (made,) = http_logs("accessLogFile: /dev/stdout")

    assert made["name"] == "envoy.access_loggers.file"
    assert made["typedConfig"]["path"] == "/dev/stdout"
    assert made["typedConfig"]["logFormat"] == {"textFormatSource": {"inlineString": TEXT}}


def test_a_format_of_the_user_ends_its_line() -> None:
    assert log_format("{accessLogFile: /a, accessLogFormat: '%PROTOCOL%'}") == {
        "textFormatSource": {"inlineString": "%PROTOCOL%\n"}
    }


@pytest.mark.parametrize("broken", ["100%", "%req%"])
def test_a_format_that_envoy_would_refuse_gives_way_to_the_default(broken: str) -> None:
    made = log_format(f"{{accessLogFile: /a, accessLogFormat: '{broken}'}}")

    assert made == {"textFormatSource": {"inlineString": TEXT}}


def test_json_has_the_fields_of_the_user_or_the_default_ones() -> None:
    own = log_format("""{accessLogFile: /a, accessLogEncoding: JSON, accessLogFormat: '{"p": {"q": "%PROTOCOL%"}}'}""")
    default = log_format("{accessLogFile: /a, accessLogEncoding: JSON}")
    no_object = log_format("{accessLogFile: /a, accessLogEncoding: JSON, accessLogFormat: '[1'}")

    assert own == {"jsonFormat": {"p": {"q": "%PROTOCOL%"}}, "jsonFormatOptions": {}}
    assert default["jsonFormat"] == JSON
    assert no_object["jsonFormat"] == JSON


def test_an_operator_that_is_an_extension_brings_it_along() -> None:
    made = log_format("{accessLogFile: /a, accessLogFormat: '%REQ_WITHOUT_QUERY(:PATH)%'}")

    assert [each["name"] for each in made["formatters"]] == ["envoy.formatter.req_without_query"]


def test_listeners_log_what_no_chain_took_unless_that_is_off() -> None:
    logs = logs_of(mesh_config("accessLogFile: /a"), Flavour())

    assert [each["filter"] for each in decoded(logs.listener)] == [{"responseFlagFilter": {"flags": ["NR"]}}]
    assert [each["filter"] for each in decoded(logs.tunnel)] == [{"responseFlagFilter": {"flags": ["UF"]}}]
    assert logs_of(mesh_config("{accessLogFile: /a, disableEnvoyListenerLog: true}"), Flavour()).listener == ()


def test_the_access_log_service_has_a_name_for_each_place() -> None:
    logs = logs_of(mesh_config("enableEnvoyAccessLogService: true"), Flavour())
    assert (logs.tunnel, logs.terminated) == ((), ())
    made = [decoded(bodies)[0] for bodies in (logs.http, logs.tcp, logs.listener)]

    assert [each["typedConfig"]["commonConfig"]["logName"] for each in made] == [
        "http_envoy_accesslog", "tcp_envoy_accesslog", "listener_envoy_accesslog"
    ]  # fmt: skip


def test_default_providers_replace_the_mesh_file_in_order_of_their_names() -> None:
    mesh = """
accessLogFile: /ignored
accessLogEncoding: JSON
defaultProviders: {accessLogging: [labels, envoy, plain, missing]}
extensionProviders:
- {name: plain, envoyFileAccessLog: {path: /plain, omitEmptyValues: true}}
- {name: labels, envoyFileAccessLog: {path: /labels, logFormat: {labels: {a: "%PROTOCOL%"}}}}
- {name: envoy, envoyFileAccessLog: {path: /envoy}}
"""
    made = {each["typedConfig"]["path"]: each["typedConfig"]["logFormat"] for each in http_logs(mesh)}

    assert list(made) == ["/envoy", "/labels", "/plain"]
    assert made["/envoy"]["jsonFormat"] == JSON
    assert made["/labels"]["jsonFormat"] == {"a": "%PROTOCOL%"}
    assert made["/plain"] == {"textFormatSource": {"inlineString": TEXT}, "omitEmptyValues": True}


def test_a_stock_envoy_without_the_logger_does_not_log() -> None:
    assert http_logs("accessLogFile: /a", Flavour(frozenset({"x.Y"}))) == []


FILE = ExtensionProvider(name="f", envoy_file_access_log=FileAccessLog("/a"))
CEL = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
FILE_TYPE = "envoy.extensions.access_loggers.file.v3.FileAccessLog"


def of_telemetry(*logs: Log, flavour: Flavour = ISTIO, **hosts: str) -> AccessLogs:
    known = {(service, 9000): host for service, host in hosts.items()}
    side = ObservedSide(logs=logs)
    return build_access_logs(mesh_config("accessLogFile: /ignored"), flavour, Observed(side, side, known), side)


def test_a_filter_limits_a_log_and_goes_with_the_flag_of_the_place() -> None:
    made = of_telemetry(Log(FILE, "response.code >= 400"))
    ((http,), (listener,), (tunnel,)) = (decoded(each) for each in (made.http, made.listener, made.tunnel))
    expression = http["filter"]
    assert expression["extensionFilter"]["typedConfig"]["expression"] == "response.code >= 400"
    assert listener["filter"] == {"andFilter": {"filters": [{"responseFlagFilter": {"flags": ["NR"]}}, expression]}}
    assert tunnel["filter"]["andFilter"]["filters"][0] == {"responseFlagFilter": {"flags": ["UF"]}}


def test_without_a_path_standard_output_is_written_to() -> None:
    provider = ExtensionProvider(name="f", envoy_file_access_log=FileAccessLog())
    ((http,),) = (decoded(of_telemetry(Log(provider, "")).http),)
    assert http["typedConfig"]["path"] == "/dev/stdout"


def test_no_logs_are_no_logs_whatever_the_mesh_says() -> None:
    made = of_telemetry()
    assert (made.http, made.tcp, made.listener, made.tunnel) == ((), (), (), ())


def test_every_kind_of_provider_logs_in_every_place() -> None:
    providers = (
        ExtensionProvider(name="h", envoy_http_als=HttpGrpcAccessLog("c", 9000)),
        ExtensionProvider(name="t", envoy_tcp_als=TcpGrpcAccessLog("c", 9000)),
        ExtensionProvider(name="o", envoy_otel_als=OpenTelemetryAccessLog("c", 9000)),
        ExtensionProvider(name="p", prometheus=Empty()),
    )
    made = of_telemetry(*(Log(each) for each in providers), c="c.example.com")
    names = ["envoy.access_loggers.http_grpc", "envoy.tcp_grpc_access_log", "envoy.access_loggers.open_telemetry"]
    for place in (made.http, made.tcp, made.listener):
        assert [each["name"] for each in decoded(place)] == names


def test_without_any_collector_the_log_of_the_mesh_is_written() -> None:
    lost = ExtensionProvider(name="h", envoy_http_als=HttpGrpcAccessLog("c", 9000))
    for place in (of_telemetry(Log(lost)).http, of_telemetry(Log(lost)).tcp):
        assert [each["typedConfig"]["path"] for each in decoded(place)] == ["/ignored"]
    assert [each["typedConfig"]["path"] for each in decoded(of_telemetry(Log(lost), Log(FILE)).http)] == ["/a"]


def test_an_envoy_that_cannot_limit_a_log_does_not_write_it() -> None:
    limited = Log(FILE, "response.code >= 400")
    assert of_telemetry(limited, flavour=Flavour(frozenset({FILE_TYPE}))).http == ()
    assert len(of_telemetry(limited, flavour=Flavour(frozenset({FILE_TYPE, CEL}))).http) == 1


def test_a_log_whose_filter_is_no_expression_is_not_written() -> None:
    assert of_telemetry(Log(FILE, "response.code >=")).http == ()
