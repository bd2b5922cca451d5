"""Which services and VirtualServices a group of proxies imports.

In: what a namespace sees, and the Sidecar that applies, if any. Out: `Imports`: one egress listener for each that is
declared, and all services together. Does not look at rules or at single proxies.
Source: xDS behaviour 2.10.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pilot.memo import memoized
from pilot.model.hosts import covers, overlaps
from pilot.model.interning import same_mapping, same_tuple
from pilot.model.protocol import parse_protocol
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.service import Hostname, PortProtocol, Service, ServicePort
from pilot.model.sidecar import SidecarEgressListener
from pilot.model.sidecars import ActiveSidecar
from pilot.view.destinations import destinations_of
from pilot.view.scope import EgressListener

VirtualServices = tuple[ResolvedVirtualService, ...]
Services = tuple[Service, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Imports:
    """What may be reached."""

    egress: tuple[EgressListener, ...]
    services: Services
    """One for each host name."""
    by_host: Mapping[Hostname, Service]


@memoized(size=2048, passing=True)
def import_everything(services: Services, virtual_services: VirtualServices, namespace: str) -> Imports:
    """Without a Sidecar: all that is visible. `namespace` is that of the proxies where it matters, else empty."""
    chosen = select_namespaces(services, namespace)
    return _collect((_listener(None, chosen, virtual_services),), (), namespace)


@memoized(size=2048, passing=True)
def import_declared(
    services: Services, virtual_services: VirtualServices, namespace: str, sidecar: ActiveSidecar
) -> Imports:
    """What a Sidecar lists, and where the routes it imports lead. A Sidecar without egress imports everything."""
    listeners = tuple(
        _import_listener(each, services, virtual_services, namespace)
        for each in sidecar.spec.egress or (SidecarEgressListener(hosts=("*/*",)),)
    )
    return _collect(listeners, services, namespace)


def contested_namespaces(services: Services) -> frozenset[str]:
    """Namespaces of services whose name occurs in others as well: there, who asks matters."""
    return _contested(services)


@memoized(size=256, passing=True)
def _contested(services: Services) -> frozenset[str]:
    first: dict[str, str] = {}
    contested: set[str] = set()
    for each in services:
        owner = first.setdefault(each.hostname, each.namespace)
        if owner != each.namespace:
            contested.update((owner, each.namespace))
    return frozenset(contested)


def select_namespaces(services: Iterable[Service], namespace: str) -> Services:
    """Of services of one name in several namespaces only those of one: the own, else Kubernetes', else the first's."""
    services = tuple(services)
    owners: dict[Hostname, Service] = {}
    for each in services:
        owner = owners.setdefault(each.hostname, each)
        if owner.namespace == each.namespace:
            continue
        better = each.is_kubernetes and not owner.is_kubernetes
        if each.namespace == namespace or (better and owner.namespace != namespace):
            owners[each.hostname] = each
    if all(owners[each.hostname].namespace == each.namespace for each in services):
        return same_tuple(services)
    return same_tuple(tuple(each for each in services if owners[each.hostname].namespace == each.namespace))


def _import_listener(
    declared: SidecarEgressListener, services: Services, virtual_services: VirtualServices, namespace: str
) -> EgressListener:
    patterns = _patterns(declared.hosts, namespace)
    imported = (each for each in services if _imports(patterns, each.namespace, each.hostname))
    port = _only_port(declared)
    if port:
        imported = (reduced for each in imported for reduced in _with_port(each, port))
    routes = (each for each in virtual_services if _imports_routes(patterns, each))
    return _listener(declared, select_namespaces(imported, namespace), same_tuple(tuple(routes)))


def _patterns(hosts: Iterable[str], namespace: str) -> Mapping[str, tuple[str, ...]]:
    """Host patterns by the namespace they are for; `*` for any."""
    patterns: dict[str, list[str]] = {}
    for each in hosts:
        owner, slash, host = each.partition("/")
        if slash:
            patterns.setdefault(namespace if owner == "." else owner, []).append(host)
        else:
            patterns.setdefault("*", []).append(each)
    return {owner: tuple(found) for owner, found in patterns.items()}


def _imports(patterns: Mapping[str, tuple[str, ...]], namespace: str, host: str) -> bool:
    return any(covers(each, host) for owner in (namespace, "*") for each in patterns.get(owner, ()))


def _imports_routes(patterns: Mapping[str, tuple[str, ...]], routes: ResolvedVirtualService) -> bool:
    """A VirtualService is imported by any of its hosts; one of the Gateway API only by a host that is covered."""
    fits = covers if routes.gateway_semantics else overlaps
    return any(
        fits(pattern, host)
        for owner in (routes.namespace, "*")
        for pattern in patterns.get(owner, ())
        for host in routes.hosts
    )


def _only_port(declared: SidecarEgressListener | None) -> int:
    """The port that an egress listener restricts services to; 0 for none."""
    if declared is None or declared.port is None or parse_protocol(declared.port.protocol) is PortProtocol.HTTP_PROXY:
        return 0
    return declared.port.number


def _with_port(service: Service, number: int) -> Iterator[Service]:
    found = tuple(each for each in service.ports if each.number == number)
    if found:
        yield _with_ports(service, found)


@memoized(size=16384)
def _with_ports(service: Service, ports: tuple[ServicePort, ...]) -> Service:
    return service if ports == service.ports else replace(service, ports=ports)


@memoized(size=8192, passing=True)
def _listener(
    declared: SidecarEgressListener | None, services: Services, virtual_services: VirtualServices
) -> EgressListener:
    return EgressListener(declared, services, virtual_services)


def _collect(listeners: tuple[EgressListener, ...], visible: Services, namespace: str) -> Imports:
    """All services of the listeners, then those that imported routes lead to."""
    by_host: dict[Hostname, Service] = {}
    for listener in listeners:
        for each in listener.services:
            _add(by_host, each)
    if visible:
        _add_destinations(by_host, listeners, visible, namespace)
    return Imports(same_tuple(listeners), same_tuple(tuple(by_host.values())), same_mapping(by_host))


def _add(by_host: dict[Hostname, Service], service: Service) -> None:
    """Adds a service, or its ports to the one of its name that is there."""
    known = by_host.get(service.hostname)
    if known is None:
        by_host[service.hostname] = service
    elif known is not service and _can_merge(known, service):
        by_host[service.hostname] = _merge_ports(known, service)


def _can_merge(one: Service, other: Service) -> bool:
    return (
        one.namespace == other.namespace
        and one.registry is other.registry
        and one.resolution is other.resolution
        and one.labels == other.labels
        and one.selector == other.selector
        and one.export_to == other.export_to
    )


@memoized(size=16384)
def _merge_ports(one: Service, other: Service) -> Service:
    """The first service with the ports that only the second has."""
    numbers = {(each.number, each.protocol is PortProtocol.UDP) for each in one.ports}
    added = tuple(each for each in other.ports if (each.number, each.protocol is PortProtocol.UDP) not in numbers)
    return replace(one, ports=one.ports + added) if added else one


def _add_destinations(
    by_host: dict[Hostname, Service], listeners: tuple[EgressListener, ...], visible: Services, namespace: str
) -> None:
    """Adds the services that imported routes lead to, with the port of the listener, else the ports they name."""
    known = _by_host(visible)
    for listener in listeners:
        only = _only_port(listener.declared)
        for routes in listener.virtual_services:
            for host, named in destinations_of(routes, MESH).items():
                found = known.get(Hostname(host))
                if not found:
                    continue
                service, ports = _preferred(found, namespace), frozenset((only,)) if only else named
                wanted = tuple(each for each in service.ports if each.number in ports) if ports else service.ports
                if wanted:
                    _add(by_host, _with_ports(service, wanted))


@memoized(size=256, passing=True)
def _by_host(services: Services) -> Mapping[Hostname, Services]:
    found: dict[Hostname, list[Service]] = {}
    for each in services:
        found.setdefault(each.hostname, []).append(each)
    return {host: tuple(each) for host, each in found.items()}


def _preferred(services: Services, namespace: str) -> Service:
    own = [each for each in services if each.namespace == namespace]
    return own[0] if own else min(services, key=lambda each: each.namespace)
