"""WorkloadEntry as decoded: one workload outside Kubernetes, or one endpoint of a ServiceEntry. Pure data."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Fragment, Message, Object, UInt32


class WorkloadEntrySpec(Message, frozen=True):
    """`spec` of a WorkloadEntry. `ports`: by name of the service port; empty `address` needs a network."""

    address: str = ""
    """IP address, DNS name, or `unix:///path`."""
    ports: Mapping[str, UInt32] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    locality: str = ""
    weight: UInt32 = 0
    service_account: str = ""


class StatusCondition(Fragment, frozen=True):
    """A condition of a status."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_probe_time: str = ""
    last_transition_time: str = ""


class WorkloadEntryStatus(Fragment, frozen=True):
    """What controllers say of it, health among others."""

    conditions: tuple[StatusCondition, ...] = ()


class WorkloadEntry(Object, frozen=True):
    """networking.istio.io WorkloadEntry."""

    KIND: ClassVar[str] = "WorkloadEntry"

    spec: WorkloadEntrySpec = WorkloadEntrySpec()
    status: WorkloadEntryStatus = WorkloadEntryStatus()
