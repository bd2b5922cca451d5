"""Status of routes, and how many of them each listener has.

In: a snapshot and its judged listeners. Out: statuses by route, counts by listener. Where a route attaches was decided
for what is served. Source: installation 9.5; Gateway API 1.4 (RouteParentStatus, ListenerStatus.attachedRoutes).
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from pilot.gatewayapi import attachment, routes
from pilot.gatewayapi.attachment import Listeners, Verdict
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.listeners import Surroundings
from pilot.gatewayapi.route import ParentReference, Route
from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status.condition import Condition, Part, conditions, generation_of, in_order
from pilot.status.references import Resolution, resolve
from pilot.status.waypoints import of_parent


class Reference(Part, frozen=True):
    """`parentRef` of a route or `ancestorRef` of a policy, as it was written with the API's defaults."""

    group: str
    kind: str
    name: str
    namespace: str = ""
    section_name: str = ""
    port: int = 0


class ParentStatus(Part, frozen=True):
    """`status.parents[]`."""

    parent_ref: Reference
    controller_name: str
    conditions: tuple[Condition, ...]


class RouteStatus(Part, frozen=True):
    """`status` of a route: what others' controllers say of it is not here."""

    parents: tuple[ParentStatus, ...]


def statuses(
    snapshot: Snapshot, around: Surroundings, listeners: Listeners
) -> tuple[Mapping[ObjectKey, RouteStatus], Mapping[str, int]]:
    """Those of all routes with a parent of ours; numbers of routes by the internal name of a listener."""
    hosts = frozenset(str(each.hostname) for each in snapshot.services)
    found: dict[ObjectKey, RouteStatus] = {}
    counted: Counter[str] = Counter()
    for route in routes.ordered(around):
        verdicts = attachment.judge(route, listeners, around)
        counted.update({each.listener.internal for verdict in verdicts for each in verdict.attached})
        parents = tuple(_parents(route, verdicts, snapshot, around, hosts))
        if parents:
            found[route.key] = RouteStatus(parents)
    return found, counted


def _parents(
    route: Route, verdicts: tuple[Verdict, ...], snapshot: Snapshot, around: Surroundings, hosts: frozenset[str]
) -> Iterator[ParentStatus]:
    resolved: dict[bool, Resolution] = {}
    for each in verdicts:
        if each.is_mesh not in resolved:
            context = routes.context_of(route, around, is_mesh=each.is_mesh)
            resolved[each.is_mesh] = resolve(route, context, hosts)
        made = _conditions(route, each, resolved[each.is_mesh])
        if snapshot.features.ambient:
            message = of_parent(each.parent, route.namespace, snapshot)
            made = (*made, Condition("ResolvedWaypoints", "True", "ResolvedWaypoints", message, generation_of(route)))
        yield ParentStatus(_reference(each.parent), snapshot.features.gateway_controller, in_order(made))


def _conditions(route: Route, verdict: Verdict, resolution: Resolution) -> tuple[Condition, ...]:
    """A route with a filter that nobody knows is served without its rules; without any, it is not accepted."""
    generation = generation_of(route)
    good = {
        "Accepted": ("Accepted", "the route is served"),
        "ResolvedRefs": ("ResolvedRefs", "everything that it refers to is there"),
    }
    bad: dict[str, Fault] = {}
    if resolution.fault is not None:
        bad["ResolvedRefs"] = resolution.fault
    if verdict.fault is not None:
        bad["Accepted"] = verdict.fault
    elif resolution.dropped and len(resolution.dropped) == resolution.rules:
        bad["Accepted"] = Fault(f"no rule can be served: {resolution.fault}", Reason.UNSUPPORTED_VALUE)
    elif resolution.dropped:
        dropped = ", ".join(map(str, resolution.dropped))
        message = f"Dropped Rule {dropped}: {resolution.fault}"  # the API asks for these first words
        return (
            *conditions(generation, good, bad),
            Condition("PartiallyInvalid", "True", Reason.UNSUPPORTED_VALUE, message, generation),
        )
    return conditions(generation, good, bad)


def _reference(parent: ParentReference) -> Reference:
    return Reference(parent.group, parent.kind, parent.name, parent.namespace, parent.section_name, parent.port)
