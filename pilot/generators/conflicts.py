"""Objects that want the same thing: a host, a port, a listener. One of them gets it, the others are told.

In: VirtualServices, services, Gateways, Sidecars, in the order in which they count. Out: problems. Who wins is decided
where listeners and routes are made; here is only said who does not.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pilot.generators.gateway_servers import merge_servers
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.gateway import GatewayServer
from pilot.model.gateways import GatewayServers
from pilot.model.mesh import MeshConfig
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.service import UNSPECIFIED_ADDRESS, Service
from pilot.model.sidecar import Sidecar
from pilot.model.visibility import Audience, audience
from pilot.resources import Origin

_NO_ADDRESS: Final = (UNSPECIFIED_ADDRESS, "")


@memoized(size=4)
def of_virtual_services(services: tuple[ResolvedVirtualService, ...]) -> tuple[Problem, ...]:
    """HTTP hosts that an earlier VirtualService speaks for, to the same sidecars. On gateways routes are merged."""
    owners: dict[str, list[ResolvedVirtualService]] = {}
    problems: list[Problem] = []
    for service in services:
        if not service.http or MESH not in service.gateways or service.gateway_semantics:
            continue
        for position, host in enumerate(service.hosts):
            earlier = owners.setdefault(host.lower(), [])
            others = (each for each in earlier if each is not service)
            winner = next((each for each in others if _is_heard_before(each, service)), None)
            if winner is not None:
                message = f"{host} has the routes of {_key(winner.origin)} already: for sidecars these do not count"
                problems.append(_warning(message, service.origin, f"spec.hosts[{position}]"))
            earlier.append(service)
    return tuple(problems)


def _is_heard_before(earlier: ResolvedVirtualService, later: ResolvedVirtualService) -> bool:
    """Whether some proxy sees both, and the earlier first: private ones come before exported, those before public."""
    one, other = _hearers(earlier), _hearers(later)
    if one.public or other.public:
        return one.public and other.public
    shared = one.namespaces & other.namespaces
    return any((each == earlier.namespace) == (each == later.namespace) for each in shared)


def _hearers(service: ResolvedVirtualService) -> Audience:
    return audience(service.export_to, (), service.namespace)


@memoized(size=4)
def of_services(services: tuple[Service, ...], mesh: MeshConfig) -> tuple[Problem, ...]:
    """Ports for plain bytes that another service has at the same address, or that have no address at all."""
    owners: dict[tuple[str, int], list[tuple[Service, Audience]]] = {}
    problems: list[Problem] = []
    for service in services:
        address = _place(service)
        if address is None:
            continue
        clients = audience(service.export_to, mesh.default_service_export_to, service.namespace)
        for port in service.ports:
            if not port.protocol.is_tcp or port.protocol.is_tls:
                continue
            earlier = owners.setdefault((address, port.number), [])
            winner = next((each for each, seen in earlier if each is not service and _overlap(seen, clients)), None)
            if winner is not None:
                where = "without an address" if address in _NO_ADDRESS else f"at {address}"
                message = f"port {port.number} {where} is that of {winner.hostname} too, which gets its connections"
                problems.append(_warning(f"{service.hostname}: {message}", service.origin, "spec.ports"))
            earlier.append((service, clients))
    return tuple(problems)


def _place(service: Service) -> str | None:
    """The address that clients dial; None where each endpoint has its own."""
    if service.address not in _NO_ADDRESS:
        return service.address
    if service.auto_allocated_v4 or (service.is_headless and (service.is_kubernetes or service.selector)):
        return None
    return UNSPECIFIED_ADDRESS


def _overlap(one: Audience, other: Audience) -> bool:
    if one.public or other.public:
        return (one.public or bool(one.namespaces)) and (other.public or bool(other.namespaces))
    return bool(one.namespaces & other.namespaces)


@memoized(size=4)
def of_gateways(gateways: tuple[GatewayServers, ...], features: Features) -> tuple[Problem, ...]:
    """Servers that contradict one of an earlier Gateway for the same workloads.

    Of workloads that are found by their Service, and by labels too, each group is looked at alone.
    """
    lost: dict[tuple[Origin, int], GatewayServer] = {}
    scoped = features.scope_gateway_to_namespace
    groups = {
        (frozenset(each.selector.items()), each.namespace if scoped or each.services is not None else "", each.services)
        for each in gateways
    }
    for labels, namespace, services in groups:
        together = (
            each
            for each in gateways
            if each.services == services and each.selector.items() <= labels and namespace in ("", each.namespace)
        )
        servers = tuple(server for each in together for server in each.servers)
        merged = merge_servers(servers, ())
        kept = {id(each.gateway) for port in merged.ports for each in port.servers}
        kept |= {id(each.gateway) for route in merged.routes.values() for each in route}
        lost |= {(each.origin, each.index): each for each in servers if id(each) not in kept}
    return tuple(
        Problem(
            f"port {each.server.port.number} has another server that this one contradicts (protocol or TLS hosts): "
            "it is not served",
            _key(each.origin),
            field=f"spec.servers[{each.index}]",
        )
        for _, each in sorted(lost.items(), key=lambda item: item[0])
    )


@memoized(size=16_384)
def of_sidecar(sidecar: Sidecar) -> tuple[Problem, ...]:
    """Listeners of one Sidecar on the same port."""
    ingress = ((each.port.number, "") for each in sidecar.spec.ingress)
    egress = ((each.port.number, each.bind) if each.port is not None else None for each in sidecar.spec.egress)
    found = [("ingress", place) for place in _repeated(ingress)]
    found += [("egress", place) for place in _repeated(egress)]
    return tuple(
        _warning(f"port {port[0]} again: the first listener is served", sidecar.origin, f"spec.{kind}[{position}].port")
        for kind, (position, port) in found
    )


def _repeated(places: Iterable[tuple[int, str] | None]) -> Iterator[tuple[int, tuple[int, str]]]:
    seen: set[tuple[int, str]] = set()
    for position, place in enumerate(places):
        if place is None or place == (0, ""):
            continue
        if place in seen:
            yield position, place
        seen.add(place)


def _warning(message: str, origin: Origin, field: str) -> Problem:
    return Problem(message, _key(origin), field=field, severity=Severity.WARNING)


def _key(origin: Origin) -> ObjectKey:
    return ObjectKey(origin.kind, origin.namespace, origin.name)
