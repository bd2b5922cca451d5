"""All clusters of a class of proxies.

In: a view. Out: a `ResourceSet`, the same object as long as nothing in it changes. What does not depend on endpoints is
planned once for a scope. Source: xDS behaviour 3.1 (sets and their order).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from pilot.generators.clusters import fixed, inbound, outbound
from pilot.generators.clusters.context import Context, context_of
from pilot.generators.clusters.discovery import has_cluster, is_dns
from pilot.generators.clusters.facts import ServiceFacts, service_facts
from pilot.generators.clusters.needed_hosts import needed_hosts, waypoint_hosts
from pilot.generators.clusters.outbound import Cut
from pilot.generators.endpoints.assignment import Target, load_assignment
from pilot.generators.endpoints.client import Client, Place, client_of, place_of
from pilot.generators.endpoints.plaintext import Plaintext, plaintext_of
from pilot.generators.endpoints.targets import target
from pilot.generators.isolation import isolated
from pilot.generators.waypoint import clusters as waypoint
from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.gateway import ServerTLSMode
from pilot.model.interning import same_tuple
from pilot.model.network_gateways import NetworkGateways
from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Hostname, Service
from pilot.model.service_index import ServiceKey
from pilot.resources import Resource, ResourceSet, resource_set
from pilot.rows import rows
from pilot.view.proxy import Interception, ProxyKind, doubles_tunnels
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Endpoints


def build(view: ProxyView) -> ResourceSet:
    """The clusters of a sidecar or gateway."""
    return finish(steps(view))


def steps(view: ProxyView) -> Work[ResourceSet]:
    """The same, in pieces."""
    context = context_of(view)
    needed = None
    if context.is_router and view.features.filter_gateway_clusters:
        needed = needed_hosts(view.scope, view.gateways, view.mesh, view.patches)
    elif context.is_waypoint:
        needed = waypoint_hosts(view.attachments, view.mesh, view.patches)
    scope, client, place = view.scope, client_of(view), place_of(view)
    sni = _passes_encrypted(view)
    plan = yield from _plan.steps(scope.services, scope.rules, context, client, place, sni, needed)
    services = yield from _of_services.steps(plan, view.endpoints, view.peer_authentications, view.network_gateways)
    others = waypoint.build(view, context) if context.is_waypoint else _others(view, context)
    return _together(services, same_tuple(tuple(others)))


@memoized(size=2048, passing=True)
def _together(services: tuple[Resource, ...], others: tuple[Resource, ...]) -> ResourceSet:
    return resource_set((*services, *others))


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """A service with all that its clusters depend on but for endpoints; shared by scopes that agree about it."""

    service: Service
    rule: MergedRule | None
    context: Context
    with_sni: bool
    with_names: tuple[tuple[Cut, Target], ...]
    """Of a service found by DNS: each cluster with its target."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The outbound clusters of a scope, but for what endpoints add."""

    services: tuple[_Planned, ...]
    keys: tuple[ServiceKey, ...]
    """By service."""
    black_hole: tuple[Resource, ...]
    """Of gateways: stands between the clusters of services and those for encrypted bytes."""


@sliced(memoized(size=1024, passing=True))
def _plan(
    services: tuple[Service, ...],
    rules: Mapping[Hostname, MergedRule],
    context: Context,
    client: Client,
    place: Place,
    with_sni: bool,
    needed: frozenset[str] | None,
) -> Work[_Plan]:
    """The plan; `needed`: hosts of the only services that count, None: all do."""
    counted = services if needed is None else [each for each in services if each.hostname in needed]
    found = [rules.get(each.hostname) for each in counted]
    planned = yield from _plan_service.steps((counted, found), context, client, place, with_sni)
    made = tuple(each for each in planned if each is not None)
    keys = tuple((each.service.hostname, each.service.namespace) for each in made)
    return _Plan(made, keys, (fixed.black_hole(context),) if context.is_router else ())


@rows()
def _plan_service(
    service: Service, rule: MergedRule | None, context: Context, client: Client, place: Place, with_sni: bool
) -> _Planned | None:
    if not has_cluster(service):
        return None
    names = _targets(service, rule, context, client, place) if is_dns(service) else ()
    return _planned(service, rule, context, with_sni and not service.mesh_external, same_tuple(tuple(names)))


_planned = memoized(size=65_536)(_Planned)


def _targets(
    service: Service, rule: MergedRule | None, context: Context, client: Client, place: Place
) -> Iterator[tuple[Cut, Target]]:
    for cut in outbound.cuts_of(service, rule):
        port, subset = cut.port.number, cut.subset
        meant = target(cut.name, port, subset, service, rule, client, place, context.mesh, context.features)
        if meant is not None:
            yield _pair(cut, meant)


