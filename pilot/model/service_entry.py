"""ServiceEntry as decoded: services that Kubernetes does not know. Pure data."""

from enum import StrEnum
from typing import ClassVar

from pilot.model.objects import Fragment, Message, Object, UInt32
from pilot.model.selectors import WorkloadLabels
from pilot.model.workload_entry import WorkloadEntrySpec


class ServiceEntryLocation(StrEnum):
    """Inside (mTLS expected) or outside the mesh."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class ServiceEntryResolution(StrEnum):
    """How the proxy finds the endpoints."""

    NONE = "NONE"
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    DYNAMIC_DNS = "DYNAMIC_DNS"


class ServiceEntryPort(Message, frozen=True):
    """A port; `target_port` 0: the same."""

    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class ServiceEntrySpec(Message, frozen=True):
    """`spec` of a ServiceEntry."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """IP addresses or CIDRs."""
    ports: tuple[ServiceEntryPort, ...] = ()
    location: ServiceEntryLocation = ServiceEntryLocation.MESH_EXTERNAL
    resolution: ServiceEntryResolution = ServiceEntryResolution.NONE
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    workload_selector: WorkloadLabels | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()


class ServiceEntryAddress(Fragment, frozen=True):
    """An address that a controller allocated for a host."""

    value: str = ""
    host: str = ""


class ServiceEntryStatus(Fragment, frozen=True):
    """What controllers say of it."""

    addresses: tuple[ServiceEntryAddress, ...] = ()


class ServiceEntry(Object, frozen=True):
    """networking.istio.io ServiceEntry."""

    KIND: ClassVar[str] = "ServiceEntry"

    spec: ServiceEntrySpec = ServiceEntrySpec()
    status: ServiceEntryStatus = ServiceEntryStatus()
