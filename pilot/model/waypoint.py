"""Proxies that take traffic by HBONE on behalf of others: waypoints, and gateways into other networks.

In: what was read from Gateways (`pilot/gatewayapi/waypoints.py`), labels of objects and their namespaces. Out: the
waypoint that an object's traffic goes through. Source: xDS behaviour 8.5; installation 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pilot.model.discovery import NAME_LABEL
from pilot.model.selectors import LabelSelector

USE_WAYPOINT: Final = "istio.io/use-waypoint"
USE_WAYPOINT_NAMESPACE: Final = "istio.io/use-waypoint-namespace"
INGRESS_USE_WAYPOINT: Final = "istio.io/ingress-use-waypoint"
MANAGED: Final = "gateway.istio.io/managed"
HBONE_PORT: Final = 15008
NETWORK_GATEWAY: Final = "NetworkGateway"
"""Begins the names of ways into other networks, and of what is behind them, among workloads."""
EAST_WEST: Final = "istio.io-eastwest-controller"
"""Value of MANAGED: a way into our network from others."""
_OWN_PODS: Final = frozenset(("istio.io-mesh-controller", EAST_WEST))
_NO_WAYPOINT: Final = "none"


class Traffic(StrEnum):
    """What a waypoint is for (label istio.io/waypoint-for)."""

    SERVICE = "service"
    WORKLOAD = "workload"
    ALL = "all"
    NONE = "none"


class Refusal(StrEnum):
    """Why an object that names a waypoint has none; the values are reasons of conditions."""

    NOT_READY = "WaypointIsNotReady"
    DENIED = "AttachmentDenied"
    UNSUPPORTED = "UnsupportedTrafficType"


@dataclass(frozen=True, slots=True)
class TunnelAddress:
    """Where HBONE is spoken: a host name in a namespace, or an IP address in a network."""

    hostname: str = ""
    namespace: str = ""
    """Of the host name."""
    ip: str = ""
    network: str = ""
    """Of the IP address."""
    port: int = HBONE_PORT


@dataclass(frozen=True, slots=True)
class ApplicationTunnel:
    """How a waypoint's pods take what is redirected to them: `PROXY` or `NONE`, at a port (0: as it is)."""

    protocol: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A Gateway that others may send their traffic through."""

    namespace: str
    name: str
    address: TunnelAddress | None
    """None while it is not ready."""
    traffic: Traffic = Traffic.SERVICE
    allowed: str = "Same"
    """Namespaces that may use it: Same, All, Selector or None."""
    selector: LabelSelector | None = None
    tunnel: ApplicationTunnel | None = None
    is_east_west: bool = False

    def allows(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether objects of a namespace with these labels may use it."""
        match self.allowed:
            case "All":
                return True
            case "Selector":
                return self.selector is not None and self.selector.matches({NAME_LABEL: namespace, **labels})
            case "Same":
                return namespace == self.namespace
        return False


@dataclass(frozen=True, slots=True)
class HboneGateway:
    """A way into another network for traffic in HBONE."""

    namespace: str
    network: str
    address: TunnelAddress
    account: str

    @property
    def uid(self) -> str:
        """Its name among workloads."""
        return f"{NETWORK_GATEWAY}/{self.network}/{self.address.ip or self.address.hostname}/{self.address.port}"


@dataclass(frozen=True, slots=True)
class Waypoints:
    """All of them."""

    by_name: Mapping[tuple[str, str], Waypoint] = field(default_factory=dict)
    """By namespace and name of the Gateway."""
    gateways: tuple[HboneGateway, ...] = ()
    """By uid."""
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of the declared namespaces."""

    def into(self, network: str) -> HboneGateway | None:
        """The first way into a network."""
        return next(iter(self.ways(network)), None)

    def ways(self, network: str) -> tuple[HboneGateway, ...]:
        """All ways into a network."""
        return tuple(each for each in self.gateways if each.network == network)

    def takes_ingress(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether gateways are to reach a Service through its waypoint: it says so, else its namespace."""
        around = self.namespaces.get(namespace, {})
        return labels.get(INGRESS_USE_WAYPOINT, around.get(INGRESS_USE_WAYPOINT, "")).lower() == "true"

    def bound(self, namespace: str, labels: Mapping[str, str], traffic: Traffic) -> Waypoint | Refusal | None:
        """The waypoint of a Service (`SERVICE`) or workload (`WORKLOAD`); None where none is asked for.

        What the object says counts, else what its namespace says; never both. A waypoint for other traffic than a
        namespace's objects have is none of their business.
        """
        if traffic is Traffic.WORKLOAD and labels.get(MANAGED) in _OWN_PODS:
            return None
        around = self.namespaces.get(namespace, {})
        asks = labels if labels.get(USE_WAYPOINT) else around
        name = asks.get(USE_WAYPOINT, "")
        if not name or name == _NO_WAYPOINT or (traffic is Traffic.SERVICE and labels.get(MANAGED) in _OWN_PODS):
            return None
        found = self.by_name.get((asks.get(USE_WAYPOINT_NAMESPACE) or namespace, name))
        if found is None or found.address is None:
            return Refusal.NOT_READY
        if not found.allows(namespace, around):
            return Refusal.DENIED
        if found.traffic not in (Traffic.ALL, traffic):
            return Refusal.UNSUPPORTED
        return found
