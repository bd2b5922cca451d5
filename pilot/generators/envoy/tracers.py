"""Tracers: the providers that spans are sent to.

In: an extension provider, hosts of collectors, how the workload calls itself. Out: a `Tracer`, or None where Envoy
cannot send there. Source: xDS behaviour 4.6 (providers), appendix A.17.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_service_pb2 import HttpService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.trace.v3.datadog_pb2 import DatadogConfig
from envoy.config.trace.v3.http_tracer_pb2 import Tracing
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.config.trace.v3.skywalking_pb2 import SkyWalkingConfig
from envoy.config.trace.v3.zipkin_pb2 import ZipkinConfig
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3.dynatrace_resource_detector_pb2 import (
    DynatraceResourceDetectorConfig,
)
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3.environment_resource_detector_pb2 import (
    EnvironmentResourceDetectorConfig,
)
from envoy.extensions.tracers.opentelemetry.samplers.v3.dynatrace_sampler_pb2 import DynatraceSamplerConfig
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy.packing import pack
from pilot.model.authorization_values import is_header_name
from pilot.model.cluster_name import outbound
from pilot.model.extension_provider import (
    DatadogTracing,
    ExtensionProvider,
    HttpHeader,
    OpenTelemetryTracing,
    SkyWalkingTracing,
    TraceContextOption,
    ZipkinTracing,
)
from pilot.view.observed import Observed
from pilot.view.proxy import Flavour

_ZIPKIN_PATH: Final = "/api/v2/spans"
_DYNATRACE_PATH: Final = "api/v2/samplingConfiguration"
_TIMEOUT: Final = timedelta(seconds=5)
_OTEL: Final = "envoy.tracers.opentelemetry"


@dataclass(frozen=True, slots=True)
class Tracer:
    """Where spans go."""

    provider: Any
    """`Tracing.Http`."""
    max_tag_length: int = 0
    """Of paths; 0: as the proxy's settings say."""
    samples: bool = False
    """It decides itself what is traced."""
    spawns_span: bool = False
    """A span of the proxy stands between those of its client and its server."""


def build_tracer(provider: ExtensionProvider, observed: Observed, flavour: Flavour, service_name: str) -> Tracer | None:
    """The tracer of a provider; None: unknown to Envoy, or its collector is not known."""
    made: Tracer | None = None
    if provider.zipkin is not None:
        made = _zipkin(provider.zipkin, observed)
    elif provider.datadog is not None:
        made = _datadog(provider.datadog, observed, service_name)
    elif provider.opentelemetry is not None:
        made = _opentelemetry(provider.opentelemetry, observed, flavour, service_name)
    elif provider.skywalking is not None:
        made = _skywalking(provider.skywalking, observed)
    return made if made is not None and flavour.has(made.provider.typed_config.type_url) else None


def _zipkin(settings: ZipkinTracing, observed: Observed) -> Tracer | None:
    host = observed.hosts.get((settings.service, settings.port))
    if host is None:
        return None
    path, cluster = settings.path or _ZIPKIN_PATH, outbound(settings.port, host)
    config = ZipkinConfig(
        collector_endpoint_version=ZipkinConfig.HTTP_JSON,
        trace_id_128bit=not settings.enable_64bit_trace_id,
        shared_span_context=BoolValue(value=False),
    )
    if observed.zipkin_version >= (1, 28) and settings.trace_context_option is not TraceContextOption.USE_B3:
        config.trace_context_option = ZipkinConfig.TraceContextOption.Value(settings.trace_context_option.value)
    if observed.zipkin_version >= (1, 29):
        uri = HttpUri(uri=f"http://{host}{path}", cluster=cluster, timeout=settings.timeout or _TIMEOUT)
        config.collector_service.CopyFrom(
            HttpService(http_uri=uri, request_headers_to_add=_header_options(settings.headers))
        )
    else:
        config.collector_cluster, config.collector_endpoint, config.collector_hostname = cluster, path, host
    return Tracer(_http("envoy.tracers.zipkin", config), settings.max_tag_length)


def _datadog(settings: DatadogTracing, observed: Observed, service_name: str) -> Tracer | None:
    host = observed.hosts.get((settings.service, settings.port))
    if host is None:
        return None
    config = DatadogConfig(
        collector_cluster=outbound(settings.port, host), collector_hostname=host, service_name=service_name
    )
    return Tracer(_http("envoy.tracers.datadog", config), settings.max_tag_length)


