"""MeshConfig's extension providers as decoded: external authorizers, tracers, loggers that other kinds name.

Names are those of Istio's API without their common prefix. Pure data: `service` stays as written (`ns/host` or `host`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.objects import Int32, Message, OneOfMessage, UInt32

DEFAULT_EXT_AUTHZ_TIMEOUT = Duration(seconds=600)


class ExtAuthzRequestBody(Message, frozen=True):
    """`ExternalAuthorization.RequestBody`."""

    max_request_bytes: UInt32 = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class ExtAuthzHttp(Message, frozen=True):
    """`EnvoyExternalAuthorizationHttpProvider`; `timeout` None means 600s."""

    service: str = ""
    port: UInt32 = 0
    timeout: Duration | None = None
    path_prefix: str = ""
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_headers_in_check: tuple[str, ...] = ()
    include_request_headers_in_check: tuple[str, ...] = ()
    include_additional_headers_in_check: Mapping[str, str] = field(default_factory=dict)
    include_request_body_in_check: ExtAuthzRequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()


class ExtAuthzGrpc(Message, frozen=True):
    """`EnvoyExternalAuthorizationGrpcProvider`."""

    service: str = ""
    port: UInt32 = 0
    timeout: Duration | None = None
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_body_in_check: ExtAuthzRequestBody | None = None


class HttpHeader(OneOfMessage, frozen=True):
    """A header with a fixed value or one from the proxy's environment."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("value", "env_name"),)

    name: str = ""
    value: str | None = None
    env_name: str | None = None


class TraceContextOption(StrEnum):
    """`ZipkinTracingProvider.TraceContextOption`."""

    USE_B3 = "USE_B3"
    USE_B3_WITH_W3C_PROPAGATION = "USE_B3_WITH_W3C_PROPAGATION"


class ZipkinTracing(Message, frozen=True):
    """`ZipkinTracingProvider`; empty `path` means /api/v2/spans."""

    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0
    enable_64bit_trace_id: bool = False
    path: str = ""
    timeout: Duration | None = None
    headers: tuple[HttpHeader, ...] = ()
    trace_context_option: TraceContextOption = TraceContextOption.USE_B3


class LightstepTracing(Message, frozen=True):
    """`LightstepTracingProvider`."""

    service: str = ""
    port: UInt32 = 0
    access_token: str = ""
    max_tag_length: UInt32 = 0


class DatadogTracing(Message, frozen=True):
    """`DatadogTracingProvider`."""

    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0


class SkyWalkingTracing(Message, frozen=True):
    """`SkyWalkingTracingProvider`."""

    service: str = ""
    port: UInt32 = 0
    access_token: str = ""


class StackdriverLogging(Message, frozen=True):
    """`StackdriverProvider.Logging`."""

    labels: Mapping[str, str] = field(default_factory=dict)


class Stackdriver(Message, frozen=True):
    """`StackdriverProvider`."""

    debug: bool = False
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None
    max_tag_length: UInt32 = 0
    logging: StackdriverLogging | None = None


class OpenCensusTracing(Message, frozen=True):
    """`OpenCensusAgentTracingProvider`; Envoy no longer has it."""

    service: str = ""
    port: UInt32 = 0
    context: tuple[str, ...] = ()
    max_tag_length: UInt32 = 0


class HttpService(Message, frozen=True):
    """How spans are sent over HTTP."""

    path: str = ""
    timeout: Duration | None = None
    headers: tuple[HttpHeader, ...] = ()


class GrpcService(Message, frozen=True):
    """How spans are sent over gRPC."""

    timeout: Duration | None = None
    initial_metadata: tuple[HttpHeader, ...] = ()


class Empty(Message, frozen=True):
    """A message without fields: that it is there says enough."""


class ResourceDetectors(Message, frozen=True):
    """What describes the sender of spans."""

    environment: Empty | None = None
    dynatrace: Empty | None = None


