"""What is said of waypoints on Services, ServiceEntries and routes.

In: a snapshot. Out: conditions, addresses of ServiceEntries. Which waypoint an object has is decided by the model.
Source: installation 10 (conditions).
"""

from collections.abc import Iterator
from typing import Final

from pilot.gatewayapi.gateway import GROUP
from pilot.gatewayapi.route import ParentReference
from pilot.model.hosts import is_wildcard
from pilot.model.kubernetes import KubernetesService
from pilot.model.objects import Object, ObjectKey
from pilot.model.service_entry import ServiceEntry, ServiceEntryResolution
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import USE_WAYPOINT, Refusal, Traffic, Waypoint
from pilot.status.condition import Condition, Part

BOUND: Final = "istio.io/WaypointBound"
MISSING: Final = "istio.io/WaypointMissing"
_NONE: Final = "none"


class HostAddress(Part, frozen=True):
    """`status.addresses[]` of a ServiceEntry."""

    value: str
    host: str


class ServiceEntryStatus(Part, frozen=True):
    """`status` of a ServiceEntry."""

    conditions: tuple[Condition, ...] = ()
    addresses: tuple[HostAddress, ...] = ()


class ServiceStatus(Part, frozen=True):
    """What is added to `status` of a Service."""

    conditions: tuple[Condition, ...]


def statuses(snapshot: Snapshot) -> Iterator[tuple[ObjectKey, Part]]:
    """Those of Services and ServiceEntries of which anything is to be said."""
    for entry in snapshot.seen.of(ServiceEntry):
        status = ServiceEntryStatus(tuple(_of_entry(entry, snapshot)), tuple(_addresses(entry, snapshot)))
        if status != ServiceEntryStatus():
            yield entry.key, status
    if not is_told(snapshot):
        return
    for service in snapshot.seen.of(KubernetesService):
        bound = _bound(service, snapshot)
        if bound is not None:
            yield service.key, ServiceStatus((_condition(service, bound, snapshot),))


def is_told(snapshot: Snapshot) -> bool:
    """Whether anything is said of ambient mode."""
    return snapshot.features.ambient and snapshot.features.ambient_status


def of_parent(parent: ParentReference, own: str, snapshot: Snapshot) -> str:
    """Whether traffic to the parent of a route of namespace `own` meets a waypoint that obeys the route."""
    kind = KubernetesService if parent.kind == "Service" else ServiceEntry
    if parent.group == GROUP or parent.kind not in ("Service", "ServiceEntry"):
        return "waypoints are not needed"
    declared = snapshot.seen.get(kind, parent.namespace or own, parent.name)
    bound = _bound(declared, snapshot) if declared is not None else None
    if bound is None:
        return (
            f"neither the parent nor its namespace has the label {USE_WAYPOINT}: in ambient mode nobody obeys the route"
        )
    if isinstance(bound, Refusal):
        return f"the parent has no waypoint ({bound}): in ambient mode nobody obeys the route"
    return "every waypoint is there"


def _addresses(entry: ServiceEntry, snapshot: Snapshot) -> Iterator[HostAddress]:
    """Those that were allocated, by host in order."""
    found = snapshot.service_index.allocation.get((entry.namespace, entry.name), {})
    for host in entry.spec.hosts:
        if host in found:
            yield from (HostAddress(each, host) for each in (found[host].v4, found[host].v6) if each)


def _of_entry(entry: ServiceEntry, snapshot: Snapshot) -> Iterator[Condition]:
    if not is_told(snapshot):
        return
    bound = _bound(entry, snapshot)
    has_wildcard = any(map(is_wildcard, entry.spec.hosts))
    if has_wildcard and not isinstance(bound, Waypoint):
        message = "a wildcard host has no effect in ambient mode without a waypoint"
        yield Condition(MISSING, "True", "NoWaypointForWildcardService", message)
    # istiod: only with names resolved by proxies is an entry with wildcard hosts a service of waypoints (recorded).
    if bound is not None and (not has_wildcard or entry.spec.resolution is ServiceEntryResolution.DYNAMIC_DNS):
        yield _condition(entry, bound, snapshot)


def _bound(declared: Object, snapshot: Snapshot) -> Waypoint | Refusal | None:
    return snapshot.conversions.waypoints.bound(declared.namespace, declared.metadata.labels, Traffic.SERVICE)


def _condition(declared: Object, bound: Waypoint | Refusal, snapshot: Snapshot) -> Condition:
    if isinstance(bound, Refusal):
        return Condition(BOUND, "False", bound, "expected a waypoint that takes this object's traffic, got none")
    message = f"attached to waypoint {bound.namespace}/{bound.name}"
    if snapshot.conversions.waypoints.takes_ingress(declared.namespace, declared.metadata.labels):
        message += "; traffic from gateways passes it too"
    return Condition(BOUND, "True", "WaypointAccepted", message)
