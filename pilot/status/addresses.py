"""Where a Gateway is reached, and whether anybody serves it there.

In: a Gateway, the Services that serve it, its listeners' ports, services with their endpoints. Out: `Assignment`.
Source: installation 9.1, 9.2, 9.5.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.gatewayapi.classes import TUNNELS
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import KubernetesGateway
from pilot.model.endpoint_index import NO_ENDPOINTS
from pilot.model.kubernetes import KubernetesService
from pilot.model.mesh_settings import is_ip
from pilot.model.service import UNSPECIFIED_ADDRESS, Service
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import MANAGED
from pilot.status.condition import Part

_UNUSABLE = Reason.ADDRESS_NOT_USABLE
_UNASSIGNED = Reason.ADDRESS_NOT_ASSIGNED
_ADDRESS_TYPE = "networking.istio.io/address-type"


class Address(Part, frozen=True):
    """`status.addresses[]` of a Gateway."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the Services of a Gateway come to."""

    addresses: tuple[Address, ...]
    served: tuple[str, ...]
    """`host:port` of those that have endpoints."""
    fault: Fault | None
    """Why it is not programmed."""


def assign(
    gateway: KubernetesGateway, controller: str, hosts: Iterable[str], ports: Iterable[int], snapshot: Snapshot
) -> Assignment:
    """The addresses of a Gateway that the Services `hosts` serve on `ports`."""
    served: dict[str, None] = {}
    wrong: list[tuple[str, Reason]] = []
    reached: list[Service] = []
    named = tuple(hosts)
    wanted = tuple(ports)
    for host in named:
        service = snapshot.service_index.find(host, gateway.namespace)
        if service is None:
            wrong.append((f"expected Service {host} in {gateway.namespace}, which is not there", _UNUSABLE))
            continue
        good = [port for port in wanted if _has_instances(service, port, snapshot)]
        served |= dict.fromkeys(f"{host}:{port}" for port in good)
        wrong += [_reason(service, port, snapshot) for port in wanted if port not in good]
        if good:
            reached.append(service)
            if _is_pending(service, snapshot):
                wrong.append((f"expected an address of the load balancer of {host}, got none yet", _UNASSIGNED))
    found = tuple(_addresses(gateway, controller, reached, snapshot))
    kept = tuple(Address(each.type or "IPAddress", each.value) for each in gateway.status.addresses)
    return Assignment(found or kept, tuple(sorted(served)), _fault(named, wrong))


def _fault(hosts: tuple[str, ...], wrong: Iterable[tuple[str, Reason]]) -> Fault | None:
    if not hosts:
        return Fault("expected an address that names a Service, got none", Reason.UNSUPPORTED_ADDRESS)
    told = [each for each in wrong if each[0]]
    if not told:
        return None
    reason = _UNUSABLE if any(each is _UNUSABLE for _, each in told) else _UNASSIGNED
    return Fault("; ".join(dict.fromkeys(message for message, _ in told)), reason)


def _has_instances(service: Service, number: int, snapshot: Snapshot) -> bool:
    port = service.port(number)
    if port is None:
        return False
    found = snapshot.endpoints.get((service.hostname, service.namespace), NO_ENDPOINTS)
    return any(each.port_name == port.name for each in found.endpoints)


def _reason(service: Service, number: int, snapshot: Snapshot) -> tuple[str, Reason]:
    """Why a port has nobody behind it; no words where it is only a matter of time."""
    found = snapshot.endpoints.get((service.hostname, service.namespace), NO_ENDPOINTS)
    if not found.endpoints:
        return f"expected endpoints of {service.hostname}, got none", _UNASSIGNED
    behind = sorted(
        {
            port.number
            for each in found.endpoints
            if each.port == number
            for port in service.ports
            if port.name == each.port_name
        }
    )
    if behind:
        hint = f" (it is behind port {', '.join(map(str, behind))}: a listener has the port of the Service)"
        return f"expected port {number} of {service.hostname}, which is not there{hint}", _UNUSABLE
    if MANAGED in service.labels and service.port(number) is not None:
        return "", _UNASSIGNED
    return f"expected port {number} of {service.hostname}, which is not there", _UNUSABLE


def _is_pending(service: Service, snapshot: Snapshot) -> bool:
    declared = snapshot.seen.get(KubernetesService, service.namespace, service.name)
    return declared is not None and declared.spec.type == "LoadBalancer" and not service.external_addresses


def _addresses(
    gateway: KubernetesGateway, controller: str, services: Iterable[Service], snapshot: Snapshot
) -> Iterable[Address]:
    """Tunnels are reached inside the cluster, by IP and name; others from outside where they can be."""
    wanted = gateway.metadata.annotations.get(_ADDRESS_TYPE, "")
    found = tuple(services)
    names = [Address("Hostname", each.hostname) for each in found]
    inside = [Address("IPAddress", ip) for each in found for ip in _inside(each, snapshot)]
    outside = [_address(value) for each in found for values in each.external_addresses.values() for value in values]
    if wanted == "Hostname":
        return dict.fromkeys(names)
    if wanted == "IPAddress":
        return dict.fromkeys([each for each in outside if each.type == "IPAddress"] or inside)
    if controller in TUNNELS:
        return dict.fromkeys([*outside, *inside, *names])
    return dict.fromkeys(outside or names)


def _inside(service: Service, snapshot: Snapshot) -> tuple[str, ...]:
    own = service.cluster_vips.get(snapshot.settings.cluster_id, (service.address,))
    return tuple(each for each in own if each != UNSPECIFIED_ADDRESS and is_ip(each))


def _address(value: str) -> Address:
    return Address("IPAddress" if is_ip(value) else "Hostname", value)
