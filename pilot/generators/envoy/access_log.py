"""Access logs as MeshConfig says: to a file, to the access log service, or to the default providers.

In: MeshConfig and what the proxy binary has. Out: serialized `envoy.config.accesslog.v3.AccessLog` messages for each
place that logs. Telemetry objects (later) choose other providers. Source: xDS behaviour 4.7, 4.8, appendix A.18.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLogFilter, ResponseFlagFilter
from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.substitution_format_string_pb2 import JsonFormatOptions, SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import ReqWithoutQuery

from pilot.generators.envoy.operators import operator_error
from pilot.generators.envoy.packing import PREFIX, pack, struct
from pilot.generators.envoy.wire import Extension, embed, extension, serialize, supported
from pilot.memo import memoized
from pilot.model.extension_provider import FileAccessLog as FileProvider
from pilot.model.mesh import AccessLogEncoding, MeshConfig
from pilot.view.proxy import Flavour

_FILTER = 2  # field of AccessLog

TEXT: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
JSON: Final[Mapping[str, object]] = {
    "start_time": "%START_TIME%",
    "route_name": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}
_ALS_CLUSTER: Final = "envoy_accesslog_service"
_PEERS: Final = (
    "upstream_peer",
    "downstream_peer",
    "wasm.upstream_peer",
    "wasm.upstream_peer_id",
    "wasm.downstream_peer",
    "wasm.downstream_peer_id",
)
_WITHOUT_QUERY: Final = TypedExtensionConfig(
    name="envoy.formatter.req_without_query", typed_config=pack(ReqWithoutQuery())
)
_WITHOUT_QUERY_TYPE: Final = PREFIX + str(ReqWithoutQuery.DESCRIPTOR.full_name)


def _when(flag: str) -> bytes:
    """The field that limits a log to connections with this response flag."""
    return embed(_FILTER, serialize(AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=[flag]))))


_NO_ROUTE: Final = _when("NR")
_UPSTREAM_FAILURE: Final = _when("UF")


@dataclass(frozen=True, slots=True, eq=False)
class AccessLogs:
    """Serialized `AccessLog` messages by place."""

    http: tuple[bytes, ...] = ()
    """Of HTTP connection managers."""
    tcp: tuple[bytes, ...] = ()
    """Of tcp_proxy."""
    listener: tuple[bytes, ...] = ()
    """Of listeners: connections that no filter chain took."""
    tunnel: tuple[bytes, ...] = ()
    """Of the proxy that opens tunnels: connections that failed upstream."""


@memoized()
def build_access_logs(mesh: MeshConfig, flavour: Flavour) -> AccessLogs:
    """The logs that hold where no Telemetry object says otherwise."""
    http = supported(_loggers(mesh, flavour, "http"), flavour)
    tcp = supported(_loggers(mesh, flavour, "tcp"), flavour)
    listener = () if mesh.disable_envoy_listener_log else supported(_loggers(mesh, flavour, "listener"), flavour)
    return AccessLogs(
        http=tuple(each.body for each in http),
        tcp=tuple(each.body for each in tcp),
        listener=tuple(each.body + _NO_ROUTE for each in listener),
        tunnel=tuple(each.body + _UPSTREAM_FAILURE for each in tcp),
    )


def _loggers(mesh: MeshConfig, flavour: Flavour, place: str) -> Iterator[Extension]:
    if mesh.default_providers.access_logging:
        for name in sorted(mesh.default_providers.access_logging):
            provider = mesh.provider(name)
            if provider is not None and provider.envoy_file_access_log is not None:
                yield _provider_log(name, provider.envoy_file_access_log, mesh, flavour)
        return
    if mesh.access_log_file:
        yield _file_log(mesh.access_log_file, _mesh_format(mesh, flavour))
    if mesh.enable_envoy_access_log_service:
        yield _service_log(place)


def _provider_log(name: str, provider: FileProvider, mesh: MeshConfig, flavour: Flavour) -> Extension:
    declared = provider.log_format
    if declared is not None and declared.labels is not None:
        log_format = _json_format(declared.labels, flavour)
    elif declared is not None and declared.text:
        log_format = _text_format(declared.text, flavour)
    elif name == "envoy":  # the built-in provider follows the mesh's own format, others do not
        log_format = _mesh_format(mesh, flavour)
    else:
        log_format = _text_format(TEXT, flavour)
    log_format.omit_empty_values = provider.omit_empty_values
    return _file_log(provider.path, log_format)


def _mesh_format(mesh: MeshConfig, flavour: Flavour) -> Any:
    if mesh.access_log_encoding is AccessLogEncoding.JSON:
        return _json_format(_parse_json_format(mesh.access_log_format), flavour)
    return _text_format(mesh.access_log_format or TEXT, flavour)


def _parse_json_format(text: str) -> Mapping[str, object]:
    """The user's JSON format; the default one where there is none or it is no JSON object."""
    try:
        parsed = json.loads(text) if text else JSON
    except ValueError:
        return JSON
    return parsed if isinstance(parsed, dict) and not operator_error(text) else JSON


def _text_format(text: str, flavour: Flavour) -> Any:
    """A line by this format; the default one where Envoy would refuse it, and every listener with it."""
    text = TEXT if operator_error(text) else text
    line = text if text.endswith("\n") else text + "\n"
    return SubstitutionFormatString(
        text_format_source=DataSource(inline_string=line), formatters=_formatters(line, flavour)
    )


def _json_format(fields: Mapping[str, object], flavour: Flavour) -> Any:
    return SubstitutionFormatString(
        json_format=struct(fields),
        json_format_options=JsonFormatOptions(sort_properties=False),
        formatters=_formatters(json.dumps(fields, default=str), flavour),
    )


def _formatters(text: str, flavour: Flavour) -> list[Any]:
    """Extensions for operators that Envoy does not have built in."""
    return [_WITHOUT_QUERY] if "%REQ_WITHOUT_QUERY" in text and flavour.has(_WITHOUT_QUERY_TYPE) else []


def _file_log(path: str, log_format: Any) -> Extension:
    return extension("envoy.access_loggers.file", FileAccessLog(path=path, log_format=log_format))


def _service_log(place: str) -> Extension:
    """The mesh's access log service (`enableEnvoyAccessLogService`)."""
    common = CommonGrpcAccessLogConfig(
        log_name=f"{place}_envoy_accesslog",
        grpc_service=GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=_ALS_CLUSTER)),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=_PEERS,
    )
    if place == "http":
        return extension("envoy.access_loggers.http_grpc", HttpGrpcAccessLogConfig(common_config=common))
    return extension("envoy.tcp_grpc_access_log", TcpGrpcAccessLogConfig(common_config=common))
