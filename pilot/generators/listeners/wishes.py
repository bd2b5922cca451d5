"""What listeners the ports of a service ask for: address, port, and what they carry.

In: a service, the egress listener that imports it, the proxy. Out: `Wish`es, made once for each service. Whether
a wish is granted is decided in `plan.py`. Source: xDS behaviour 4.2 (keys and binding).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pilot.generators.listeners.address import UNIX
from pilot.generators.service_address import localhost, service_address, wildcard_addresses
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.protocol import parse_protocol
from pilot.model.service import PortProtocol, Resolution, Service, ServicePort
from pilot.model.sidecar import CaptureMode, SidecarEgressListener
from pilot.view.proxy import Interception, Traits

_PRIVILEGED: Final = 1024
ANYWHERE: Final = frozenset({"0.0.0.0", "::"})


class Kind(Enum):
    """What a listener carries, as the table of conflicts means it."""

    HTTP = "http"
    TCP = "tcp"
    AUTO = "auto"
    """Both, told apart by the first bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """What one service port asks for: a listener with its chains."""

    service: Service
    port: ServicePort
    """As clients see it: number and protocol of an egress listener win over the service's."""
    kind: Kind
    binds: tuple[str, ...]
    """Address and additional ones; empty: those of each endpoint (headless services)."""
    bound: bool
    """The listener really listens, instead of getting intercepted traffic."""
    route_name: str
    cidr: str = ""
    """The service's address range, where it has one instead of an address."""
    needs_sni: bool = False
    """The listener is shared with other services: only the name tells them apart."""
    fallback: bool = False
    """Only where a headless service has no endpoints."""


@memoized(size=131_072)
def service_wishes(
    service: Service, declared: SidecarEgressListener | None, traits: Traits, features: Features, mesh: MeshConfig
) -> tuple[Wish, ...]:
    """The wishes of a service that an egress listener (None: the implied one) imports, in order of its ports."""
    if service.resolution is Resolution.ALIAS:
        return ()
    bind, bound = _binding(declared, traits)
    wishes = (
        wish
        for port in _ports(service, declared)
        for wish in _places(service, port, bind, bound, traits, features, _declares_port(declared))
        if not _is_reserved(wish, bind, traits, features, mesh)
    )
    return tuple(wishes)


def _binding(declared: SidecarEgressListener | None, traits: Traits) -> tuple[str, bool]:
    """The declared address (empty: each protocol has its own), and whether the proxy really listens there."""
    bind = declared.bind if declared is not None else ""
    captured = declared is None or declared.capture_mode is not CaptureMode.NONE
    bound = traits.interception is Interception.NONE or not captured or bind.startswith(UNIX)
    return (bind or localhost(traits), True) if bound else (bind, False)


def _declares_port(declared: SidecarEgressListener | None) -> bool:
    return declared is not None and declared.port is not None


def _ports(service: Service, declared: SidecarEgressListener | None) -> tuple[ServicePort, ...]:
    """The service's ports, or the one that the egress listener declares in their place."""
    if declared is not None and declared.port is not None:
        return (_declared_port(declared.port.name, declared.port.number, declared.port.protocol),)
    return tuple(port for port in service.ports if port.protocol is not PortProtocol.UDP)


@memoized()
def _declared_port(name: str, number: int, protocol: str) -> ServicePort:
    return ServicePort(name, number, parse_protocol(protocol))


def _kind(protocol: PortProtocol) -> Kind:
    if protocol.is_http:
        return Kind.HTTP
    return Kind.TCP if protocol.is_tcp else Kind.AUTO


def _places(
    service: Service, port: ServicePort, bind: str, bound: bool, traits: Traits, features: Features, declared: bool
) -> Iterator[Wish]:
    """The listeners that a service port is reached by; `declared`: it is the port of an egress listener."""
    anywhere = wildcard_addresses(traits, features)
    kind = _kind(port.protocol)
    if kind is Kind.HTTP:
        route = bind if bind.startswith(UNIX) else str(port.number)
        yield Wish(service, port, kind, (bind,) if bind else anywhere, bound, route)
        return
    route = bind if bind.startswith(UNIX) else f"{service.hostname}:{port.number}"
    address = service_address(service, traits, features)
    if bind:
        shared = bind in anywhere and address.is_unspecified
        yield Wish(service, port, kind, (bind,), bound, route, needs_sni=shared)
    elif address.is_unspecified:
        yield from _unaddressed(service, port, kind, route, anywhere, by_endpoint=service.is_headless and not declared)
    elif "/" in address.primary:
        yield Wish(service, port, kind, anywhere, bound, route, cidr=address.primary, needs_sni=True)
    else:
        yield Wish(service, port, kind, (address.primary, *address.extra), bound, route)


def _unaddressed(
    service: Service, port: ServicePort, kind: Kind, route: str, anywhere: tuple[str, ...], *, by_endpoint: bool
) -> Iterator[Wish]:
    """A service without address: its endpoints are dialled one by one, or its port is all that is known."""
    if by_endpoint:
        yield Wish(service, port, kind, (), False, route)
    if not by_endpoint or not (service.is_kubernetes or service.selector):
        name = str(port.number) if kind is Kind.AUTO else route
        yield Wish(service, port, kind, anywhere, False, name, needs_sni=True, fallback=by_endpoint)


def _is_reserved(wish: Wish, bind: str, traits: Traits, features: Features, mesh: MeshConfig) -> bool:
    """Ports that the proxy itself needs, or may not open."""
    number = wish.port.number
    own = (traits.status_port, traits.prometheus_port, mesh.proxy_listen_port, mesh.proxy_inbound_listen_port)
    anywhere = wildcard_addresses(traits, features)
    if number in own and (bind in anywhere or (not bind and wish.kind is Kind.HTTP)):
        return True
    return wish.bound and traits.unprivileged and number < _PRIVILEGED and not bind.startswith(UNIX)
