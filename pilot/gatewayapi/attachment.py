"""Where a route attaches: listeners, and (mesh) Services.

In: a route's parents and hostnames, open listeners. Out: pairs of listener and hostnames, mesh parents, problems.
Source: xDS behaviour 5.8; installation 9.6.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.gatewayapi.gateway import GROUP
from pilot.gatewayapi.grants import LISTENER_SETS
from pilot.gatewayapi.listeners import OpenListener, Surroundings
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, ParentReference, Route, TcpRoute
from pilot.model.hosts import covers, overlaps, specificity
from pilot.model.service_entry import ServiceEntry

Listeners = Mapping[tuple[str, str, str], tuple[OpenListener, ...]]
"""By the object that declares them: kind, namespace, name."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A listener that takes a route, for these hostnames (`*`: all)."""

    listener: OpenListener
    hostnames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeshParent:
    """A service whose clients follow a route."""

    hosts: tuple[str, ...]
    port: int
    """0: every one."""


def attach(route: Route, listeners: Listeners, around: Surroundings) -> tuple[tuple[Attached, ...], tuple[str, ...]]:
    """The listeners of each parent that is a Gateway or listener set; and what is wrong with the others."""
    found: dict[str, Attached] = {}
    faults: list[str] = []
    for parent in route.spec.parent_refs:
        place = _declaring(parent, route.namespace)
        if place is None or place not in listeners:
            continue
        fits = [each for each in listeners[place] if _is_meant(parent, each)]
        taken = False
        for each in fits:
            hostnames = _hostnames(route, each, listeners, around)
            if hostnames:
                taken = True
                found.setdefault(each.internal, Attached(each, hostnames))
        if not taken:
            faults.append(f"{' '.join(place[:1])} {place[1]}/{place[2]} has no listener that takes the route")
    return tuple(found.values()), tuple(faults)


def _declaring(parent: ParentReference, own: str) -> tuple[str, str, str] | None:
    namespace = parent.namespace or own
    if (parent.group, parent.kind) in ((GROUP, "Gateway"), (LISTENER_SETS, "XListenerSet")):
        return parent.kind, namespace, parent.name
    return None


def _is_meant(parent: ParentReference, open_listener: OpenListener) -> bool:
    listener = open_listener.listener
    return parent.section_name in ("", listener.name) and parent.port in (0, listener.port)


def _hostnames(
    route: Route, open_listener: OpenListener, listeners: Listeners, around: Surroundings
) -> tuple[str, ...]:
    """The hostnames that a route serves on a listener; none where it may not attach."""
    listener, own = open_listener.listener, open_listener.parent[1]
    if route.KIND not in open_listener.kinds:
        return ()
    if not around.allows(listener.allowed_routes.namespaces, own, route.namespace):
        return ()
    declared = () if isinstance(route, TcpRoute) else route.spec.hostnames
    if not declared:
        return ("*",)
    return tuple(
        host
        for host in dict.fromkeys(declared)
        if overlaps(listener.hostname or "*", host) and not _is_taken(host, open_listener, listeners)
    )


def _is_taken(host: str, open_listener: OpenListener, listeners: Listeners) -> bool:
    """Whether a neighbour on the port is more specific about a hostname: listeners do not share requests."""
    own = open_listener.listener
    for other in listeners[open_listener.parent]:
        pattern, neighbour = other.listener.hostname or "*", (other.listener.port, other.listener.protocol)
        if neighbour != (own.port, own.protocol) or not covers(pattern, host):
            continue
        if specificity(pattern) < specificity(own.hostname or "*"):
            return True
    return False


def mesh_parents(route: Route, around: Surroundings) -> Iterator[MeshParent]:
    """The Services and ServiceEntries that a route has as parents."""
    for parent in route.spec.parent_refs:
        namespace = parent.namespace or route.namespace
        match parent.group, parent.kind:
            case (("" | "core"), "Service"):
                yield MeshParent((around.settings.host_of(parent.name, namespace),), parent.port)
            case "networking.istio.io", "ServiceEntry":
                declared = around.store.get(ServiceEntry, namespace, parent.name)
                if declared is not None:
                    yield MeshParent(declared.spec.hosts, parent.port)


def is_http(route: Route) -> bool:
    """Whether a route is about requests, not connections."""
    return isinstance(route, HttpRoute | GrpcRoute)