@memoized(size=16_384)
def _pair(cut: Cut, meant: Target) -> tuple[Cut, Target]:
    return cut, meant


@sliced(latest(size=1024))
def _of_services(
    plan: _Plan, endpoints: Endpoints, authentications: PeerAuthentications, gateways: NetworkGateways
) -> Work[tuple[Resource, ...]]:
    """Of all services, in their order."""
    namespaces = {namespace for _, namespace in plan.keys}
    modes = {namespace: authentications.namespace_mode(namespace) for namespace in namespaces}
    plaintext = {namespace: plaintext_of(authentications, namespace) for namespace in namespaces}
    columns = (
        plan.services,
        list(map(endpoints.get, plan.keys, repeat(NO_ENDPOINTS))),
        [modes[namespace] for _, namespace in plan.keys],
        [plaintext[namespace] for _, namespace in plan.keys],
    )
    made = yield from _of_service.steps(columns, gateways)
    for_sni = chain.from_iterable(encrypted for _, encrypted in made)
    return same_tuple((*chain.from_iterable(normal for normal, _ in made), *plan.black_hole, *for_sni))


@rows()
@isolated(
    lambda planned, *_: planned.service.origin,
    lambda planned, *_: (planned.service.hostname, planned.context),
    lambda *_: ((), ()),
)
def _of_service(
    planned: _Planned,
    endpoints: ServiceEndpoints,
    mode: MtlsMode,
    plaintext: Plaintext,
    gateways: NetworkGateways,
) -> tuple[tuple[Resource, ...], tuple[Resource, ...]]:
    """The clusters of a service, and those by which an AUTO_PASSTHROUGH gateway reaches it."""
    service, rule, context = planned.service, planned.rule, planned.context
    facts = service_facts(service, rule, endpoints, mode, context.mesh)
    if is_dns(service):
        made = tuple(_named(planned.with_names, facts, context, endpoints, plaintext, gateways))
    else:
        made = outbound.build(service, rule, facts, context)
    return made, outbound.build_sni(service, rule, facts, context) if planned.with_sni else ()


def _named(
    with_names: Sequence[tuple[Cut, Target]],
    facts: ServiceFacts,
    context: Context,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    gateways: NetworkGateways,
) -> Iterator[Resource]:
    """Clusters of a service that is found by DNS; without any name to resolve there is none."""
    for cut, meant in with_names:
        made = _with_assignment(meant, cut, facts, context, endpoints, plaintext, gateways)
        if made is not None:
            yield made


@memoized(size=8192)
def _with_assignment(
    meant: Target,
    cut: Cut,
    facts: ServiceFacts,
    context: Context,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
    gateways: NetworkGateways,
) -> Resource | None:
    body = load_assignment(meant, endpoints, plaintext, context.features, gateways, names=True)
    assignment = ClusterLoadAssignment.FromString(body)
    return outbound.build_with_endpoints(cut, facts, context, assignment) if assignment.endpoints else None


def _passes_encrypted(view: ProxyView) -> bool:
    """Whether some server of a gateway passes mutual TLS on by its SNI."""
    settings = (each.server.tls for each in view.gateways)
    return any(each is not None and each.mode is ServerTLSMode.AUTO_PASSTHROUGH for each in settings)


def _others(view: ProxyView, context: Context) -> Iterator[Resource]:
    """What does not lead to a service."""
    if view.traits.kind is not ProxyKind.ROUTER:
        yield fixed.black_hole(context)
        yield fixed.passthrough(context)
        yield from _inbound(view, context)
        if view.traits.listens_hbone:
            yield fixed.main_internal(context)
        yield fixed.inbound_passthrough(context)
    if context.tunnels and doubles_tunnels(view.traits, view.features):
        yield waypoint.inner_originate(context, view.traits)
        yield waypoint.outer_originate(context, view.traits)
    if context.tunnels:
        yield fixed.connect_originate(context, view.traits)
    if view.traits.credential_socket:
        yield fixed.external_secrets(context)


def _inbound(view: ProxyView, context: Context) -> tuple[Resource, ...]:
    scope, targets, rules = view.scope, view.workload.targets, view.workload.rules
    if scope.ingress and scope.sidecar:
        addresses = view.proxy.ip_addresses if inbound.needs_addresses(scope.ingress) else ()
        return inbound.of_ingress(
            scope.ingress, targets, rules, scope.sidecar, scope.inbound_connection_pool, addresses, context
        )
    if view.traits.interception is Interception.NONE:
        return ()
    return inbound.of_targets(targets, rules, scope.inbound_connection_pool, context)