class DynatraceApi(Message, frozen=True):
    """`DynatraceSampler.DynatraceApi`."""

    service: str = ""
    port: UInt32 = 0
    http: HttpService | None = None


class DynatraceSampler(Message, frozen=True):
    """Sampling decided by Dynatrace."""

    tenant: str = ""
    cluster_id: Int32 = 0
    root_spans_per_minute: UInt32 = 0
    http_service: DynatraceApi | None = None


class OpenTelemetryTracing(OneOfMessage, frozen=True):
    """`OpenTelemetryTracingProvider`; neither `http` nor `grpc` means gRPC."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("http", "grpc"),)

    service: str = ""
    port: UInt32 = 0
    max_tag_length: UInt32 = 0
    http: HttpService | None = None
    grpc: GrpcService | None = None
    resource_detectors: ResourceDetectors | None = None
    dynatrace_sampler: DynatraceSampler | None = None


class LogFormat(Message, frozen=True):
    """Text, or a JSON structure of operators (labels); OpenTelemetry takes both."""

    text: str = ""
    labels: Mapping[str, object] | None = None


class FileAccessLog(Message, frozen=True):
    """`EnvoyFileAccessLogProvider`."""

    path: str = ""
    log_format: LogFormat | None = None
    omit_empty_values: bool = False


class HttpGrpcAccessLog(Message, frozen=True):
    """`EnvoyHttpGrpcV3LogProvider`."""

    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()
    additional_request_headers_to_log: tuple[str, ...] = ()
    additional_response_headers_to_log: tuple[str, ...] = ()
    additional_response_trailers_to_log: tuple[str, ...] = ()


class TcpGrpcAccessLog(Message, frozen=True):
    """`EnvoyTcpGrpcV3LogProvider`."""

    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    filter_state_objects_to_log: tuple[str, ...] = ()


class OpenTelemetryAccessLog(Message, frozen=True):
    """`EnvoyOpenTelemetryLogProvider`."""

    service: str = ""
    port: UInt32 = 0
    log_name: str = ""
    log_format: LogFormat | None = None


class SdsProvider(Message, frozen=True):
    """`SDSProvider`: certificates from another SDS server."""

    name: str = ""
    service: str = ""
    port: UInt32 = 0


class ExtensionProvider(OneOfMessage, frozen=True):
    """A named provider of exactly one kind."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (
        (
            "envoy_ext_authz_http", "envoy_ext_authz_grpc", "zipkin", "lightstep", "datadog", "stackdriver",
            "opencensus", "skywalking", "opentelemetry", "prometheus", "envoy_file_access_log", "envoy_http_als",
            "envoy_tcp_als", "envoy_otel_als", "sds",
        ),
    )  # fmt: skip

    name: str = ""
    envoy_ext_authz_http: ExtAuthzHttp | None = None
    envoy_ext_authz_grpc: ExtAuthzGrpc | None = None
    zipkin: ZipkinTracing | None = None
    lightstep: LightstepTracing | None = None
    datadog: DatadogTracing | None = None
    stackdriver: Stackdriver | None = None
    opencensus: OpenCensusTracing | None = None
    skywalking: SkyWalkingTracing | None = None
    opentelemetry: OpenTelemetryTracing | None = None
    prometheus: Empty | None = None
    envoy_file_access_log: FileAccessLog | None = None
    envoy_http_als: HttpGrpcAccessLog | None = None
    envoy_tcp_als: TcpGrpcAccessLog | None = None
    envoy_otel_als: OpenTelemetryAccessLog | None = None
    sds: SdsProvider | None = None


DEFAULT_PROVIDERS = (
    ExtensionProvider(name="prometheus", prometheus=Empty()),
    ExtensionProvider(name="stackdriver", stackdriver=Stackdriver()),
    ExtensionProvider(name="envoy", envoy_file_access_log=FileAccessLog(path="/dev/stdout")),
)
"""Providers that exist without being declared. Source: operations 13."""
