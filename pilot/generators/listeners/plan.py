"""Which outbound listeners a class of sidecars has, and with which chains: conflicts between services are settled here.

In: what may be reached, and how. Out: `PlannedListener`s. HTTP chains are only described, since their contents
differ from workload to workload (`outbound.py` makes them); all else is shared. Source: xDS behaviour 4.2 (table), 4.3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.isolation import isolated
from pilot.generators.listeners import tcp_routes
from pilot.generators.listeners.address import listener_name
from pilot.generators.listeners.chain import ANYTHING, RAW, Chain, ChainMatch, Condition, conditions, narrow
from pilot.generators.listeners.tcp_routes import Client, PortTraffic
from pilot.generators.listeners.wishes import ANYWHERE, Kind, Wish, service_wishes
from pilot.memo import Work, finish, memoized, sliced
from pilot.model.destination_rule import MergedRule
from pilot.model.hosts import OverlapIndex
from pilot.model.interning import same_tuple
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, PortProtocol, Service, ServicePort
from pilot.model.sidecar import SidecarEgressListener
from pilot.model.virtual_service import RouteDestination
from pilot.resources import Origin
from pilot.view.scope import EgressListener, Scope

HeadlessAddresses = Mapping[tuple[str, str, str], tuple[tuple[str, ...], ...]]
"""Addresses of each endpoint of headless services, by (host, namespace, port name)."""


@dataclass(frozen=True, slots=True, eq=False)
class HttpChain:
    """A chain whose requests are routed by name; its connection manager differs from workload to workload."""

    match: ChainMatch
    stat_prefix: str
    route_name: str
    grpc_web: bool
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedListener:
    """A listener: address and additional ones, port, and what it is made of."""

    binds: tuple[str, ...]
    port: int
    bound: bool
    chains: tuple[Chain | HttpChain, ...]
    origins: tuple[Origin, ...]


@dataclass(slots=True)
class _Entry:
    """A listener while services are added to it."""

    wish: Wish
    """The one that opened it."""
    binds: tuple[str, ...]
    kind: Kind
    locked: bool
    """Made by an egress listener with a port: later ones without leave it alone."""
    chains: list[Chain | HttpChain] = field(default_factory=list)
    taken: set[Condition] = field(default_factory=set)


def plan_listeners(
    scope: Scope,
    context: ProxyContext,
    labels: Mapping[str, str],
    headless: HeadlessAddresses,
    own_address: str,
) -> tuple[PlannedListener, ...]:
    """The listeners of a scope. `context` has no workload tags; `labels` are those that routes ask for.

    `own_address`: the proxy's first IP where headless endpoints have it, so that it does not stand in its own way.
    """
    return finish(steps(scope, context, labels, headless, own_address))


def steps(
    scope: Scope,
    context: ProxyContext,
    labels: Mapping[str, str],
    headless: HeadlessAddresses,
    own_address: str,
) -> Work[tuple[PlannedListener, ...]]:
    """The same, in pieces."""
    outlets = same_tuple(tuple(_outlet_of(each) for each in scope.egress))
    return (yield from _plan.steps(outlets, scope.by_host, scope.rules, context, labels, headless, own_address))


@dataclass(frozen=True, slots=True, eq=False)
class _Outlet:
    """What listeners take of an egress listener: not its VirtualServices for HTTP, which routes are about."""

    declared: SidecarEgressListener | None
    services: tuple[Service, ...]
    routed: tuple[ResolvedVirtualService, ...]
    """Those with tcp or tls routes."""


@memoized(size=1024)
def _outlet_of(listener: EgressListener) -> _Outlet:
    routed = same_tuple(tuple(each for each in listener.virtual_services if each.tcp or each.tls))
    return _outlet(listener.declared, listener.services, routed)


_outlet = memoized(size=1024)(_Outlet)


PIECE: Final = 64
"""Services that are planned for in one piece. Arbitrary: a millisecond or so."""


@sliced(memoized(size=4096, passing=True))
def _plan(
    outlets: tuple[_Outlet, ...],
    by_host: Mapping[Hostname, Service],
    rules: Mapping[Hostname, MergedRule],
    context: ProxyContext,
    labels: Mapping[str, str],
    headless: HeadlessAddresses,
    own_address: str,
) -> Work[tuple[PlannedListener, ...]]:
    entries: dict[tuple[str, int], _Entry] = {}
    traits, features, mesh = context.traits, context.features, context.mesh
    for outlet in outlets:
        declared = outlet.declared
        locks = declared is not None and declared.port is not None
        routing = _Routing(outlet.routed, by_host, rules, context, labels)
        for number, service in enumerate(outlet.services):
            if number % PIECE == 0:
                yield
            for wish in service_wishes(service, declared, traits, features, mesh):
                for binds in _binds(wish, headless, own_address):
                    _grant(wish, binds, routing, entries, locks=locks)
    yield
    return same_tuple(
        tuple(
            _planned(entry.binds, entry.wish.port.number, entry.wish.bound, same_tuple(tuple(entry.chains)))
            for entry in entries.values()
        )
    )


@memoized(size=65_536)
def _planned(binds: tuple[str, ...], port: int, bound: bool, chains: tuple[Chain | HttpChain, ...]) -> PlannedListener:
    """The same object for the same parts, so that a plan that comes out the same is the same."""
    origins = dict.fromkeys(origin for chain in chains for origin in chain.origins)
    return PlannedListener(binds, port, bound, chains, tuple(origins))


def _binds(wish: Wish, headless: HeadlessAddresses, own_address: str) -> Iterator[tuple[str, ...]]:
    """Where a wish wants listeners; a headless service has one for each endpoint."""
    endpoints = headless.get((wish.service.hostname, wish.service.namespace, wish.port.name), ())
    if not wish.binds:
        yield from (addresses for addresses in endpoints if addresses[0] != own_address)
    elif not (wish.fallback and endpoints):
        yield wish.binds


def _grant(
    wish: Wish,
    binds: tuple[str, ...],
    routing: "_Routing",
    entries: dict[tuple[str, int], _Entry],
    *,
    locks: bool,
) -> None:
    """Opens a listener for a wish, or adds to the one that is there."""
    key = (binds[0], wish.port.number)
    entry = entries.get(key)
    if entry is None:
        entry = entries[key] = _open(wish, binds, locked=locks)
    elif entry.locked and not locks:
        return
    elif wish.kind is Kind.HTTP and entry.kind is not Kind.TCP:
        return  # the routes of the port cover every HTTP service
    elif (wish.kind is Kind.AUTO and entry.kind is Kind.AUTO) or _breaks_sniffing(wish, entry.wish):
        return
    elif wish.kind is Kind.AUTO and entry.kind is Kind.HTTP:
        entry = entries[key] = _open(wish, binds, locked=entry.locked)
    elif not (wish.kind is Kind.TCP and entry.kind is Kind.TCP):
        entry.kind = Kind.AUTO
    for chain in _chains(wish, binds, routing):
        match = narrow(chain.match, entry.taken)
        if match is not None:
            entry.taken |= conditions(match)
            entry.chains.append(chain if match is chain.match else replace(chain, match=match))


def _open(wish: Wish, binds: tuple[str, ...], *, locked: bool) -> _Entry:
    # HTTP for every address is told apart from other traffic there: it counts as sniffed from then on
    sniffed = wish.kind is Kind.HTTP and binds[0] in ANYWHERE
    return _Entry(wish, binds, Kind.AUTO if sniffed else wish.kind, locked)


def _breaks_sniffing(one: Wish, other: Wish) -> bool:
    """Whether looking at the first bytes for one protocol would break the other, whose servers speak first."""
    protocols = {one.port.protocol, other.port.protocol}
    return len(protocols) == 2 and bool(protocols & {PortProtocol.MONGO, PortProtocol.MYSQL})


@dataclass(frozen=True, slots=True)
class _Routing:
    """What the chains of an egress listener are routed by."""

    routed: tuple[ResolvedVirtualService, ...]
    by_host: Mapping[Hostname, Service]
    rules: Mapping[Hostname, MergedRule]
    context: ProxyContext
    labels: Mapping[str, str]


def _chains(wish: Wish, binds: tuple[str, ...], routing: _Routing) -> Iterator[Chain | HttpChain]:
    """Chains for bytes first, then the one for HTTP."""
    if wish.kind is not Kind.HTTP:
        yield from _tcp_chains(wish, routing)
    if wish.kind is not Kind.TCP:
        everything = wish.kind is Kind.HTTP and binds[0] not in ANYWHERE
        name = listener_name(binds[0], wish.port.number)
        yield _http_chain(wish, f"outbound_{name};", ANYTHING if everything else sniffed_http(routing.context))


@memoized(size=65_536)
def _http_chain(wish: Wish, stat_prefix: str, match: ChainMatch) -> HttpChain:
    grpc_web = wish.port.protocol is PortProtocol.GRPC_WEB
    return HttpChain(match, stat_prefix, wish.route_name, grpc_web, (wish.service.origin,))


@memoized()
def sniffed_http(context: ProxyContext) -> ChainMatch:
    """What the HTTP inspector finds in plain text that is HTTP."""
    old = context.features.http10 or context.traits.http10
    return ChainMatch(transport=RAW, protocols=("http/1.0", "http/1.1", "h2c") if old else ("http/1.1", "h2c"))


def _tcp_chains(wish: Wish, routing: _Routing) -> tuple[Chain, ...]:
    positions = _by_host(routing.routed).overlapping(wish.service.hostname.lower())
    speaking = tuple(routing.routed[each] for each in sorted(set(positions)))
    found: list[Service | MergedRule | None] = []
    for host in _hosts(wish.service, speaking):
        found += [routing.by_host.get(Hostname(host)), routing.rules.get(Hostname(host))]
    asked = "\n".join(f"{key}={value}" for key, value in routing.labels.items()) if speaking else ""
    traffic = (wish.port, wish.cidr, wish.needs_sni)
    return _service_chains(
        wish.service, traffic, same_tuple(speaking), same_tuple(tuple(found)), asked, routing.context
    )


@memoized(size=65_536)
@isolated(
    lambda service, *_: service.origin,
    lambda service, traffic, speaking, found, asked, context: (
        service.hostname,
        traffic[0].number,
        traffic[1],
        context,
    ),
    lambda *_: (),
)
def _service_chains(
    service: Service,
    traffic: tuple[ServicePort, str, bool],
    speaking: tuple[ResolvedVirtualService, ...],
    found: tuple[Service | MergedRule | None, ...],
    asked: str,
    context: ProxyContext,
) -> tuple[Chain, ...]:
    """The chains of a port; made again when the port, a VirtualService or one of their destinations changes."""
    known = {host: (found[2 * n], found[2 * n + 1]) for n, host in enumerate(_hosts(service, speaking))}

    def lookup(host: str) -> tuple[Service | None, MergedRule | None]:
        meant, rule = known.get(host, (None, None))
        return meant if isinstance(meant, Service) else None, rule if isinstance(rule, MergedRule) else None

    labels = dict(line.split("=", 1) for line in asked.split("\n") if line)
    wanted = PortTraffic(service, *traffic)
    return tcp_routes.build_chains(wanted, speaking, Client(labels, context.traits.namespace), lookup, context)


def _hosts(service: Service, speaking: tuple[ResolvedVirtualService, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((service.hostname, *(host for each in speaking for host in destination_hosts(each)))))


@memoized(size=1024)
def _by_host(routed: tuple[ResolvedVirtualService, ...]) -> OverlapIndex:
    return OverlapIndex.of((host.lower(), position) for position, each in enumerate(routed) for host in each.hosts)


@memoized(size=16_384)
def destination_hosts(service: ResolvedVirtualService) -> tuple[str, ...]:
    """The hosts that tcp and tls routes lead to."""
    destinations: list[RouteDestination] = [each for tcp in service.tcp for each in tcp.route]
    destinations += [each for tls in service.tls for each in tls.route]
    return tuple(dict.fromkeys(each.destination.host for each in destinations))
