"""What a waypoint stands in front of: services with all that holds for their traffic, and single workloads.

In: a snapshot, a proxy, the services that select it. Out: `Attachments`, the same object for replicas, made of parts
that stay the same while nothing about their service changes. Other proxies have none and pay nothing.
Source: xDS behaviour 3.1, 4.12, 7.0, 8.5.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pilot.memo import memoized
from pilot.model.ambient.index import AmbientIndex
from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import select_inbound
from pilot.model.hosts import is_wildcard, overlaps
from pilot.model.interning import Interner, same_mapping, same_tuple
from pilot.model.policy_attachment import GATEWAY_NAME, WorkloadPlace
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.service import Hostname, PortProtocol, Resolution, Service
from pilot.model.service_index import ServiceIndex
from pilot.model.snapshot import Snapshot
from pilot.model.wasm_plugins import CheckedPlugin
from pilot.model.waypoint import EAST_WEST, MANAGED, Traffic, TunnelAddress, Waypoint, Waypoints
from pilot.resources import Origin
from pilot.view.ambient import index_of
from pilot.view.destinations import destinations_of
from pilot.view.observed import Observed, observed_at
from pilot.view.plugins import plugins_at
from pilot.view.proxy import Proxy, ProxyKind
from pilot.view.security import NO_SECURITY, Security, security_at
from pilot.view.workload import Workload
from pilot.view.workload_lookup import Identified

VirtualServices = tuple[ResolvedVirtualService, ...]
Name = tuple[str, str]
"""Namespace and name of a Gateway."""


@dataclass(frozen=True, slots=True, eq=False)
class Attached:
    """A service whose traffic comes through the waypoint, and everything that holds for that traffic."""

    services: tuple[Service, ...]
    """Its declarations, one for each address; the first counts."""
    rule: MergedRule | None
    routes: VirtualServices
    """Those that speak of it, in order."""
    security: Security
    observed: Observed
    plugins: tuple[CheckedPlugin, ...]

    @property
    def service(self) -> Service:
        """The declaration that counts."""
        return self.services[0]


@dataclass(frozen=True, slots=True, eq=False)
class Attachments:
    """Everything behind one waypoint; compared by identity."""

    services: tuple[Attached, ...] = ()
    """By creation time, then name."""
    by_host: Mapping[Hostname, Attached] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()
    """IP addresses, by creation time of their workloads."""
    referenced: frozenset[str] = frozenset()
    """Hosts that routes of its services lead to, other than its own; its own where they are outside of the mesh."""
    takes_workloads: bool = False
    is_entrance: bool = False
    """Tunnels from other networks come in here: what is attached are all services that are one over all clusters."""
    guards: Security = NO_SECURITY
    """Policies by selector, which hold where tunnels end (ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES)."""


NO_ATTACHMENTS = Attachments()
_ATTACHMENTS: Interner[Attachments] = Interner(256)
_attached = memoized(size=65_536)(Attached)
_place = memoized(size=65_536)(WorkloadPlace)


def attachments_of(
    snapshot: Snapshot, proxy: Proxy, identified: Identified, workload: Workload, routes: VirtualServices
) -> Attachments:
    """What is attached to a proxy; `routes`: VirtualServices for the mesh that it sees."""
    waypoints = snapshot.conversions.waypoints
    if proxy.traits.kind is not ProxyKind.WAYPOINT:
        return NO_ATTACHMENTS
    if _is_entrance(snapshot, identified, proxy.traits.namespace):
        return _at_entrance(snapshot, proxy, identified)
    if not waypoints.by_name:
        return NO_ATTACHMENTS
    selecting = same_tuple(tuple({id(each.service): each.service for each in workload.targets}.values()))
    mine = _waypoints_behind(waypoints, selecting, proxy.traits.namespace)
    gateway = identified.labels.get(GATEWAY_NAME, "")
    found = _behind(snapshot, mine, proxy.traits.namespace, gateway, proxy.istio_version[:2], routes)
    if not snapshot.features.layered_waypoint_policies:
        return found
    return _guarded(found, security_at(snapshot, _by_selector(identified, proxy.traits.namespace)))


def _is_entrance(snapshot: Snapshot, identified: Identified, namespace: str) -> bool:
    """Whether a proxy is a gateway through which other networks come in."""
    if not snapshot.features.ambient_multi_network:
        return False
    declared = snapshot.conversions.waypoints.by_name.get((namespace, identified.labels.get(GATEWAY_NAME, "")))
    return identified.labels.get(MANAGED) == EAST_WEST or (declared is not None and declared.is_east_west)


def _at_entrance(snapshot: Snapshot, proxy: Proxy, identified: Identified) -> Attachments:
    here = snapshot.registry_of(proxy.traits.cluster_id).service_index
    place = _by_selector(identified, proxy.traits.namespace)
    return _entrance(here, observed_at(snapshot, proxy.istio_version[:2], place))


@memoized(size=16, passing=True)
def _entrance(services: ServiceIndex, observed: Observed) -> Attachments:
    """Every service of the cluster that is one over all clusters; what is in its tunnels is not looked into."""
    found = (each for each in services.listing if each.is_global and each.resolution is not Resolution.ALIAS)
    attached = tuple(_attached((_as_bytes(each),), None, (), NO_SECURITY, observed, ()) for each in found)
    return replace(_together(same_tuple(attached), (), False, frozenset()), is_entrance=True)


@memoized(size=65_536)
def _as_bytes(service: Service) -> Service:
    """The service with ports of which nothing is known but that they carry bytes."""
    ports = tuple(
        replace(each, protocol=PortProtocol.TCP) for each in service.ports if each.protocol is not PortProtocol.UDP
    )
    return replace(service, ports=ports)


@memoized(size=8192)
def _by_selector(identified: Identified, namespace: str) -> WorkloadPlace:
    """The place of the proxy as a workload like any other."""
    labels = {key: value for key, value in identified.labels.items() if key != GATEWAY_NAME}
    return WorkloadPlace(namespace, labels)


@memoized(size=256)
def _guarded(found: Attachments, guards: Security) -> Attachments:
    return replace(found, guards=guards)


@memoized(size=16, passing=True)
def _behind(
    snapshot: Snapshot,
    mine: tuple[Name, ...],
    namespace: str,
    gateway: str,
    version: tuple[int, int],
    routes: VirtualServices,
) -> Attachments:
    """What is behind these waypoints; replicas of a proxy share it."""
    waypoints = snapshot.conversions.waypoints
    bound = _bound_services(snapshot.service_index, waypoints)
    grouped: dict[tuple[str, str], list[Service]] = {}
    for each in sorted(
        (each for name in mine for each in bound.get(name, ())), key=lambda each: (each.created, each.name)
    ):
        grouped.setdefault((each.hostname, each.namespace), []).append(each)
    reach = snapshot.features.selector_gateway_policy
    services = []
    for declared in grouped.values():
        place = place_of(namespace, gateway, declared[0].origin, reach=reach)
        services.append(_attach(snapshot, place, version, same_tuple(tuple(declared)), routes))
    takes_workloads = any(waypoints.by_name[name].traffic in (Traffic.WORKLOAD, Traffic.ALL) for name in mine)
    addresses = frozenset(address for name in mine if (address := waypoints.by_name[name].address) is not None)
    workloads = _addresses(index_of(snapshot), addresses) if takes_workloads else ()
    return _together(same_tuple(tuple(services)), workloads, takes_workloads, _referenced(services, routes))


def _together(
    services: tuple[Attached, ...], workloads: tuple[str, ...], takes_workloads: bool, referenced: frozenset[str]
) -> Attachments:
    key = (id(services), workloads, takes_workloads, referenced)
    known = _ATTACHMENTS.find(key)
    if known is not None:
        return known
    by_host: dict[Hostname, Attached] = {}
    for each in services:
        by_host.setdefault(each.service.hostname, each)
    found = Attachments(services, same_mapping(by_host), workloads, referenced, takes_workloads)
    return _ATTACHMENTS.same(key, found)


def _referenced(services: Iterable[Attached], routes: VirtualServices) -> frozenset[str]:
    """Hosts that any VirtualService for one of them leads to, whatever namespace it is of."""
    exact, _ = _by_host(routes)
    own = [each.service for each in services]
    speaking = {id(routed): routed for each in own for _, routed in exact.get(each.hostname, ())}
    speaking.update((id(routed), routed) for each in services for routed in each.routes)
    hosts = {host for routed in speaking.values() for host in destinations_of(routed, MESH)}
    return frozenset(hosts - {each.hostname for each in own if not each.mesh_external})


@memoized(size=256)
def _waypoints_behind(waypoints: Waypoints, selecting: tuple[Service, ...], namespace: str) -> tuple[Name, ...]:
    """The Gateways whose address is one of the services that select the proxy in its namespace."""
    own = [each for each in selecting if each.namespace == namespace]
    names = {(each.hostname, each.namespace) for each in own}
    vips = {vip for each in own for vip in addresses_of(each)}
    return tuple(
        name
        for name, each in waypoints.by_name.items()
        if each.address is not None
        and ((each.address.hostname, each.address.namespace) in names or each.address.ip in vips)
    )


def addresses_of(service: Service) -> Iterator[str]:
    """Every virtual IP address of a service."""
    yield service.address
    for vips in service.cluster_vips.values():
        yield from vips
    yield from filter(None, (service.auto_allocated_v4, service.auto_allocated_v6))


@memoized(size=4, passing=True)
def _bound_services(services: ServiceIndex, waypoints: Waypoints) -> Mapping[Name, tuple[Service, ...]]:
    """The services behind each waypoint, in listing order."""
    found: dict[Name, list[Service]] = {}
    for each in services.listing:
        if each.resolution is Resolution.ALIAS:
            continue
        bound = waypoints.bound(each.namespace, each.labels, Traffic.SERVICE)
        if isinstance(bound, Waypoint):
            found.setdefault((bound.namespace, bound.name), []).append(each)
    return {name: tuple(each) for name, each in found.items()}


@memoized(size=64, passing=True)
def _addresses(index: AmbientIndex, waypoints: frozenset[TunnelAddress]) -> tuple[str, ...]:
    """The addresses of workloads behind these waypoints."""
    found = []
    for source, workloads in index.declared.items():
        declared = index.mesh.store.kinds.get(source[0], {}).get(source[1], {}).get(source[2])
        created = declared.created if declared is not None else ""
        found += [(created, each.uid, each.addresses) for each in workloads if each.waypoint in waypoints]
    return tuple(address for _, _, addresses in sorted(found) for address in addresses)


def _attach(
    snapshot: Snapshot,
    place: WorkloadPlace,
    version: tuple[int, int],
    services: tuple[Service, ...],
    routes: VirtualServices,
) -> Attached:
    service, namespace = services[0], place.namespace
    return _attached(
        services,
        select_inbound(snapshot.rules.find(namespace, service.hostname, service.namespace)),
        _routes_of(service, namespace, routes),
        security_at(snapshot, place),
        observed_at(snapshot, version, place),
        plugins_at(snapshot, place),
    )


def place_of(namespace: str, gateway: str, service: Origin, *, reach: bool) -> WorkloadPlace:
    """Where policies for the traffic to a service are looked for; the same object for the same place."""
    return _place(namespace, _labels(gateway), True, reach, service)


@memoized(size=1024)
def _labels(gateway: str) -> Mapping[str, str]:
    return {GATEWAY_NAME: gateway} if gateway else {}


@memoized(size=65_536, passing=True)
def _routes_of(service: Service, namespace: str, routes: VirtualServices) -> VirtualServices:
    """VirtualServices of the waypoint's namespace and of the service's own that speak of it."""
    exact, others = _by_host(routes)
    candidates = others if not is_wildcard(service.hostname) else tuple(enumerate(routes))
    found = dict(candidates)
    found.update(exact.get(service.hostname, ()))
    return same_tuple(
        tuple(
            each
            for _, each in sorted(found.items())
            if each.namespace in (namespace, service.namespace)
            and any(overlaps(host, service.hostname) for host in each.hosts)
        )
    )


_Numbered = tuple[tuple[int, ResolvedVirtualService], ...]


@memoized(size=64, passing=True)
def _by_host(routes: VirtualServices) -> tuple[Mapping[str, _Numbered], _Numbered]:
    """VirtualServices by exact host, and those with a wildcard."""
    exact: dict[str, list[tuple[int, ResolvedVirtualService]]] = {}
    for number, each in enumerate(routes):
        for host in each.hosts:
            exact.setdefault(host, []).append((number, each))
    wild = tuple((number, each) for number, each in enumerate(routes) if any(map(is_wildcard, each.hosts)))
    return {host: tuple(each) for host, each in exact.items()}, wild
