"""Routes as VirtualServices: one for each listener and hostname, of all routes together.

In: routes, where they attach, what they refer to. Out: VirtualServices and problems.
Source: xDS behaviour 5.8 (routes).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from pilot.gatewayapi import http_rules, stream_rules
from pilot.gatewayapi.attachment import Listeners, attach, mesh_parents
from pilot.gatewayapi.backends import Context
from pilot.gatewayapi.grants import Grants, Referrer
from pilot.gatewayapi.listeners import OpenListener, Surroundings
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, Route, TcpRoute, TlsRoute
from pilot.memo import memoized
from pilot.model.objects import Metadata
from pilot.model.problem import Problem
from pilot.model.routing import MESH
from pilot.model.semantics import SEMANTICS, Semantics
from pilot.model.virtual_service import HTTPMatchRequest, HTTPRoute, VirtualService, VirtualServiceSpec

ANNOTATIONS = {SEMANTICS: Semantics.GATEWAY_API.value}


@dataclass(slots=True)
class _Merged:
    """What all HTTP and gRPC routes together say for a key; the first is the oldest."""

    host: str
    gateway: str
    oldest: Route
    routes: list[HTTPRoute] = field(default_factory=list)


def convert(
    opened: Iterable[OpenListener], around: Surroundings
) -> tuple[tuple[VirtualService, ...], tuple[Problem, ...]]:
    """The VirtualServices of all routes of the mesh."""
    listeners = _by_parent(opened)
    merged: dict[str, _Merged] = {}
    made: list[VirtualService] = []
    problems: list[Problem] = []
    for route in _ordered(around):
        attached, faults = attach(route, listeners, around)
        problems += [Problem(f"{each}: it is not served there", route.key, field="spec.parentRefs") for each in faults]
        if isinstance(route, HttpRoute | GrpcRoute):
            if attached:
                converted = _converted(route, _context(route, around, is_mesh=False))
                problems += converted.problems
                for each in attached:
                    for host in each.hostnames:
                        internal = each.listener.internal
                        _add(merged, f"{internal}/{host}", host, internal, route, converted.http)
            problems += _add_mesh(merged, route, around)
            continue
        contexts = _context(route, around, is_mesh=False), _context(route, around, is_mesh=True)
        found, wrong = stream_rules.convert(route, attached, tuple(mesh_parents(route, around)), contexts)
        made += found
        problems += wrong
    return (*(_virtual_service(key, each) for key, each in merged.items()), *made), tuple(dict.fromkeys(problems))


def _by_parent(opened: Iterable[OpenListener]) -> Listeners:
    found: dict[tuple[str, str, str], list[OpenListener]] = {}
    for each in opened:
        found.setdefault(each.parent, []).append(each)
    return {parent: tuple(each) for parent, each in found.items()}


def _ordered(around: Surroundings) -> list[Route]:
    """All routes, oldest first."""
    routes: list[Route] = [*around.store.of(HttpRoute), *around.store.of(GrpcRoute)]
    if around.settings.features.alpha_gateway_api:
        routes += [*around.store.of(TlsRoute), *around.store.of(TcpRoute)]
    return sorted(routes, key=lambda each: (each.created, each.namespace, each.name))


def _context(route: Route, around: Surroundings, *, is_mesh: bool) -> Context:
    return Context(around.grants, Referrer(route.KIND, route.namespace), around.settings.domain, is_mesh)


def _converted(route: HttpRoute | GrpcRoute, context: Context) -> http_rules.Converted:
    return _rules(route, context.grants, context.domain, context.is_mesh)


@memoized(size=16_384)
def _rules(route: HttpRoute | GrpcRoute, grants: Grants, domain: str, is_mesh: bool) -> http_rules.Converted:
    """Once for each route, however often something beside it changes."""
    return http_rules.convert(route, Context(grants, Referrer(route.KIND, route.namespace), domain, is_mesh))


def _add(
    merged: dict[str, _Merged], key: str, host: str, gateway: str, route: Route, routes: Iterable[HTTPRoute]
) -> None:
    known = merged.setdefault(key, _Merged(host, gateway, route))
    known.routes.extend(routes)


def _add_mesh(merged: dict[str, _Merged], route: HttpRoute | GrpcRoute, around: Surroundings) -> Iterator[Problem]:
    """Adds the routes for clients of Services."""
    for parent in mesh_parents(route, around):
        converted = _converted(route, _context(route, around, is_mesh=True))
        yield from converted.problems
        for host in parent.hosts:
            place = f"{route.namespace}/{parent.port}" if parent.port else route.namespace
            routes = (_on_port(each, parent.port) for each in converted.http) if parent.port else converted.http
            _add(merged, f"{place}/{host}", host, MESH, route, routes)


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
            http=tuple(sorted(merged.routes, key=http_rules.precedence)),
        ),
    )
