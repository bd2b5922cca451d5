"""Who calls whom, as configuration says: routes lead traffic to services, Sidecars say what a workload may reach.

In: VirtualServices and Sidecars of a snapshot. Out: `Call`s with the object that makes each. What is not mentioned is
not here: a sidecar without a Sidecar object may call every service it sees. Looks at no traffic.
"""

from collections.abc import Iterator

from pilot.debug.dashboard.rows import Call
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.sidecar import Sidecar
from pilot.model.snapshot import Snapshot
from pilot.model.virtual_service import Destination, HTTPMatchRequest, HTTPRoute
from pilot.resources import Origin


def calls(snapshot: Snapshot) -> tuple[Call, ...]:
    """All of them: gateways and routes first, then Sidecars."""
    routed = (each for found in snapshot.virtual_services for each in _routed(found))
    scoped = (each for found in snapshot.seen.of(Sidecar) for each in _scoped(found))
    return tuple(dict.fromkeys((*routed, *scoped)))


def _routed(found: ResolvedVirtualService) -> Iterator[Call]:
    callers = tuple("sidecars" if name == MESH else f"gateway {name}" for name in found.gateways)
    host = ", ".join(found.hosts)
    for destination, share, when in _destinations(found):
        for caller in callers:
            yield Call(caller, host, destination.host, destination.subset, share, when, found.origin)


def _destinations(found: ResolvedVirtualService) -> Iterator[tuple[Destination, str, str]]:
    for route in found.http:
        when = condition(route)
        total = sum(each.weight for each in route.route)
        for part in route.route:
            yield part.destination, _share(part.weight, total, len(route.route)), when
        mirrored = (*((route.mirror,) if route.mirror else ()), *(each.destination for each in route.mirrors))
        for target in mirrored:
            if target is not None:
                yield target, "mirrored", when
    for kind, streams in (("TLS", found.tls), ("TCP", found.tcp)):
        for stream in streams:
            total = sum(each.weight for each in stream.route)
            for leg in stream.route:
                yield leg.destination, _share(leg.weight, total, len(stream.route)), kind


def condition(route: HTTPRoute) -> str:
    """When a route is taken, in short; empty: always."""
    found = [_match(each) for each in route.match]
    return "" if any(not each for each in found) else " or ".join(found)


def _match(match: HTTPMatchRequest) -> str:
    parts = []
    for name, text in (("", match.uri), ("method ", match.method), ("authority ", match.authority)):
        if text is not None:
            value = text.exact or text.prefix or text.regex
            parts.append(f"{name}{value}{'*' if text.prefix else ''}")
    parts += [f"header {name}" for name in match.headers]
    parts += [f"query {name}" for name in match.query_params]
    if match.port:
        parts.append(f"port {match.port}")
    return " and ".join(parts)


def _share(weight: int, total: int, parts: int) -> str:
    if parts == 1 or not total:
        return ""
    return f"{100 * weight / total:.0f} %"


def _scoped(found: Sidecar) -> Iterator[Call]:
    selector = found.spec.workload_selector
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.labels.items())) if selector else ""
    caller = f"workload {found.namespace} {labels}" if labels else f"sidecars in {found.namespace}"
    origin = Origin(Sidecar.KIND, found.namespace, found.name)
    for listener in found.spec.egress:
        port = f"port {listener.port.number}" if listener.port is not None and listener.port.number else ""
        for host in listener.hosts:
            yield Call(caller, host, _named(host, found.namespace), "", "", port, origin)


def _named(imported: str, namespace: str) -> str:
    """`./*` -> `every service in shop`; `*/reviews.shop` -> `reviews.shop`."""
    where, _, host = imported.rpartition("/")
    if host != "*":
        return host
    places = {"*": "every service", "": "every service", ".": f"every service in {namespace}", "~": "no service"}
    return places.get(where, f"every service in {where}")
