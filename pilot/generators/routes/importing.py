"""What an egress listener imports, arranged for routes: services by port, VirtualServices by host.

In: an `EgressListener`. Out: indexes, made once for each listener object. Source: xDS behaviour 5.3 (1-3).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.hosts import HostIndex, OverlapIndex, covers, is_wildcard
from pilot.model.interning import same_mapping, same_tuple
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import PortProtocol, Resolution, Service, ServicePort
from pilot.rows import rows
from pilot.view.scope import EgressListener

ALL_PORTS = 0


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A service as one route configuration sees it: with the ports that matter there."""

    service: Service
    ports: tuple[ServicePort, ...]

    @property
    def http_ports(self) -> Iterator[ServicePort]:
        """Ports that speak HTTP, or may."""
        return (port for port in self.ports if port.protocol.is_http or port.protocol.is_sniffed)


Registry = Mapping[str, Imported]
"""By host name in lower case; of two services with one name the later counts."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedServices:
    """The registry of every port; `by_port[ALL_PORTS]` has all services with all their ports."""

    by_port: Mapping[int, Registry]


def imported_services(listener: EgressListener) -> ImportedServices:
    """The services of a listener by port. Aliases have no virtual hosts of their own."""
    return _by_port(same_tuple(listener.services))


@memoized(size=1024, passing=True)
def _by_port(services: tuple[Service, ...]) -> ImportedServices:
    by_port: dict[int, dict[str, Imported]] = {ALL_PORTS: {}}
    for each in _import((services,)):
        for host, port, imported in each:
            registry = by_port.get(port)
            if registry is None:
                registry = by_port[port] = {}
            registry[host] = imported
    # a port whose services stay the same keeps its registry, whatever happens to others
    return ImportedServices({port: same_mapping(registry) for port, registry in by_port.items()})


@rows()
def _import(service: Service) -> tuple[tuple[str, int, Imported], ...]:
    """Host name, port and what is seen there of a service."""
    if service.resolution is Resolution.ALIAS:
        return ()
    host, ports = service.hostname.lower(), tuple(each for each in service.ports if not _is_udp(each))
    alone = ((host, each.number, Imported(service, (each,))) for each in ports)
    return ((host, ALL_PORTS, Imported(service, ports)), *alone)


def _is_udp(port: ServicePort) -> bool:
    return port.protocol is PortProtocol.UDP


@dataclass(frozen=True, slots=True, eq=False)
class RoutedHosts:
    """VirtualServices with HTTP routes, and who of them speaks for a host."""

    services: tuple[ResolvedVirtualService, ...]
    """In order of precedence."""
    index: OverlapIndex
    """Positions in `services`."""
    most_specific: HostIndex[ResolvedVirtualService]


def routed_hosts(listener: EgressListener) -> RoutedHosts:
    """The VirtualServices of a listener by host."""
    return _by_host(same_tuple(listener.virtual_services))


@memoized(size=1024)
def _by_host(virtual_services: tuple[ResolvedVirtualService, ...]) -> RoutedHosts:
    services = tuple(each for each in virtual_services if each.http)
    patterns = [(host.lower(), position) for position, each in enumerate(services) for host in each.hosts]
    speakers = HostIndex.of((pattern, services[position]) for pattern, position in patterns)
    return RoutedHosts(services, OverlapIndex.of(patterns), speakers)


def select_virtual_services(
    routed: RoutedHosts, registry: Registry, *, every: bool
) -> Iterator[ResolvedVirtualService]:
    """Those that could say something about these services, in order; `every`: also those about other hosts."""
    if every:
        yield from routed.services
        return
    chosen = {position for host in registry for position in routed.index.overlapping(host)}
    for position in sorted(chosen):
        yield routed.services[position]


def attach(
    service: ResolvedVirtualService, routed: RoutedHosts, registry: Registry, namespace: str
) -> tuple[tuple[str, ...], tuple[Imported, ...]]:
    """Which hosts of a VirtualService stand alone, and which services it speaks for, for proxies of a namespace."""
    alone: dict[str, None] = {}
    found: dict[str, Imported] = {}
    for host in service.hosts:
        key = host.lower()
        if not is_wildcard(key):
            if key in registry:
                found[key] = registry[key]
            elif not service.gateway_semantics:  # made for a service: where it has no such port, it says nothing
                alone[host] = None
            continue
        covered = _covered(registry, key)
        if not covered or service.gateway_semantics:
            alone[host] = None
            continue
        for each in covered:
            if routed.most_specific.find(each) is service:
                found[each] = registry[each]
    if service.gateway_semantics and service.namespace != namespace:
        # a route of a consumer's namespace is for clients there; a producer's is for everybody
        found = {host: each for host, each in found.items() if each.service.namespace == service.namespace}
    return tuple(alone), tuple(found.values())


@memoized(size=4096, passing=True)
def _covered(registry: Registry, pattern: str) -> tuple[str, ...]:
    """The hosts of a registry below a wildcard that many VirtualServices may have."""
    return tuple(each for each in registry if covers(pattern, each))