def _skywalking(settings: SkyWalkingTracing, observed: Observed) -> Tracer | None:
    """istiod: does not write the access token."""
    host = observed.hosts.get((settings.service, settings.port))
    if host is None:
        return None
    config = SkyWalkingConfig(grpc_service=grpc_to(host, settings.port))
    return Tracer(_http("envoy.tracers.skywalking", config), spawns_span=True)


def _opentelemetry(
    settings: OpenTelemetryTracing, observed: Observed, flavour: Flavour, service_name: str
) -> Tracer | None:
    host = observed.hosts.get((settings.service, settings.port))
    if host is None:
        return None
    config = OpenTelemetryConfig(service_name=service_name, resource_detectors=_detectors(settings, flavour))
    if settings.http is not None:
        uri = HttpUri(
            uri=_address(host, settings.http.path),
            cluster=outbound(settings.port, host),
            timeout=settings.http.timeout or _TIMEOUT,
        )
        headers = _header_options(settings.http.headers)
        config.http_service.CopyFrom(HttpService(http_uri=uri, request_headers_to_add=headers))
    else:
        service = grpc_to(host, settings.port)
        if settings.grpc is not None:
            if settings.grpc.timeout is not None:
                service.timeout.FromTimedelta(settings.grpc.timeout)
            service.initial_metadata.extend(_headers(settings.grpc.initial_metadata))
        config.grpc_service.CopyFrom(service)
    sampler = _sampler(settings, observed, host)
    if sampler is not None and flavour.has(sampler.typed_config.type_url):
        config.sampler.CopyFrom(sampler)
    return Tracer(_http(_OTEL, config), settings.max_tag_length, samples=config.HasField("sampler"))


def _detectors(settings: OpenTelemetryTracing, flavour: Flavour) -> list[Any]:
    wanted = settings.resource_detectors
    made = []
    if wanted is not None and wanted.environment is not None:
        made.append(_typed("resource_detectors.environment", EnvironmentResourceDetectorConfig()))
    if wanted is not None and wanted.dynatrace is not None:
        made.append(_typed("resource_detectors.dynatrace", DynatraceResourceDetectorConfig()))
    return [each for each in made if flavour.has(each.typed_config.type_url)]


def _sampler(settings: OpenTelemetryTracing, observed: Observed, host: str) -> Any | None:
    """Dynatrace's; it asks its own service, else the one that spans go to."""
    wanted = settings.dynatrace_sampler
    if wanted is None:
        return None
    asked = wanted.http_service
    if asked is not None and asked.http is not None:
        found = observed.hosts.get((asked.service, asked.port))
        http, port, path = asked.http, asked.port, asked.http.path
    elif settings.http is not None:
        found, http, port, path = host, settings.http, settings.port, _DYNATRACE_PATH
    else:
        return None
    if found is None:
        return None
    uri = HttpUri(uri=_address(found, path), cluster=outbound(port, found), timeout=http.timeout or _TIMEOUT)
    config = DynatraceSamplerConfig(
        tenant=wanted.tenant,
        cluster_id=wanted.cluster_id,
        root_spans_per_minute=wanted.root_spans_per_minute,
        http_service=HttpService(http_uri=uri, request_headers_to_add=_header_options(http.headers)),
    )
    return _typed("samplers.dynatrace", config)


def _address(host: str, path: str) -> str:
    """A path with or without its first slash."""
    return f"{host}/{path.removeprefix('/')}" if path else host


def _typed(name: str, config: Any) -> Any:
    return TypedExtensionConfig(name=f"{_OTEL}.{name}", typed_config=pack(config))


def _http(name: str, config: Any) -> Any:
    return Tracing.Http(name=name, typed_config=pack(config))


def grpc_to(host: str, port: int) -> Any:
    """A gRPC service of the mesh."""
    return GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=outbound(port, host), authority=host))


def _headers(headers: Iterable[HttpHeader]) -> Iterator[Any]:
    """Headers with their values; what the control plane's own environment says is its own affair, and left empty."""
    for each in headers:
        if is_header_name(each.name):
            yield HeaderValue(key=each.name, value=each.value or "")


def _header_options(headers: Iterable[HttpHeader]) -> list[Any]:
    return [
        HeaderValueOption(append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD, header=each)
        for each in _headers(headers)
    ]
