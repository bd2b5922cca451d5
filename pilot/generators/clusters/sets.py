"""All clusters of a class of proxies.

In: a view. Out: a `ResourceSet`, the same object as long as nothing in it changes. What does not depend on endpoints is
planned once for a scope. Source: xDS behaviour 3.1 (sets and their order).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pilot.generators.clusters import fixed, inbound, outbound
from pilot.generators.clusters.context import Context, context_of
from pilot.generators.clusters.discovery import has_cluster, is_dns
from pilot.generators.clusters.facts import ServiceFacts, service_facts
from pilot.generators.clusters.outbound import Cut
from pilot.generators.endpoints.assignment import Target, load_assignment
from pilot.generators.endpoints.client import Client, client_of
from pilot.generators.endpoints.plaintext import Plaintext, plaintext_of
from pilot.generators.endpoints.targets import target
from pilot.memo import latest, memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.gateway import ServerTLSMode
from pilot.model.interning import same_tuple
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Service
from pilot.resources import Resource, ResourceSet, resource_set
from pilot.view.proxy import Interception, ProxyKind
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Endpoints, Scope
from pilot.view.workload import Workload


def build(view: ProxyView) -> ResourceSet:
    """The clusters of a sidecar or gateway."""
    context = context_of(view)
    plan = _plan(view.scope, context, client_of(view), view.workload, _passes_encrypted(view))
    services = _of_services(plan, view.endpoints, view.peer_authentications)
    return _together(services, same_tuple(tuple(_others(view, context))))


@memoized(size=2048)
def _together(services: tuple[Resource, ...], others: tuple[Resource, ...]) -> ResourceSet:
    return resource_set((*services, *others))


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """A service with the rule that applies; of a service found by DNS each cluster with its target."""

    service: Service
    rule: MergedRule | None
    with_names: tuple[tuple[Cut, Target], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """The outbound clusters of a scope, but for what endpoints add."""

    services: tuple[_Planned, ...]
    context: Context
    with_sni: bool


@memoized(size=1024)
def _plan(scope: Scope, context: Context, client: Client, workload: Workload, with_sni: bool) -> _Plan:
    planned = []
    for service in scope.services:
        if has_cluster(service):
            rule = scope.rules.get(service.hostname)
            with_names = _with_names(service, rule, context, client, workload) if is_dns(service) else ()
            planned.append(_Planned(service, rule, tuple(with_names)))
    return _Plan(tuple(planned), context, with_sni)


def _with_names(
    service: Service, rule: MergedRule | None, context: Context, client: Client, workload: Workload
) -> Iterator[tuple[Cut, Target]]:
    for cut in outbound.cuts_of(service, rule):
        port, subset = cut.port.number, cut.subset
        meant = target(cut.name, port, subset, service, rule, client, workload, context.mesh, context.features)
        if meant is not None:
            yield cut, meant


@latest(size=1024)
def _of_services(plan: _Plan, endpoints: Endpoints, authentications: PeerAuthentications) -> tuple[Resource, ...]:
    made: list[Resource] = []
    for_sni: list[Resource] = []
    for each in plan.services:
        service, rule = each.service, each.rule
        found = endpoints.get((service.hostname, service.namespace), NO_ENDPOINTS)
        mode = authentications.namespace_mode(service.namespace)
        facts = service_facts(service, found, mode, plan.context.mesh)
        if is_dns(service):
            plaintext = plaintext_of(authentications, service.namespace)
            made += _named(each.with_names, facts, plan.context, found, plaintext)
        else:
            made += outbound.build(service, rule, facts, plan.context)
        if plan.with_sni and not service.mesh_external:
            for_sni += outbound.build_sni(service, rule, facts, plan.context)
    if plan.context.is_router:
        made.append(fixed.black_hole(plan.context))
    return same_tuple((*made, *for_sni))


def _named(
    with_names: Sequence[tuple[Cut, Target]],
    facts: ServiceFacts,
    context: Context,
    endpoints: ServiceEndpoints,
    plaintext: Plaintext,
) -> Iterator[Resource]:
    """Clusters of a service that is found by DNS; without any name to resolve there is none."""
    for cut, meant in with_names:
        made = _with_assignment(meant, cut, facts, context, endpoints, plaintext)
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
) -> Resource | None:
    assignment = load_assignment(meant, endpoints, plaintext, context.features, names=True)
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
