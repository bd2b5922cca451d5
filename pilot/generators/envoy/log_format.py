"""What a line of an access log holds: text or JSON, as the mesh or a provider says, else the usual fields.

In: formats as people write them. Out: `SubstitutionFormatString` messages that every Envoy takes.
Source: xDS behaviour 4.7.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.substitution_format_string_pb2 import JsonFormatOptions, SubstitutionFormatString
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import ReqWithoutQuery

from pilot.generators.envoy.operators import operator_error
from pilot.generators.envoy.packing import PREFIX, pack, struct
from pilot.model.extension_provider import FileAccessLog
from pilot.model.mesh import AccessLogEncoding, MeshConfig
from pilot.view.proxy import Flavour

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
_WITHOUT_QUERY: Final = TypedExtensionConfig(
    name="envoy.formatter.req_without_query", typed_config=pack(ReqWithoutQuery())
)
_WITHOUT_QUERY_TYPE: Final = PREFIX + str(ReqWithoutQuery.DESCRIPTOR.full_name)


def provider_format(name: str, provider: FileAccessLog, mesh: MeshConfig, flavour: Flavour) -> Any:
    """The format of a provider that writes a file."""
    declared = provider.log_format
    if declared is not None and declared.labels is not None:
        broken = operator_error(json.dumps(declared.labels, default=str))
        log_format = _json_format(JSON if broken or not declared.labels else declared.labels, flavour)
    elif declared is not None and declared.text:
        log_format = _text_format(declared.text, flavour)
    elif name == "envoy" and not provider.omit_empty_values:
        # Only the built-in provider that says nothing of its own follows the mesh's format.
        log_format = mesh_format(mesh, flavour)
    else:
        log_format = _text_format(TEXT, flavour)
    log_format.omit_empty_values = provider.omit_empty_values
    return log_format


def mesh_format(mesh: MeshConfig, flavour: Flavour) -> Any:
    """The format that MeshConfig gives."""
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
        text_format_source=DataSource(inline_string=line), formatters=formatters(line, flavour)
    )


def _json_format(fields: Mapping[str, object], flavour: Flavour) -> Any:
    return SubstitutionFormatString(
        json_format=struct(fields),
        json_format_options=JsonFormatOptions(sort_properties=False),
        formatters=formatters(json.dumps(fields, default=str), flavour),
    )


def formatters(text: str, flavour: Flavour) -> list[Any]:
    """Extensions for operators that Envoy does not have built in."""
    return [_WITHOUT_QUERY] if "%REQ_WITHOUT_QUERY" in text and flavour.has(_WITHOUT_QUERY_TYPE) else []
