from typing import Any

import pytest
from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from google.protobuf import json_format

from pilot.generators.envoy.access_log import JSON, TEXT, build_access_logs
from pilot.view.proxy import Flavour
from tests.pilot.generators.worlds import mesh_config


def decoded(bodies: tuple[bytes, ...]) -> list[Any]:
    return [json_format.MessageToDict(AccessLog.FromString(body)) for body in bodies]


ISTIO = Flavour()


def http_logs(mesh: str, flavour: Flavour = ISTIO) -> list[Any]:
    return decoded(build_access_logs(mesh_config(mesh), flavour).http)


def log_format(mesh: str) -> Any:
    (made,) = http_logs(mesh)
    return made["typedConfig"]["logFormat"]


def test_nothing_is_logged_by_default() -> None:
    logs = build_access_logs(mesh_config(), Flavour())

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
    logs = build_access_logs(mesh_config("accessLogFile: /a"), Flavour())

    assert [each["filter"] for each in decoded(logs.listener)] == [{"responseFlagFilter": {"flags": ["NR"]}}]
    assert [each["filter"] for each in decoded(logs.tunnel)] == [{"responseFlagFilter": {"flags": ["UF"]}}]
    assert (
        build_access_logs(mesh_config("{accessLogFile: /a, disableEnvoyListenerLog: true}"), Flavour()).listener == ()
    )


def test_the_access_log_service_has_a_name_for_each_place() -> None:
    logs = build_access_logs(mesh_config("enableEnvoyAccessLogService: true"), Flavour())
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
