"""VirtualServices made ready for use: full host names, delegates merged, order of precedence.

In: decoded VirtualServices and mesh defaults. Out: `ResolvedVirtualService`s and the problems found. Does not know
proxies. A change costs the VirtualServices that changed and the roots of those that are delegates.
Source: xDS behaviour 5.4, appendix B.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from pilot.model.delegation import merge_delegate
from pilot.model.draft import Draft, SetDraft
from pilot.model.hosts import resolve_short_name
from pilot.model.interning import same_tuple
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.problem import Problem
from pilot.model.semantics import Semantics, semantics_of
from pilot.model.virtual_service import (
    Destination,
    HTTPMatchRequest,
    HTTPRoute,
    TCPRoute,
    TLSRoute,
    VirtualService,
)
from pilot.model.visibility import Visible, audience, split_by_audience
from pilot.resources import Origin

MESH = "mesh"
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class ResolvedVirtualService:
    """A VirtualService in which nothing is left to look up."""

    origin: Origin
    namespace: str
    name: str
    hosts: tuple[str, ...]
    """Full names and wildcards."""
    gateways: tuple[str, ...]
    """`namespace/name` or `mesh`."""
    http: tuple[HTTPRoute, ...] = ()
    """Delegates are merged in, destinations and mirrors have full names, match gateways too."""
    tcp: tuple[TCPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    gateway_semantics: bool = False
    """Made from a Gateway API route."""
    path_segments: bool = False
    """Prefixes of paths end where a segment ends: made from a Gateway API route or an Ingress."""
    created: str = ""
    export_to: frozenset[str] = frozenset()
    """As written, the mesh default where it says nothing."""
    delegates: tuple[Origin, ...] = ()
    """VirtualServices merged into it."""


@dataclass(frozen=True, slots=True)
class Routing:
    """All VirtualServices of the mesh."""

    resolved: Mapping[Place, ResolvedVirtualService] = field(default_factory=dict)
    roots: Mapping[Place, frozenset[Place]] = field(default_factory=dict)
    """By delegate, there or not: the VirtualServices that name it."""
    ordered: tuple[ResolvedVirtualService, ...] = ()
    """By creation time, name, namespace."""
    mesh: Visible[ResolvedVirtualService] = field(default_factory=Visible)
    """Those for sidecars."""
    gateways: Visible[ResolvedVirtualService] = field(default_factory=Visible)
    """Those for at least one gateway."""
    problems: Mapping[Place, tuple[Problem, ...]] = field(default_factory=dict)


def update(routing: Routing, store: ObjectStore, replaced: Iterable[Replacement], settings: MeshSettings) -> Routing:
    """The routing after the changes. `store` already has them."""
    changed = [each for each in replaced if each.key.kind == VirtualService.KIND]
    if not changed:
        return routing
    roots = SetDraft(routing.roots)
    touched: set[Place] = set()
    for each in changed:
        place = (each.key.namespace, each.key.name)
        touched.update((place, *routing.roots.get(place, ())))
        for named in _delegates_of(each.old):
            roots.remove(named, place)
        for named in _delegates_of(each.new):
            roots.add(named, place)
    resolved, problems = Draft(routing.resolved), Draft(routing.problems)
    for place in touched:
        declared = store.get(VirtualService, *place)
        fresh, faults = resolve(declared, store, settings) if declared else (None, ())
        if fresh != routing.resolved.get(place):
            resolved.set(place, fresh)
        if faults != routing.problems.get(place, ()):
            problems.set(place, faults or None)
    return _arrange(routing, resolved.finish(), roots.finish(), problems.finish())


def _arrange(
    old: Routing,
    resolved: Mapping[Place, ResolvedVirtualService],
    roots: Mapping[Place, frozenset[Place]],
    problems: Mapping[Place, tuple[Problem, ...]],
) -> Routing:
    if resolved is old.resolved:
        made = Routing(resolved, roots, old.ordered, old.mesh, old.gateways, problems)
        return old if made == old else made
    ordered = sorted(resolved.values(), key=_precedence)
    return Routing(
        resolved=resolved,
        roots=roots,
        ordered=same_tuple(tuple(ordered)),
        mesh=_split(each for each in ordered if MESH in each.gateways),
        gateways=_split(each for each in ordered if any(name != MESH for name in each.gateways)),
        problems=problems,
    )


def _precedence(each: ResolvedVirtualService) -> tuple[bool, str, str, str]:
    """Those of Ingresses count as older than all."""
    from_ingress = each.path_segments and not each.gateway_semantics
    return not from_ingress, "" if from_ingress else each.created, each.name, each.namespace


def _split(virtual_services: Iterable[ResolvedVirtualService]) -> Visible[ResolvedVirtualService]:
    return split_by_audience(
        virtual_services, lambda each: each.namespace, lambda each: audience(each.export_to, (), each.namespace)
    )


def _delegates_of(declared: object) -> set[Place]:
    if not isinstance(declared, VirtualService):
        return set()
    named = (route.delegate for route in declared.spec.http if route.delegate is not None)
    return {(each.namespace or declared.namespace, each.name) for each in named}


def resolve(
    declared: VirtualService, store: ObjectStore, settings: MeshSettings
) -> tuple[ResolvedVirtualService | None, tuple[Problem, ...]]:
    """One VirtualService with everything looked up; None for one that is only a delegate."""
    spec, namespace = declared.spec, declared.namespace
    if not spec.hosts:
        return None, ()
    semantics = semantics_of(declared.metadata)
    from_gateway_api = semantics is Semantics.GATEWAY_API
    resolver = _Resolver(namespace, settings)
    http, delegates, problems = _resolve_http(declared, store, settings)
    exported = frozenset(spec.export_to) or frozenset(settings.mesh.default_virtual_service_export_to)
    return (
        ResolvedVirtualService(
            origin=declared.origin,
            namespace=namespace,
            name=declared.name,
            hosts=spec.hosts if from_gateway_api else tuple(map(resolver.host, spec.hosts)),
            gateways=tuple(map(resolver.gateway, spec.gateways)) or (MESH,),
            http=spec.http if from_gateway_api else http,
            tcp=spec.tcp if from_gateway_api else tuple(map(resolver.tcp, spec.tcp)),
            tls=spec.tls if from_gateway_api else tuple(map(resolver.tls, spec.tls)),
            gateway_semantics=from_gateway_api,
            path_segments=semantics is not Semantics.ISTIO,
            created=declared.created,
            export_to=exported,
            delegates=delegates,
        ),
        problems,
    )


def _resolve_http(
    declared: VirtualService, store: ObjectStore, settings: MeshSettings
) -> tuple[tuple[HTTPRoute, ...], tuple[Origin, ...], tuple[Problem, ...]]:
    resolver = _Resolver(declared.namespace, settings)
    routes: list[HTTPRoute] = []
    delegates: dict[Origin, None] = {}
    problems: list[Problem] = []
    for position, route in enumerate(declared.spec.http):
        root = resolver.http(route)
        if route.delegate is None:
            routes.append(root)
            continue
        namespace, field_name = route.delegate.namespace or declared.namespace, f"spec.http[{position}].delegate"
        delegate = store.get(VirtualService, namespace, route.delegate.name)
        fault = _delegate_fault(delegate, declared.namespace, settings)
        if delegate is None or fault:
            message = f"expected a delegate {namespace}/{route.delegate.name} {fault}: the route is not served"
            problems.append(Problem(message, declared.key, field=field_name))
            continue
        delegates[delegate.origin] = None
        own = _Resolver(delegate.namespace, settings)
        merged, dropped = merge_delegate(
            root, tuple(own.http(each) for each in delegate.spec.http if not each.delegate)
        )
        routes.extend(merged)
        problems.extend(
            Problem(
                f"route {name} of {delegate.key} conflicts with the root and is not served",
                declared.key,
                field=field_name,
            )
            for name in dropped
        )
    return tuple(routes), tuple(delegates), tuple(problems)


def _delegate_fault(delegate: VirtualService | None, namespace: str, settings: MeshSettings) -> str:
    """Why a delegate cannot be used; empty where it can."""
    if delegate is None:
        return "to be there, got none"
    if delegate.spec.hosts:
        return "without hosts, got some"
    default = settings.mesh.default_virtual_service_export_to
    if not audience(delegate.spec.export_to, default, delegate.namespace).includes(namespace):
        return f"exported to {namespace}, got exportTo {', '.join(delegate.spec.export_to or default)}"
    return ""


@dataclass(frozen=True, slots=True)
class _Resolver:
    """Completes names as an object of a namespace means them. What is complete stays the same object."""

    namespace: str
    settings: MeshSettings

    def host(self, host: str) -> str:
        return resolve_short_name(host, self.namespace, self.settings.domain)

    def gateway(self, name: str) -> str:
        if name == MESH or not name:
            return name
        head, slash, tail = name.partition("/")
        if not slash and "." in name:  # the old way: as if it were a service, `gateway.namespace.svc.cluster.local`
            head, _, rest = name.partition(".")
            return f"{rest.partition('.')[0]}/{head}"
        if not slash:
            return f"{self.namespace}/{name}"
        return f"{self.namespace}/{tail}" if head == "." else name

    def destination(self, destination: Destination) -> Destination:
        full = self.host(destination.host)
        return destination if full == destination.host else replace(destination, host=full)

    def http(self, route: HTTPRoute) -> HTTPRoute:
        return replace(
            route,
            match=tuple(map(self._match, route.match)),
            route=tuple(replace(each, destination=self.destination(each.destination)) for each in route.route),
            mirror=self.destination(route.mirror) if route.mirror else None,
            mirrors=tuple(replace(each, destination=self.destination(each.destination)) for each in route.mirrors),
        )

    def _match(self, match: HTTPMatchRequest) -> HTTPMatchRequest:
        return replace(match, gateways=tuple(map(self.gateway, match.gateways))) if match.gateways else match

    def tcp(self, route: TCPRoute) -> TCPRoute:
        return replace(
            route,
            match=tuple(replace(each, gateways=tuple(map(self.gateway, each.gateways))) for each in route.match),
            route=tuple(replace(each, destination=self.destination(each.destination)) for each in route.route),
        )

    def tls(self, route: TLSRoute) -> TLSRoute:
        return replace(
            route,
            match=tuple(replace(each, gateways=tuple(map(self.gateway, each.gateways))) for each in route.match),
            route=tuple(replace(each, destination=self.destination(each.destination)) for each in route.route),
        )
