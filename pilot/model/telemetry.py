"""Telemetry as decoded: what proxies log, trace and count. Pure data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.objects import Message, Object, OneOfMessage
from pilot.model.policy_target import PolicyTargetReference
from pilot.model.proxy_config import LiteralTag, SourcedTag
from pilot.model.selectors import WorkloadSelector


class WorkloadMode(StrEnum):
    """`WorkloadMode`: which side of a connection the proxy is on; a gateway is a client."""

    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"
    CLIENT = "CLIENT"
    SERVER = "SERVER"

    def covers(self, mode: "WorkloadMode") -> bool:
        """Whether it means this side; `mode` is CLIENT or SERVER."""
        return self is WorkloadMode.CLIENT_AND_SERVER or self is mode


class ProviderRef(Message, frozen=True):
    """`ProviderRef`: the name of an extension provider."""

    name: str = ""


class TracingSelector(Message, frozen=True):
    """`Tracing.TracingSelector`."""

    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


class FormatterTag(Message, frozen=True):
    """A value in the language of access log formats."""

    value: str = ""


class TelemetryTag(OneOfMessage, frozen=True):
    """`Tracing.CustomTag`."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("literal", "environment", "header", "formatter"),)

    literal: LiteralTag | None = None
    environment: SourcedTag | None = None
    header: SourcedTag | None = None
    formatter: FormatterTag | None = None


class Tracing(Message, frozen=True):
    """`Tracing`; None inherits. `random_sampling_percentage` from 0 to 100."""

    match: TracingSelector | None = None
    providers: tuple[ProviderRef, ...] = ()
    random_sampling_percentage: float | None = None
    disable_span_reporting: bool | None = None
    custom_tags: Mapping[str, TelemetryTag] = field(default_factory=dict)
    use_request_id_for_trace_sampling: bool | None = None
    enable_istio_tags: bool | None = None

    @property
    def mode(self) -> WorkloadMode:
        """The side it is for."""
        return self.match.mode if self.match is not None else WorkloadMode.CLIENT_AND_SERVER


class IstioMetric(StrEnum):
    """`MetricSelector.IstioMetric`."""

    ALL_METRICS = "ALL_METRICS"
    REQUEST_COUNT = "REQUEST_COUNT"
    REQUEST_DURATION = "REQUEST_DURATION"
    REQUEST_SIZE = "REQUEST_SIZE"
    RESPONSE_SIZE = "RESPONSE_SIZE"
    TCP_OPENED_CONNECTIONS = "TCP_OPENED_CONNECTIONS"
    TCP_CLOSED_CONNECTIONS = "TCP_CLOSED_CONNECTIONS"
    TCP_SENT_BYTES = "TCP_SENT_BYTES"
    TCP_RECEIVED_BYTES = "TCP_RECEIVED_BYTES"
    GRPC_REQUEST_MESSAGES = "GRPC_REQUEST_MESSAGES"
    GRPC_RESPONSE_MESSAGES = "GRPC_RESPONSE_MESSAGES"


class MetricSelector(OneOfMessage, frozen=True):
    """`MetricSelector`; without a metric it means all of them."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("metric", "custom_metric"),)

    metric: IstioMetric | None = None
    custom_metric: str | None = None
    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


class TagOperation(StrEnum):
    """`MetricsOverrides.TagOverride.Operation`."""

    UPSERT = "UPSERT"
    REMOVE = "REMOVE"


class TagOverride(Message, frozen=True):
    """`MetricsOverrides.TagOverride`; `value` is an expression (CEL)."""

    operation: TagOperation = TagOperation.UPSERT
    value: str = ""


class MetricsOverrides(Message, frozen=True):
    """`MetricsOverrides`."""

    match: MetricSelector | None = None
    disabled: bool | None = None
    tag_overrides: Mapping[str, TagOverride] = field(default_factory=dict)


class Metrics(Message, frozen=True):
    """`Metrics`."""

    providers: tuple[ProviderRef, ...] = ()
    overrides: tuple[MetricsOverrides, ...] = ()
    reporting_interval: Duration | None = None


class LogSelector(Message, frozen=True):
    """`AccessLogging.LogSelector`."""

    mode: WorkloadMode = WorkloadMode.CLIENT_AND_SERVER


class LogFilter(Message, frozen=True):
    """`AccessLogging.Filter`: an expression (CEL)."""

    expression: str = ""


class AccessLogging(Message, frozen=True):
    """`AccessLogging`."""

    match: LogSelector | None = None
    providers: tuple[ProviderRef, ...] = ()
    disabled: bool | None = None
    filter: LogFilter | None = None

    @property
    def mode(self) -> WorkloadMode:
        """The side it is for."""
        return self.match.mode if self.match is not None else WorkloadMode.CLIENT_AND_SERVER


class TelemetrySpec(Message, frozen=True):
    """`spec` of a Telemetry."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    tracing: tuple[Tracing, ...] = ()
    metrics: tuple[Metrics, ...] = ()
    access_logging: tuple[AccessLogging, ...] = ()


class Telemetry(Object, frozen=True):
    """telemetry.istio.io Telemetry."""

    KIND: ClassVar[str] = "Telemetry"

    spec: TelemetrySpec = TelemetrySpec()
