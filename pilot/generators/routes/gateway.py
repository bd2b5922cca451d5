"""Routes of gateways: what becomes of a request to a host that some server of a Gateway serves.

In: the name of a route configuration, the merged servers, the VirtualServices bound to Gateways. Out: the
configuration. Source: xDS behaviour 5.2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pilot.generators.gateway_servers import MergedGateways, MergedServer
from pilot.generators.routes import virtual_host
from pilot.generators.routes.caller import Caller
from pilot.generators.routes.domains import domains_of
from pilot.generators.routes.route_filters import session_key
from pilot.generators.routes.settings import RouteListener
from pilot.generators.routes.translate import Routes, build_routes
from pilot.generators.routes.virtual_host import Host
from pilot.memo import Work, memoized, sliced
from pilot.model.destination_rule import MergedRule
from pilot.model.hosts import covers, intersect, is_wildcard, specificity
from pilot.model.interning import same_tuple
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, Service
from pilot.resources import Origin, Resource
from pilot.view.scope import Scope


@sliced(memoized(size=16_384))
def build_route(name: str, gateways: MergedGateways, caller: Caller) -> Work[Resource]:
    """The route configuration of that name; an empty one where no server has it."""
    servers = gateways.routes.get(name, ())
    if not servers:
        return virtual_host.empty_configuration(name)
    hosts: dict[str, _OpenHost] = {}
    for server in servers:
        yield from _add_server(server, caller, hosts)
    origins = [server.gateway.origin for server in servers]
    if not hosts:
        return virtual_host.build_configuration(name, (_blackhole(servers[0].gateway.server.port.number),), *origins)
    made = yield from _merge(hosts, caller)
    return virtual_host.build_configuration(name, sorted(made, key=lambda host: host.name), *origins)


@dataclass(slots=True)
class _OpenHost:
    """A virtual host while routes are added to it."""

    name: str
    routes: list[Routes] = field(default_factory=list)
    require_tls: bool = False


def _add_server(server: MergedServer, caller: Caller, hosts: dict[str, _OpenHost]) -> Work[None]:
    """Adds the hosts of a server, with the routes of the VirtualServices that are bound to its Gateway."""
    declared = server.gateway.server
    redirects = declared.tls is not None and declared.tls.https_redirect
    number = declared.port.number
    for service in bound_services(caller.scope, server.gateway.gateway):
        if not service.http:
            continue
        shared = tuple(shared_hosts(server.gateway.hosts, service))
        if not shared:
            continue
        yield
        routes = _routes(service, server, caller)
        if not routes.bodies:
            continue
        for host in shared:
            made = hosts.setdefault(host, _OpenHost(f"{host}:{number}"))
            made.routes.append(routes)
            made.require_tls = made.require_tls or redirects
    if redirects:
        for host in map(str.lower, server.gateway.hosts):  # istiod: a host of one namespace is not found like this
            hosts.setdefault(host, _OpenHost(f"{host}:{number}")).require_tls = True


@memoized(size=4096)
def _bound(services: tuple[ResolvedVirtualService, ...]) -> Mapping[str, tuple[ResolvedVirtualService, ...]]:
    by_gateway: dict[str, list[ResolvedVirtualService]] = {}
    for service in services:
        for gateway in dict.fromkeys(service.gateways):
            by_gateway.setdefault(gateway, []).append(service)
    return {gateway: tuple(each) for gateway, each in by_gateway.items()}


def bound_services(scope: Scope, gateway: str) -> tuple[ResolvedVirtualService, ...]:
    """The VirtualServices bound to a Gateway (`namespace/name`), in order of precedence."""
    return _bound(scope.gateway_virtual_services).get(gateway, ())


def shared_hosts(server_hosts: tuple[str, ...], service: ResolvedVirtualService) -> Iterator[str]:
    """The hosts of a VirtualService that a server serves to its namespace, narrowed to what both mean; lower case."""
    served = _served(server_hosts, service.namespace)
    found: dict[str, None] = {}
    for host in map(str.lower, service.hosts):
        if not is_wildcard(host):
            if host in served.exact or any(covers(each, host) for each in served.wildcards):
                found[host] = None
            continue
        for each in served.patterns:
            common = intersect(each, host)
            if common is not None:
                found[common] = None
    yield from found


@dataclass(frozen=True, slots=True)
class _Served:
    """What a server serves to one namespace, lower case: a thousand names are not compared with a thousand others."""

    patterns: tuple[str, ...]
    exact: frozenset[str]
    wildcards: tuple[str, ...]


@memoized(size=4096)
def _served(server_hosts: tuple[str, ...], namespace: str) -> _Served:
    placed = (each.rpartition("/") for each in server_hosts)
    patterns = tuple(dict.fromkeys(host.lower() for space, _, host in placed if space in ("", namespace)))
    wildcards = tuple(filter(is_wildcard, patterns))
    return _Served(patterns, frozenset(patterns).difference(wildcards), wildcards)


def _routes(service: ResolvedVirtualService, server: MergedServer, caller: Caller) -> Routes:
    scope = caller.scope

    def lookup(host: str) -> tuple[Service | None, MergedRule | None]:
        return scope.by_host.get(Hostname(host)), scope.rules.get(Hostname(host))

    listener = RouteListener(
        server.gateway.server.port.number,
        gateway=server.gateway.gateway,
        tls=server.gateway.server.tls is not None,
        quic=server.quic,
    )
    return build_routes(service, caller.settings, listener, lookup, caller.labels, caller.traits.namespace)


def _merge(hosts: Mapping[str, _OpenHost], caller: Caller) -> Work[list[Host]]:
    """One virtual host for all hosts with the same routes, where the feature says so."""
    groups: dict[object, list[str]] = {}
    for host in sorted(hosts, key=specificity):
        each = hosts[host]
        same = (tuple(map(id, each.routes)), each.require_tls) if caller.settings.features.route_collapse else host
        groups.setdefault(same, []).append(host)
    made = []
    for names in groups.values():
        yield
        first = hosts[names[0]]
        service = caller.scope.by_host.get(Hostname(names[0]))
        made.append(
            _host(
                first.name,
                "\n".join(names),
                _in_order(same_tuple(tuple(first.routes))),
                caller.settings.attempt_count,
                session_key(service, caller.settings.features),
                first.require_tls,
            )
        )
    return made


@memoized(size=65_536)
def _host(
    name: str,
    names: str,
    routes: Routes,
    attempt_count: bool,
    session: tuple[str, str] | None,
    require_tls: bool,
) -> Host:
    return virtual_host.build_host(
        name,
        domains_of(tuple(names.split("\n"))),
        routes,
        attempt_count=attempt_count,
        session=session,
        require_tls=require_tls,
    )


@memoized(size=65_536)
def _in_order(parts: tuple[Routes, ...]) -> Routes:
    """Routes of several VirtualServices one after the other, those that take everything last."""
    if len(parts) == 1:
        return parts[0]
    specific = [body for each in parts for body in (each.bodies[:-1] if each.catch_all else each.bodies)]
    general = [each.bodies[-1] for each in parts if each.catch_all]
    origins: dict[Origin, None] = dict.fromkeys(origin for each in parts for origin in each.origins)
    return Routes((*specific, *general), bool(general), tuple(origins))


@memoized()
def _blackhole(port: int) -> Host:
    """The virtual host of a server that no VirtualService is bound to: every request is answered 404."""
    return virtual_host.build_host(f"blackhole:{port}", domains_of(("*",)), Routes((), False, ()), attempt_count=False)
