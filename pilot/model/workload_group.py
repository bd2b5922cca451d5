"""WorkloadGroup as decoded: a pattern for WorkloadEntries that register themselves, and how their health is asked.

Pure data.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Int32, Message, Object, OneOfMessage, UInt32
from pilot.model.workload_entry import WorkloadEntrySpec


class GroupMetadata(Message, frozen=True):
    """`WorkloadGroup.ObjectMeta`: what entries get."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class HTTPHeader(Message, frozen=True):
    """A header of a probe."""

    name: str = ""
    value: str = ""


class HTTPHealthCheck(Message, frozen=True):
    """`HTTPHealthCheckConfig`; an empty host is the workload itself."""

    path: str = ""
    port: UInt32 = 0
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPHealthCheck(Message, frozen=True):
    """`TCPHealthCheckConfig`."""

    host: str = ""
    port: UInt32 = 0


class ExecHealthCheck(Message, frozen=True):
    """`ExecHealthCheckConfig`."""

    command: tuple[str, ...] = ()


class GrpcHealthCheck(Message, frozen=True):
    """`GrpcHealthCheckConfig`; Istio's validation does not know it."""

    port: UInt32 = 0
    service: str = ""


class ReadinessProbe(OneOfMessage, frozen=True):
    """How an agent asks for the health of its workload; 0 means the default."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("http_get", "tcp_socket", "exec", "grpc"),)

    initial_delay_seconds: Int32 = 0
    timeout_seconds: Int32 = 0
    period_seconds: Int32 = 0
    success_threshold: Int32 = 0
    failure_threshold: Int32 = 0
    http_get: HTTPHealthCheck | None = None
    tcp_socket: TCPHealthCheck | None = None
    exec: ExecHealthCheck | None = None
    grpc: GrpcHealthCheck | None = None


class WorkloadGroupSpec(Message, frozen=True):
    """`spec` of a WorkloadGroup."""

    metadata: GroupMetadata | None = None
    template: WorkloadEntrySpec | None = None
    probe: ReadinessProbe | None = None


class WorkloadGroup(Object, frozen=True):
    """networking.istio.io WorkloadGroup."""

    KIND: ClassVar[str] = "WorkloadGroup"

    spec: WorkloadGroupSpec = WorkloadGroupSpec()
