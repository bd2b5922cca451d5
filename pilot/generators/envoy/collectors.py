"""Access loggers that send to a service: Envoy's access log service, and OpenTelemetry.

In: an extension provider and the hosts of collectors. Out: the logger, or None where its collector is not known.
Source: xDS behaviour 4.7, appendix A.18.
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)
from envoy.extensions.access_loggers.open_telemetry.v3.logs_service_pb2 import OpenTelemetryAccessLogConfig
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from pilot.generators.envoy.log_format import TEXT, formatters
from pilot.generators.envoy.operators import operator_error
from pilot.generators.envoy.tracers import grpc_to
from pilot.generators.envoy.wire import Extension, extension
from pilot.model.extension_provider import HttpGrpcAccessLog, OpenTelemetryAccessLog, TcpGrpcAccessLog
from pilot.view.proxy import Flavour

Hosts = Mapping[tuple[str, int], str]

_ALS_CLUSTER: Final = "envoy_accesslog_service"
_HTTP, _TCP = "envoy.access_loggers.http_grpc", "envoy.tcp_grpc_access_log"
_ALL_PEERS: Final = (
    "upstream_peer",
    "downstream_peer",
    "wasm.upstream_peer",
    "wasm.upstream_peer_id",
    "wasm.downstream_peer",
    "wasm.downstream_peer_id",
)
_PEERS: Final = ("upstream_peer", "downstream_peer")


def mesh_log(place: str) -> Extension:
    """The mesh's access log service (`enableEnvoyAccessLogService`); `place`: http, tcp or listener."""
    common = CommonGrpcAccessLogConfig(
        log_name=f"{place}_envoy_accesslog",
        grpc_service=GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=_ALS_CLUSTER)),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=_ALL_PEERS,
    )
    if place == "http":
        return extension(_HTTP, HttpGrpcAccessLogConfig(common_config=common))
    return extension(_TCP, TcpGrpcAccessLogConfig(common_config=common))


def http_log(provider: HttpGrpcAccessLog, hosts: Hosts) -> Extension | None:
    """Requests, to an access log service."""
    peers = provider.filter_state_objects_to_log or _PEERS
    common = _common(provider, hosts, provider.log_name or "http_envoy_accesslog", peers)
    if common is None:
        return None
    return extension(
        _HTTP,
        HttpGrpcAccessLogConfig(
            common_config=common,
            additional_request_headers_to_log=provider.additional_request_headers_to_log,
            additional_response_headers_to_log=provider.additional_response_headers_to_log,
            additional_response_trailers_to_log=provider.additional_response_trailers_to_log,
        ),
    )


def tcp_log(provider: TcpGrpcAccessLog, hosts: Hosts) -> Extension | None:
    """Connections, to an access log service."""
    peers = provider.filter_state_objects_to_log or _PEERS
    common = _common(provider, hosts, provider.log_name or "tcp_envoy_accesslog", peers)
    return extension(_TCP, TcpGrpcAccessLogConfig(common_config=common)) if common is not None else None


def opentelemetry_log(provider: OpenTelemetryAccessLog, hosts: Hosts, flavour: Flavour) -> Extension | None:
    """Requests and connections, to an OpenTelemetry collector."""
    common = _common(provider, hosts, provider.log_name or "otel_envoy_accesslog", _ALL_PEERS)
    if common is None:
        return None
    declared = provider.log_format
    text = declared.text if declared is not None and declared.text and not operator_error(declared.text) else TEXT
    labels = declared.labels if declared is not None and declared.labels is not None else {}
    values = [
        KeyValue(key=key, value=AnyValue(string_value=value))
        for key, value in sorted(labels.items())
        if isinstance(value, str) and not operator_error(value)
    ]
    config = OpenTelemetryAccessLogConfig(
        common_config=common,
        body=AnyValue(string_value=text),
        disable_builtin_labels=True,
        formatters=formatters("".join((text, *(each.value.string_value for each in values))), flavour),
    )
    if values:
        config.attributes.CopyFrom(KeyValueList(values=values))
    return extension("envoy.access_loggers.open_telemetry", config)


def _common(
    provider: HttpGrpcAccessLog | TcpGrpcAccessLog | OpenTelemetryAccessLog,
    hosts: Hosts,
    log_name: str,
    peers: tuple[str, ...],
) -> Any | None:
    host = hosts.get((provider.service, provider.port))
    if host is None:
        return None
    return CommonGrpcAccessLogConfig(
        log_name=log_name,
        grpc_service=grpc_to(host, provider.port),
        transport_api_version=ApiVersion.V3,
        filter_state_objects_to_log=peers,
    )
