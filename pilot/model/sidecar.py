"""Sidecar as decoded: what a sidecar opens and may reach. Pure data."""

from enum import StrEnum
from typing import ClassVar

from pilot.model.gateway import ServerTLSSettings
from pilot.model.objects import Message, Object, UInt32
from pilot.model.selectors import WorkloadLabels
from pilot.model.traffic_policy import ConnectionPoolSettings
from pilot.model.virtual_service import Destination


class CaptureMode(StrEnum):
    """How traffic reaches a listener."""

    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


class SidecarPort(Message, frozen=True):
    """A listener's port. `target_port` is not used by Istio."""

    number: UInt32 = 0
    protocol: str = ""
    name: str = ""
    target_port: UInt32 = 0


class SidecarIngressListener(Message, frozen=True):
    """`IstioIngressListener`: an inbound port that replaces those of the services."""

    port: SidecarPort = SidecarPort()
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    """`127.0.0.1:port`, `[::1]:port`, `0.0.0.0:port`, `[::]:port` or `unix:///path`."""
    tls: ServerTLSSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None


class SidecarEgressListener(Message, frozen=True):
    """`IstioEgressListener`: hosts `namespace/host` that may be reached, on one port or on all."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()


class OutboundTrafficPolicyMode(StrEnum):
    """What happens to unknown destinations."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"


class OutboundTrafficPolicy(Message, frozen=True):
    """Unknown destinations; `egress_proxy` gets them where it is given."""

    mode: OutboundTrafficPolicyMode = OutboundTrafficPolicyMode.REGISTRY_ONLY
    egress_proxy: Destination | None = None


class SidecarSpec(Message, frozen=True):
    """`spec` of a Sidecar."""

    workload_selector: WorkloadLabels | None = None
    ingress: tuple[SidecarIngressListener, ...] = ()
    egress: tuple[SidecarEgressListener, ...] = ()
    inbound_connection_pool: ConnectionPoolSettings | None = None
    outbound_traffic_policy: OutboundTrafficPolicy | None = None


class Sidecar(Object, frozen=True):
    """networking.istio.io Sidecar."""

    KIND: ClassVar[str] = "Sidecar"

    spec: SidecarSpec = SidecarSpec()
