"""Routes of sidecars: what becomes of an outbound HTTP request on a port.

In: the name of a route configuration, what the proxy may reach, settings. Out: the configuration. Each virtual host is
made once and shared; this module picks and orders them. Source: xDS behaviour 5.1, 5.3.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

from pilot.generators.isolation import isolated
from pilot.generators.routes import importing, virtual_host
from pilot.generators.routes.caller import Caller
from pilot.generators.routes.domains import Domains, domains_of, service_domains
from pilot.generators.routes.importing import ALL_PORTS, Imported, Registry
from pilot.generators.routes.settings import RouteListener, RouteSettings
from pilot.generators.routes.translate import Routes, build_routes
from pilot.generators.routes.virtual_host import Host
from pilot.memo import Work, memoized, sliced
from pilot.model.cluster_name import outbound
from pilot.model.destination_rule import MergedRule
from pilot.model.protocol import parse_protocol
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, PortProtocol, Service
from pilot.resources import Resource
from pilot.rows import rows
from pilot.view.proxy import Traits
from pilot.view.scope import EgressListener, Scope

HTTP_PROXY: Final = "http_proxy"
PASSTHROUGH_CLUSTER: Final = "PassthroughCluster"
_UNIX: Final = "unix://"
_PLAIN_PORT: Final = 80
"""Hosts that only a VirtualService knows are served on this port."""
_NO_SERVICES: Final[Registry] = {}
_NAME: Final = attrgetter("name")


@dataclass(frozen=True, slots=True)
class RouteName:
    """A parsed name: `80`, `host:80`, `http_proxy`, `unix:///path`."""

    port: int
    sniffed: bool = False


def parse_route_name(name: str) -> RouteName | None:
    """What the name of a route configuration means; None where it means nothing. Source: xDS behaviour 5.1."""
    if name == HTTP_PROXY or name.startswith(_UNIX):
        return RouteName(ALL_PORTS)
    host, colon, port = name.rpartition(":")
    if not (port.isascii() and port.isdigit()) or bool(colon) != bool(host):
        return None
    return RouteName(int(port), sniffed=bool(colon))


def select_listener(scope: Scope, name: str, port: int) -> EgressListener | None:
    """The egress listener whose services a route configuration is about."""
    for listener in scope.egress:
        declared = listener.declared
        if declared is None or declared.port is None:
            return listener
        if declared.bind == name if port == ALL_PORTS else declared.port.number == port:
            return listener
    return None


@sliced(memoized(size=65_536, passing=True))
def build_route(name: str, caller: Caller) -> Work[Resource]:
    """The route configuration of that name; an empty one where there is nothing to say."""
    parsed = parse_route_name(name)
    listener = select_listener(caller.scope, name, parsed.port) if parsed is not None else None
    if parsed is None or listener is None:
        return virtual_host.empty_configuration(name)
    port = ALL_PORTS if _is_forward_proxy(listener) else parsed.port
    hosts = yield from _hosts.steps(listener, port, caller)
    yield
    if parsed.sniffed:
        return virtual_host.build_configuration(name, _only(name, _by_domain(hosts)))
    if any("*" in host.domains.folded for host in hosts):  # a VirtualService speaks for every name
        return virtual_host.build_configuration(name, hosts)
    last = virtual_host.catch_all(caller.settings, _unknown_destinations(caller.scope))
    return virtual_host.build_configuration(name, (*hosts, last))


def _is_forward_proxy(listener: EgressListener) -> bool:
    port = listener.declared.port if listener.declared is not None else None
    return port is not None and parse_protocol(port.protocol) is PortProtocol.HTTP_PROXY


def _unknown_destinations(scope: Scope) -> str:
    """The cluster for names that no service has; empty: they are refused."""
    if not scope.allow_any:
        return ""
    if scope.egress_proxy is None:
        return PASSTHROUGH_CLUSTER
    host, port, subset = scope.egress_proxy
    return outbound(port, host, subset)


def hosts_of_port(port: int, caller: Caller) -> Work[tuple[Host, ...]]:
    """The virtual hosts of a service port."""
    listener = select_listener(caller.scope, str(port), port)
    if listener is None:
        return ()
    return (yield from _hosts.steps(listener, port, caller))


@sliced(memoized(size=8192, passing=True))
def _hosts(listener: EgressListener, port: int, caller: Caller) -> Work[tuple[Host, ...]]:
    """The virtual hosts of a port, by name; of all ports for `ALL_PORTS`."""
    registry = importing.imported_services(listener).by_port.get(port, _NO_SERVICES)
    routed = list(_routed(listener, port, registry, caller))
    yield
    default = yield from _default.steps(registry, port, caller.settings, caller.traits, caller.scope.rules)
    yield
    if not routed:
        return default.unique
    named = {each.host.name for each in routed if each.of_service}
    own = {domain for name in named for domain in default.by_name[name].domains.folded} - default.shared
    if all(default.domains.isdisjoint(each.host.domains.folded - own) for each in routed):
        # nothing that VirtualServices name is a name of other services: the usual case
        kept = [host for host in default.unique if host.name not in named]
        unique = [*_without_duplicates(routed, port, registry), *kept]
    else:
        rest = (each for each in default.wanted if each.host.name not in named)
        unique = _without_duplicates([*routed, *rest], port, registry)
    return tuple(sorted(unique, key=_NAME))


@memoized(size=8192, passing=True)
def _by_domain(hosts: tuple[Host, ...]) -> Mapping[str, tuple[Host, ...]]:
    found: dict[str, list[Host]] = {}
    for host in hosts:
        for domain in host.domains.names:
            found.setdefault(domain, []).append(host)
    return {domain: tuple(each) for domain, each in found.items()}


def _only(name: str, by_domain: Mapping[str, tuple[Host, ...]]) -> tuple[Host, ...]:
    """The virtual host of one sniffed service: its listener has no other, so that it takes every name."""
    found = dict.fromkeys((*by_domain.get(name, ()), *by_domain.get(name.rpartition(":")[0], ())))
    return (virtual_host.with_every_domain(next(iter(found))),) if len(found) == 1 else tuple(found)


class _Wanted(NamedTuple):
    """A virtual host to be, of a service or of a host that only a VirtualService knows."""

    port: int
    host: Host
    of_service: bool


def _routed(listener: EgressListener, port: int, registry: Registry, caller: Caller) -> Iterator[_Wanted]:
    """Virtual hosts with routes of VirtualServices, in order of precedence."""
    routed = importing.routed_hosts(listener)
    candidates = importing.select_virtual_services(routed, registry, every=port == _PLAIN_PORT)
    attempts = caller.settings.attempt_count
    for virtual_service in candidates:
        alone, found = importing.attach(virtual_service, routed, registry, caller.traits.namespace)
        by_port: dict[int, list[Service]] = {}
        for imported in found:
            for each in imported.http_ports:
                by_port.setdefault(each.number, []).append(imported.service)
        if not by_port and port == _PLAIN_PORT:
            by_port[_PLAIN_PORT] = []
        for number in sorted(by_port):
            routes = _build_routes(virtual_service, number, port, registry, caller)
            if not routes.bodies:
                continue
            suffix = number if port == ALL_PORTS else 0
            for name in alone:
                domains = _host_domains(name, suffix)
                host = virtual_host.build_host(f"{name}:{number}", domains, routes, attempt_count=attempts)
                yield _Wanted(number, host, False)
            for service in by_port[number]:
                domains = service_domains(service, suffix, caller.traits, caller.settings.features)
                name = service.hostname
                host = virtual_host.build_host(f"{name}:{number}", domains, routes, attempt_count=attempts)
                yield _Wanted(number, host, True)


@isolated(
    lambda virtual_service, *_: virtual_service.origin,
    lambda _, number, port, registry, caller: (number, port, caller.settings, caller.traits),
    lambda *_: Routes((), False, ()),
)
def _build_routes(
    virtual_service: ResolvedVirtualService, number: int, port: int, registry: Registry, caller: Caller
) -> Routes:
    scope = caller.scope

    def lookup(host: str) -> tuple[Service | None, MergedRule | None]:
        imported = registry.get(host.lower())
        known = imported.service if imported is not None else scope.by_host.get(Hostname(host))
        return known, scope.rules.get(Hostname(host))

    listener = RouteListener(number, keep_listener_port=port != ALL_PORTS)
    namespace = caller.traits.namespace
    return build_routes(virtual_service, caller.settings, listener, lookup, caller.labels, namespace)


@dataclass(frozen=True, slots=True, eq=False)
class _Default:
    """The virtual hosts of a registry if there were no VirtualServices."""

    wanted: tuple[_Wanted, ...]
    unique: tuple[Host, ...]
    """Without duplicates, by name."""
    by_name: Mapping[str, Host]
    domains: Set[str]
    """All of them, folded."""
    shared: Set[str]
    """Those that several virtual hosts want."""


@sliced(memoized(size=8192, passing=True))
def _default(
    registry: Registry, port: int, settings: RouteSettings, traits: Traits, rules: Mapping[Hostname, MergedRule]
) -> Work[_Default]:
    imported = list(registry.values())
    found = [rules.get(each.service.hostname) for each in imported]
    made = yield from _default_hosts.steps((imported, found), port, settings, traits)
    wanted = list(chain.from_iterable(made))
    yield
    unique = tuple(sorted(_without_duplicates(wanted, port, registry), key=_NAME))
    yield
    folded = [each.host.domains.folded for each in wanted]
    domains = frozenset[str]().union(*folded)
    shared: Set[str] = frozenset()
    if len(domains) < sum(map(len, folded)):
        shared = {domain for domain, count in Counter(chain.from_iterable(folded)).items() if count > 1}
    return _Default(tuple(wanted), unique, {each.host.name: each.host for each in wanted}, domains, shared)


@rows()
@isolated(
    lambda imported, *_: imported.service.origin,
    lambda imported, rule, port, settings, traits: (imported.service.hostname, port, settings, traits),
    lambda *_: (),
)
def _default_hosts(
    imported: Imported, rule: MergedRule | None, port: int, settings: RouteSettings, traits: Traits
) -> tuple[_Wanted, ...]:
    """What a service has of its own: a virtual host for each port that speaks HTTP."""
    service, numbers = imported.service, [each.number for each in imported.http_ports]
    return tuple(_Wanted(each, _default_host(service, each, port, settings, traits, rule), True) for each in numbers)


def _default_host(
    service: Service, number: int, port: int, settings: RouteSettings, traits: Traits, rule: MergedRule | None
) -> Host:
    return virtual_host.build_host(
        f"{service.hostname}:{number}",
        service_domains(service, number if port == ALL_PORTS else 0, traits, settings.features),
        virtual_host.service_routes(service, number, settings, rule),
        attempt_count=settings.attempt_count,
        session=virtual_host.service_session(service, settings),
    )


@memoized(size=16_384)
def _host_domains(host: str, port: int) -> Domains:
    return domains_of((host, f"{host}:{port}") if port else (host,))


def _without_duplicates(wanted: list[_Wanted], port: int, registry: Registry) -> list[Host]:
    """The first virtual host of a name, and the first owner of a domain: Envoy refuses a second."""
    known = frozenset(registry)  # a set: looking for few in many is quick
    if port != ALL_PORTS and _are_distinct(hosts := [each.host for each in wanted], known):
        return hosts
    unique: list[Host] = []
    names: set[str] = set()
    taken: set[str] = set()
    if port == ALL_PORTS:
        wanted.sort(key=lambda each: each.port != _PLAIN_PORT)  # it owns the names without a port
    for number, host, _ in wanted:
        if host.name in names:
            continue
        domains = host.domains
        if not (taken.isdisjoint(domains.folded) and domains.short.isdisjoint(known)):
            host = virtual_host.with_domains(host, _free(domains, taken, known))
        taken |= host.domains.folded
        if port == ALL_PORTS and number != _PLAIN_PORT:
            host = virtual_host.with_domains(host, [name for name in host.domains.names if ":" in name])
        if host.domains.names:
            names.add(host.name)
            unique.append(host)
    return unique


def _are_distinct(hosts: list[Host], known: Set[str]) -> bool:
    """Whether no name or domain is wanted twice, the usual case: found out without looking at them one by one."""
    domains = [each.domains for each in hosts]
    folded = [each.folded for each in domains]
    return (
        len({each.name for each in hosts}) == len(hosts)
        and all(folded)
        and len(frozenset[str]().union(*folded)) == sum(map(len, folded))
        and known.isdisjoint(frozenset[str]().union(*[each.short for each in domains]))
    )


def _free(domains: Domains, taken: Set[str], known: Set[str]) -> list[str]:
    """Names that nobody has; a short form gives way to the service that has it as its full name."""
    return [
        name
        for name in domains.names
        if name.lower() not in taken and not (name.lower() in domains.short and name.lower() in known)
    ]
