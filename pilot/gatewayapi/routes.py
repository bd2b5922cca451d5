"""Routes as VirtualServices: one for each listener and hostname, of all routes together.

In: routes, where they attach, what they refer to. Out: VirtualServices and problems.
Source: xDS behaviour 5.8 (routes).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from pilot.gatewayapi import http_rules, stream_rules
from pilot.gatewayapi.attachment import MeshParent, Verdict, attached, by_parent, judge, mesh_parents
from pilot.gatewayapi.backends import Context
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.listeners import JudgedListener, Surroundings
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, Route, TcpRoute, TlsRoute
from pilot.memo import memoized
from pilot.model.kubernetes import KubernetesService
from pilot.model.objects import Metadata
from pilot.model.problem import Problem
from pilot.model.routing import MESH
from pilot.model.semantics import SEMANTICS, Semantics
from pilot.model.virtual_service import HTTPMatchRequest, HTTPRoute, VirtualService, VirtualServiceSpec
from pilot.model.visibility import OWN

ANNOTATIONS = {SEMANTICS: Semantics.GATEWAY_API.value}


@dataclass(slots=True)
class _Merged:
    """What all HTTP and gRPC routes together say for a key; the first is the oldest."""

    host: str
    gateway: str
    oldest: Route
    export_to: tuple[str, ...] = ()
    routes: list[HTTPRoute] = field(default_factory=list)


def convert(
    judged: Iterable[JudgedListener], around: Surroundings
) -> tuple[tuple[VirtualService, ...], tuple[Problem, ...]]:
    """The VirtualServices of all routes of the mesh."""
    listeners = by_parent(judged)
    merged: dict[str, _Merged] = {}
    made: list[VirtualService] = []
    problems: list[Problem] = []
    for route in ordered(around):
        verdicts = judge(route, listeners, around)
        problems += _refusals(route, verdicts)
        taking, parents = attached(verdicts), tuple(mesh_parents(verdicts))
        if isinstance(route, HttpRoute | GrpcRoute):
            if taking:
                converted = _converted(route, context_of(route, around, is_mesh=False))
                problems += converted.problems
                rules = _with_known_mirrors(converted.http, around)
                for each in taking:
                    for host in each.hostnames:
                        internal = each.listener.internal
                        _add(merged, f"{internal}/{host}", host, internal, route, rules)
            problems += _add_mesh(merged, route, parents, around)
            continue
        contexts = context_of(route, around, is_mesh=False), context_of(route, around, is_mesh=True)
        found, wrong = stream_rules.convert(route, taking, parents, contexts)
        made += found
        problems += wrong
    return (*(_virtual_service(key, each) for key, each in merged.items()), *made), tuple(dict.fromkeys(problems))


def _refusals(route: Route, verdicts: Iterable[Verdict]) -> Iterator[Problem]:
    for each in verdicts:
        if each.fault is not None:
            yield Problem(f"{each.fault}: it is not served there", route.key, field="spec.parentRefs")


def ordered(around: Surroundings) -> list[Route]:
    """All routes, oldest first."""
    routes: list[Route] = [*around.store.of(HttpRoute), *around.store.of(GrpcRoute)]
    if around.settings.features.alpha_gateway_api:
        routes += [*around.store.of(TlsRoute), *around.store.of(TcpRoute)]
    return sorted(routes, key=lambda each: (each.created, each.namespace, each.name))


def context_of(route: Route, around: Surroundings, *, is_mesh: bool) -> Context:
    """Who refers to the backends of a route."""
    return Context(around.grants, Referrer(route.KIND, route.namespace), around.settings.domain, is_mesh)


def _converted(route: HttpRoute | GrpcRoute, context: Context) -> http_rules.Converted:
    return _rules(route, context.grants, context.domain, context.is_mesh)


@memoized(size=16_384)
def _rules(route: HttpRoute | GrpcRoute, grants: Grants, domain: str, is_mesh: bool) -> http_rules.Converted:
    """Once for each route, however often something beside it changes."""
    return http_rules.convert(route, Context(grants, Referrer(route.KIND, route.namespace), domain, is_mesh))


def _with_known_mirrors(routes: tuple[HTTPRoute, ...], around: Surroundings) -> tuple[HTTPRoute, ...]:
    """Nothing is mirrored to a Service that is not there."""
    return tuple(_with_known(each, around) for each in routes)


def _with_known(route: HTTPRoute, around: Surroundings) -> HTTPRoute:
    """The same object where all are known."""
    known = tuple(each for each in route.mirrors if _is_known(each.destination.host, around))
    return route if len(known) == len(route.mirrors) else replace(route, mirrors=known)


def _is_known(host: str, around: Surroundings) -> bool:
    """Whether a host of the cluster has its Service; of other hosts nothing is known."""
    name, dot, domain = host.partition(f".svc.{around.settings.domain}")
    service, _, namespace = name.partition(".")
    return not dot or bool(domain) or around.store.get(KubernetesService, namespace, service) is not None


def _add(
    merged: dict[str, _Merged], key: str, host: str, gateway: str, route: Route, routes: Iterable[HTTPRoute]
) -> _Merged:
    known = merged.setdefault(key, _Merged(host, gateway, route))
    known.routes.extend(routes)
    return known


def _add_mesh(
    merged: dict[str, _Merged], route: HttpRoute | GrpcRoute, parents: Iterable[MeshParent], around: Surroundings
) -> Iterator[Problem]:
    """Adds the routes for clients of Services; those of another namespace are for clients of their own alone."""
    for parent in parents:
        converted = _converted(route, context_of(route, around, is_mesh=True))
        yield from converted.problems
        rules = _with_known_mirrors(converted.http, around)
        for host in parent.hosts:
            place = f"{route.namespace}/{parent.port}" if parent.port else route.namespace
            routes = (_on_port(each, parent.port) for each in rules) if parent.port else rules
            made = _add(merged, f"{place}/{host}", host, MESH, route, routes)
            if parent.namespace != route.namespace:
                made.export_to = (OWN,)


def _on_port(route: HTTPRoute, port: int) -> HTTPRoute:
    matches = route.match or (HTTPMatchRequest(),)
    return replace(route, match=tuple(replace(each, port=port) for each in matches))


def _virtual_service(key: str, merged: _Merged) -> VirtualService:
    oldest = merged.oldest
    return VirtualService(
        metadata=Metadata(
            name=key.replace("/", "~"),
            namespace=oldest.namespace,
            annotations=ANNOTATIONS,
            creation_timestamp=oldest.created,
        ),
        spec=VirtualServiceSpec(
            hosts=(merged.host,),
            gateways=(merged.gateway,),
            export_to=merged.export_to,
            http=tuple(sorted(merged.routes, key=http_rules.precedence)),
        ),
    )
