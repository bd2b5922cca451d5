"""What a change of the mesh means to whoever pushes it.

In: two snapshots and what was derived anew. Out: a `Change`. Decides nothing about single proxies.
Source: xDS behaviour 1.10.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilot.model.destination_rule import DestinationRule
from pilot.model.endpoint_index import EndpointChange
from pilot.model.gateway import Gateway
from pilot.model.kubernetes import Endpoints, EndpointSlice, Node, Pod
from pilot.model.object_store import Replacement
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.service import Hostname, Namespace, Resolution
from pilot.model.service_index import ServiceChange, ServiceIndex, ServiceKey
from pilot.model.sidecar import Sidecar
from pilot.model.virtual_service import VirtualService
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_index import WorkloadChange
from pilot.model.workloads import WorkloadKey
from pilot.resources import Origin

if TYPE_CHECKING:
    from pilot.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """The difference of two snapshots; false where nothing means anything else than before."""

    full: bool = False
    """False: only endpoint resources of `hosts` may differ."""
    hosts: frozenset[ServiceKey] = frozenset()
    """Services whose endpoints changed, by (hostname, namespace)."""
    updated: frozenset[Origin] = frozenset()
    """The objects that caused it."""
    workloads: frozenset[WorkloadKey] = frozenset()
    """Pods and WorkloadEntries that proxies beside them would describe differently now."""

    def __bool__(self) -> bool:
        return self.full or bool(self.hosts)


NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class Derived:
    """What the indexes say has changed."""

    services: tuple[ServiceChange, ...]
    workloads: tuple[WorkloadChange, ...]
    endpoints: tuple[EndpointChange, ...]


def describe(old: "Snapshot", new: "Snapshot", replaced: tuple[Replacement, ...], derived: Derived) -> Change:
    """The change from one snapshot to the next."""
    hosts = frozenset(each.service for each in derived.endpoints)
    workloads = frozenset(each.key for each in derived.workloads if _moved(each))
    full = (
        bool(derived.services or workloads)
        or old.settings != new.settings
        or old.service_index.listing is not new.service_index.listing
        or old.routing.ordered is not new.routing.ordered
        or old.rules.namespaces is not new.rules.namespaces
        or old.gateways is not new.gateways
        or old.peer_authentications is not new.peer_authentications
        or old.sidecars is not new.sidecars
        or any(each.is_structural or not _is_eds(new.service_index, each.service) for each in derived.endpoints)
    )
    if not full and not hosts:
        return NO_CHANGE
    updated = frozenset(_causes(old, new, replaced, derived, hosts))
    return Change(full, hosts, updated, workloads)


def _moved(change: WorkloadChange) -> bool:
    """Whether more than the readiness of a workload changed."""
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return replace(old, ready=new.ready, terminating=new.terminating) != new


def _is_eds(index: ServiceIndex, key: ServiceKey) -> bool:
    """Whether only endpoint resources show the endpoints of a service."""
    return all(each.resolution is Resolution.CLIENT_SIDE for each in index.by_key.get(key, ()))


def _causes(
    old: "Snapshot",
    new: "Snapshot",
    replaced: tuple[Replacement, ...],
    derived: Derived,
    hosts: frozenset[ServiceKey],
) -> Iterator[Origin]:
    """The objects whose replacement made a difference."""
    for change in derived.services:
        yield Origin(*change.key)
    workloads = {each.key for each in derived.workloads}
    for each in replaced:
        if each.old == each.new:
            continue
        key = each.key
        origin = Origin(key.kind, key.namespace, key.name)
        place = (key.namespace, key.name)
        match key.kind:
            case Pod.KIND | WorkloadEntry.KIND:
                counts = (key.kind, *place) in workloads
            case Node.KIND:
                counts = bool(workloads)
            case EndpointSlice.KIND | Endpoints.KIND:
                counts = bool(_hosts_of(each, new) & hosts)
            case VirtualService.KIND:
                counts = old.routing.resolved.get(place) is not new.routing.resolved.get(place) or (
                    place in new.routing.roots and old.routing.ordered is not new.routing.ordered
                )
            case DestinationRule.KIND:
                before, now = old.rules.namespaces.get(key.namespace), new.rules.namespaces.get(key.namespace)
                counts = before is not now
            case Gateway.KIND:
                counts = old.gateways is not new.gateways
            case PeerAuthentication.KIND:
                counts = old.peer_authentications is not new.peer_authentications
            case Sidecar.KIND:
                counts = old.sidecars is not new.sidecars
            case _:
                counts = False
        if counts:
            yield origin


def _hosts_of(each: Replacement, new: "Snapshot") -> frozenset[ServiceKey]:
    """The services that a slice belongs or belonged to."""
    names = (
        declared.service_name if isinstance(declared, EndpointSlice) else each.key.name
        for declared in (each.old, each.new)
        if declared is not None
    )
    namespace = each.key.namespace
    return frozenset((Hostname(new.settings.host_of(name, namespace)), Namespace(namespace)) for name in names)
