"""Where a route attaches: listeners, and (mesh) Services.

In: a route's parents and hostnames, listeners. Out: for each parent of ours a verdict: what took the route, or why
nothing did. A listener takes routes whether it is served or not. Source: xDS behaviour 5.8; installation 9.5, 9.6.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.gateway import GROUP
from pilot.gatewayapi.grants import LISTENER_SETS
from pilot.gatewayapi.listeners import JudgedListener, Surroundings
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, ParentReference, Route, TcpRoute, TlsRoute
from pilot.model.hosts import covers, intersect, overlaps, specificity
from pilot.model.kubernetes import KubernetesService
from pilot.model.service_entry import ServiceEntry

Listeners = Mapping[tuple[str, str, str], tuple[JudgedListener, ...]]
"""By the object that declares them: kind, namespace, name."""
_MESH_GROUPS = {"": "Service", "core": "Service", "networking.istio.io": "ServiceEntry"}


@dataclass(frozen=True, slots=True)
class Attached:
    """A listener that takes a route, for these hostnames (`*`: all)."""

    listener: JudgedListener
    hostnames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeshParent:
    """A service whose clients follow a route."""

    hosts: tuple[str, ...]
    port: int
    """0: every one."""
    namespace: str
    """Of the service. Routes of another one are for their own clients alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one parent reference. Exactly one of the others is there."""

    parent: ParentReference
    attached: tuple[Attached, ...] = ()
    mesh: MeshParent | None = None
    fault: Fault | None = None

    @property
    def is_mesh(self) -> bool:
        """Whether the parent is a Service or ServiceEntry."""
        return _MESH_GROUPS.get(self.parent.group) == self.parent.kind


def by_parent(judged: Iterable[JudgedListener]) -> Listeners:
    """Listeners by the object that declares them, in order."""
    found: dict[tuple[str, str, str], list[JudgedListener]] = {}
    for each in judged:
        found.setdefault(each.parent, []).append(each)
    return {parent: tuple(each) for parent, each in found.items()}


def judge(route: Route, listeners: Listeners, around: Surroundings) -> tuple[Verdict, ...]:
    """A verdict for each parent that is a Gateway or listener set of ours, a Service or a ServiceEntry."""
    found = (_verdict(each, route, listeners, around) for each in route.spec.parent_refs)
    return tuple(each for each in found if each is not None)


def attached(verdicts: Iterable[Verdict]) -> tuple[Attached, ...]:
    """The listeners that serve, each once."""
    found: dict[str, Attached] = {}
    for verdict in verdicts:
        for each in verdict.attached:
            if each.listener.converted is not None:
                found.setdefault(each.listener.internal, each)
    return tuple(found.values())


def _verdict(parent: ParentReference, route: Route, listeners: Listeners, around: Surroundings) -> Verdict | None:
    namespace = parent.namespace or route.namespace
    if _MESH_GROUPS.get(parent.group) == parent.kind:
        found = _mesh_parent(parent, namespace, around)
        return Verdict(parent, fault=found) if isinstance(found, Fault) else Verdict(parent, mesh=found)
    if (parent.group, parent.kind) not in ((GROUP, "Gateway"), (LISTENER_SETS, "XListenerSet")):
        return None
    candidates = listeners.get((parent.kind, namespace, parent.name))
    if candidates is None:
        return None
    made, faults = [], []
    for each in candidates:
        hostnames = _hostnames(parent, route, each, candidates, around)
        if isinstance(hostnames, Fault):
            faults.append(hostnames)
        else:
            made.append(Attached(each, hostnames))
    if made:
        return Verdict(parent, attached=tuple(made))
    return Verdict(parent, fault=max(faults, key=lambda each: _DEPTH[each.reason], default=_nobody(parent)))


_DEPTH = {Reason.NO_MATCHING_PARENT: 0, Reason.NO_MATCHING_HOSTNAME: 1, Reason.NOT_ALLOWED: 2}
"""How near a listener came to taking a route: the nearest says what is to be mended."""


def _nobody(parent: ParentReference) -> Fault:
    return Fault(f"expected a listener of {parent.kind} {parent.name}, which has none", Reason.NO_MATCHING_PARENT)


def _hostnames(
    parent: ParentReference,
    route: Route,
    judged: JudgedListener,
    all_: tuple[JudgedListener, ...],
    around: Surroundings,
) -> tuple[str, ...] | Fault:
    """The hostnames that a route serves on a listener, or why it may not attach."""
    listener, own = judged.listener, judged.parent[1]
    shown = f"listener {listener.name} of {judged.parent[0]} {own}/{judged.parent[2]}"
    if parent.section_name not in ("", listener.name) or parent.port not in (0, listener.port):
        wanted = " ".join(filter(None, (parent.section_name, f"port {parent.port}" if parent.port else "")))
        return Fault(f"expected {wanted}, got {shown}", Reason.NO_MATCHING_PARENT)
    declared = () if isinstance(route, TcpRoute) else route.spec.hostnames
    hostnames: tuple[str, ...] = ("*",)
    if declared:
        pattern = listener.hostname or "*"
        hostnames = tuple(
            host for host in dict.fromkeys(declared) if overlaps(pattern, host) and not _is_taken(host, judged, all_)
        )
        if not hostnames:
            message = f"expected a hostname of {pattern} for {shown}, got {', '.join(declared)}"
            return Fault(message, Reason.NO_MATCHING_HOSTNAME)
    if isinstance(route, TlsRoute) and _has_neighbours(judged, all_):
        # connections have only their name: what a listener beside it is for must not come here
        common = (intersect(listener.hostname or "*", each) for each in hostnames)
        hostnames = tuple(dict.fromkeys(each for each in common if each is not None))
    if not around.allows(listener.allowed_routes.namespaces, own, route.namespace):
        return Fault(f"expected a namespace that {shown} allows, got {route.namespace}", Reason.NOT_ALLOWED)
    if route.KIND not in judged.kinds:
        wanted = " or ".join(judged.kinds) or "no route"
        return Fault(f"expected {wanted} for {shown}, got {route.KIND}", Reason.NOT_ALLOWED)
    return hostnames


def _has_neighbours(judged: JudgedListener, all_: tuple[JudgedListener, ...]) -> bool:
    """Whether another listener of the parent has the same port and protocol."""
    own = judged.listener
    return any(
        each is not judged and (each.listener.port, each.listener.protocol) == (own.port, own.protocol) for each in all_
    )


def _is_taken(host: str, judged: JudgedListener, all_: tuple[JudgedListener, ...]) -> bool:
    """Whether a neighbour on the port is more specific about a hostname: listeners do not share requests."""
    own = judged.listener
    for other in all_:
        if other.converted is None:
            continue
        pattern, neighbour = other.listener.hostname or "*", (other.listener.port, other.listener.protocol)
        if neighbour != (own.port, own.protocol) or not covers(pattern, host):
            continue
        if specificity(pattern) < specificity(own.hostname or "*"):
            return True
    return False


def _mesh_parent(parent: ParentReference, namespace: str, around: Surroundings) -> MeshParent | Fault:
    """The Service or ServiceEntry that a route has as parent."""
    ports: tuple[int, ...]
    if parent.kind == "Service":
        service = around.store.get(KubernetesService, namespace, parent.name)
        hosts: tuple[str, ...] = (around.settings.host_of(parent.name, namespace),)
        ports = tuple(each.port for each in service.spec.ports) if service is not None else ()
        known = service is not None
    else:
        entry = around.store.get(ServiceEntry, namespace, parent.name)
        hosts = entry.spec.hosts if entry is not None else ()
        ports = tuple(each.number for each in entry.spec.ports) if entry is not None else ()
        known = entry is not None
    shown = f"{parent.kind} {namespace}/{parent.name}"
    if not known:
        return Fault(f"expected {shown}, which is not there", Reason.NO_MATCHING_PARENT)
    if parent.port and parent.port not in ports:
        wanted = ", ".join(map(str, ports)) or "none"
        return Fault(f"expected a port of {shown} ({wanted}), got {parent.port}", Reason.NO_MATCHING_PARENT)
    return MeshParent(hosts, parent.port, namespace)


def mesh_parents(verdicts: Iterable[Verdict]) -> Iterator[MeshParent]:
    """The Services and ServiceEntries that a route has as parents."""
    return (each.mesh for each in verdicts if each.mesh is not None)


def is_http(route: Route) -> bool:
    """Whether a route is about requests, not connections."""
    return isinstance(route, HttpRoute | GrpcRoute)
