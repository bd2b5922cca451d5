"""What a change of the mesh means to whoever pushes it.

In: two snapshots and what was derived anew. Out: a `Change`. Decides nothing about single proxies.
Source: xDS behaviour 1.10.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pilot.model import extensions, policies
from pilot.model.destination_rule import DestinationRule
from pilot.model.endpoint_index import EndpointChange
from pilot.model.gateway import Gateway
from pilot.model.kubernetes import Endpoints, EndpointSlice, KubernetesService, Node, Pod
from pilot.model.kubernetes import Namespace as KubernetesNamespace
from pilot.model.object_store import Replacement
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.secret import ConfigMap, Secret
from pilot.model.service import Hostname, Namespace, Resolution
from pilot.model.service_entry import ServiceEntry
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
    """False: only endpoint resources of `hosts` may differ, and secrets if `credentials` says so."""
    hosts: frozenset[ServiceKey] = frozenset()
    """Services whose endpoints changed, by (hostname, namespace)."""
    updated: frozenset[Origin] = frozenset()
    """The objects that caused it."""
    workloads: frozenset[WorkloadKey] = frozenset()
    """Pods and WorkloadEntries that proxies beside them would describe differently now."""

    credentials: bool = False
    """Secrets, ConfigMaps, or who may read them."""
    addresses: bool = False
    """What workload discovery tells may differ."""

    def and_then(self, later: "Change") -> "Change":
        """Both, one after the other."""
        if not self or not later:
            return self or later
        return Change(
            self.full or later.full,
            self.hosts | later.hosts,
            self.updated | later.updated,
            self.workloads | later.workloads,
            self.credentials or later.credentials,
            self.addresses or later.addresses,
        )

    def __bool__(self) -> bool:
        return self.full or self.credentials or self.addresses or bool(self.hosts)


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
        or policies.is_other(old.policies, new.policies)
        or old.extensions is not new.extensions
        or old.sidecars is not new.sidecars
        or old.host_addresses is not new.host_addresses
        or old.conversions.waypoints is not new.conversions.waypoints
        or old.conversions.network_gateways is not new.conversions.network_gateways
        or any(each.is_structural or not _is_eds(new.service_index, each.service) for each in derived.endpoints)
    )
    credentials = old.credentials is not new.credentials
    addresses = new.features.ambient and (bool(hosts or derived.workloads) or any(map(_is_told, replaced)))
    if not full and not hosts and not credentials and not addresses:
        return NO_CHANGE
    updated = frozenset(_causes(old, new, replaced, derived, hosts))
    return Change(full, hosts, updated, workloads, credentials, addresses)


def _is_told(each: Replacement) -> bool:
    """Whether workload discovery may tell of a change that means nothing to indexes."""
    match each.key.kind:
        case KubernetesService.KIND | ServiceEntry.KIND | WorkloadEntry.KIND:
            return True
    return False


def _moved(change: WorkloadChange) -> bool:
    """Whether more changed of a workload than how clients reach it."""
    old, new = change.old, change.new
    if old is None or new is None:
        return True
    return replace(old, ready=new.ready, terminating=new.terminating, hbone=new.hbone) != new


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
    if old.mesh != new.mesh:
        yield Origin("MeshConfig", "", "")
    if old.networks != new.networks:
        yield Origin("MeshNetworks", "", "")
    for change in derived.services:
        yield Origin(*change.key)
    workloads = frozenset(each.key for each in derived.workloads)
    for each in replaced:
        if each.old != each.new and _counts(old, new, each, workloads, hosts):
            yield Origin(each.key.kind, each.key.namespace, each.key.name)


def _counts(
    old: "Snapshot",
    new: "Snapshot",
    each: Replacement,
    workloads: frozenset[WorkloadKey],
    hosts: frozenset[ServiceKey],
) -> bool:
    """Whether this replacement made a difference."""
    kind, place = each.key.kind, (each.key.namespace, each.key.name)
    match kind:
        case Pod.KIND | WorkloadEntry.KIND:
            return (kind, *place) in workloads
        case Node.KIND:
            return bool(workloads)
        case EndpointSlice.KIND | Endpoints.KIND:
            return bool(_hosts_of(each, new) & hosts)
        case VirtualService.KIND:
            differs = old.routing.resolved.get(place) is not new.routing.resolved.get(place)
            is_delegate = place in new.routing.roots or place in old.routing.roots
            return differs or (is_delegate and old.routing.ordered is not new.routing.ordered)
        case ServiceEntry.KIND:
            return any(service in hosts for service in _services_of(each, old) + _services_of(each, new))
        case DestinationRule.KIND:
            return old.rules.namespaces.get(place[0]) is not new.rules.namespaces.get(place[0])
        case Gateway.KIND:
            return old.gateways is not new.gateways
        case PeerAuthentication.KIND:
            return old.peer_authentications is not new.peer_authentications
        case Secret.KIND | ConfigMap.KIND:
            return old.credentials is not new.credentials
        case Sidecar.KIND:
            return old.sidecars is not new.sidecars
        case KubernetesNamespace.KIND:
            return old.settings.system_network != new.settings.system_network
        case _:
            return policies.counts(old.policies, new.policies, each) or extensions.counts(
                old.extensions, new.extensions, each
            )


def _services_of(each: Replacement, snapshot: "Snapshot") -> tuple[ServiceKey, ...]:
    key = (each.key.kind, each.key.namespace, each.key.name)
    return tuple((found.hostname, found.namespace) for found in snapshot.service_index.declared.get(key, ()))


def _hosts_of(each: Replacement, new: "Snapshot") -> frozenset[ServiceKey]:
    """The services that a slice belongs or belonged to."""
    names = (
        declared.service_name if isinstance(declared, EndpointSlice) else each.key.name
        for declared in (each.old, each.new)
        if declared is not None
    )
    namespace = each.key.namespace
    return frozenset((Hostname(new.settings.host_of(name, namespace)), Namespace(namespace)) for name in names)
