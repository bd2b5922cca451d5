"""Which parts of which services' endpoints are to be made again, and makes them.

In: changed objects, services and workloads. Out: a new `EndpointIndex` and the services whose endpoints changed. The
cost is that of the slices, pods and entries that changed, and of the services behind which they are.
Source: xDS behaviour 2.4, 2.9.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pilot.model import endpoint_slices
from pilot.model.draft import SetDraft
from pilot.model.endpoint_index import EndpointChange, EndpointIndex, Part, PartKey, replace_parts
from pilot.model.kubernetes import Endpoints, EndpointSlice, KubernetesService
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore, Replacement
from pilot.model.objects import Object
from pilot.model.selected_endpoints import endpoints_at
from pilot.model.service import Service
from pilot.model.service_entries import endpoints_of_entry
from pilot.model.service_entry import ServiceEntry
from pilot.model.service_index import DeclaredKey, ServiceChange, ServiceIndex, ServiceKey
from pilot.model.workload_index import WorkloadChange, WorkloadIndex
from pilot.model.workloads import WorkloadInstance, WorkloadKey

_SLICE_KINDS: Mapping[str, type[EndpointSlice] | type[Endpoints]] = {
    EndpointSlice.KIND: EndpointSlice,
    Endpoints.KIND: Endpoints,
}


@dataclass(frozen=True, slots=True)
class Registries:
    """What endpoints are made from, all of it after the change."""

    store: ObjectStore
    services: ServiceIndex
    workloads: WorkloadIndex
    settings: MeshSettings


@dataclass(slots=True)
class _Work:
    """What is to be made again."""

    whole: set[DeclaredKey] = field(default_factory=set)
    """Services or ServiceEntries with all their parts."""
    slices: set[DeclaredKey] = field(default_factory=set)
    selected: set[tuple[DeclaredKey, WorkloadKey]] = field(default_factory=set)
    removed: dict[DeclaredKey, tuple[Service, ...]] = field(default_factory=dict)
    """Services that were there before, of declarations that are made again."""


def update(
    index: EndpointIndex,
    registries: Registries,
    replaced: Iterable[Replacement],
    service_changes: Iterable[ServiceChange],
    workload_changes: Iterable[WorkloadChange],
) -> tuple[EndpointIndex, tuple[EndpointChange, ...]]:
    """The index after the changes."""
    replaced = tuple(replaced)
    index, work = _find_slices(index, registries, replaced)
    work.whole.update(
        (each.key.kind, each.key.namespace, each.key.name) for each in replaced if each.key.kind == ServiceEntry.KIND
    )
    for service_change in service_changes:
        work.whole.add(service_change.key)
        work.removed[service_change.key] = service_change.old
    for change in workload_changes:
        _find_dependents(index, registries, change, work)
    return replace_parts(index, _make(index, registries, work))


def _find_slices(
    index: EndpointIndex, registries: Registries, replaced: Iterable[Replacement]
) -> tuple[EndpointIndex, _Work]:
    """Files changed slices under their services and Pods."""
    work = _Work()
    by_service, by_pod = SetDraft(index.slices), SetDraft(index.dependents)
    touched: set[tuple[str, str]] = set()
    for each in replaced:
        if each.key.kind not in _SLICE_KINDS:
            continue
        key = (each.key.kind, each.key.namespace, each.key.name)
        work.slices.add(key)
        for declared, file in ((each.old, False), (each.new, True)):
            service = _service_of(declared)
            if service is None or declared is None:
                continue
            touched.add(service)
            (by_service.add if file else by_service.remove)(service, key)
            for pod in _pods_of(declared):
                (by_pod.add if file else by_pod.remove)(pod, key)
    if not touched:
        return index, work
    made = replace(index, slices=by_service.finish(), dependents=by_pod.finish())
    for service in touched:
        # Selected pods stand in only while there is no slice; core Endpoints only while there is none either.
        if _kinds(index, service) != _kinds(made, service):
            work.whole.add((KubernetesService.KIND, *service))
    for service in touched:
        work.whole.update(_moved(index, made, service, work.slices))
    return made, work


def _moved(
    old: EndpointIndex, new: EndpointIndex, service: tuple[str, str], changed: set[DeclaredKey]
) -> Iterator[DeclaredKey]:
    """A service that lost a slice is made again as a whole, as the slice itself no longer says whose it was."""
    gone = old.slices.get(service, frozenset()) - new.slices.get(service, frozenset())
    if gone & changed:
        yield (KubernetesService.KIND, *service)


def _find_dependents(index: EndpointIndex, registries: Registries, change: WorkloadChange, work: _Work) -> None:
    for state in (change.old, change.new):
        if state is None:
            continue
        for services in registries.services.selecting_labels(state.namespace, state.labels):
            work.selected.add((_declared_key(services[0]), change.key))
        if state.is_pod:
            work.slices.update(index.dependents.get((state.namespace, state.name), ()))
            for address in state.addresses:
                work.slices.update(index.dependents.get(("", address), ()))


def _make(index: EndpointIndex, registries: Registries, work: _Work) -> dict[ServiceKey, dict[PartKey, Part]]:
    edits: dict[ServiceKey, dict[PartKey, Part]] = {}
    for key in work.whole:
        now = registries.services.declared.get(key, ())
        for service in (*work.removed.get(key, ()), *now):
            gone = _parts_of(index, service)
            edits.setdefault(_service_key(service), {}).update(dict.fromkeys(gone, ()))
        for position, service in enumerate(now):
            edits.setdefault(_service_key(service), {}).update(_whole(index, registries, service, position))
    for key in work.slices:
        for service, part_key, part in _slice_part(index, registries, key):
            if _declared_key(service) not in work.whole:
                edits.setdefault(_service_key(service), {})[part_key] = part
    for key, workload_key in work.selected:
        if key in work.whole:
            continue
        workload = registries.workloads.get(workload_key)
        for position, service in enumerate(registries.services.declared.get(key, ())):
            part = _selected_part(index, registries, service, workload)
            edits.setdefault(_service_key(service), {})[_selected_key(registries, service, position, workload_key)] = (
                part
            )
    return edits


def _whole(
    index: EndpointIndex, registries: Registries, service: Service, position: int
) -> Iterator[tuple[PartKey, Part]]:
    """All parts of a service."""
    if service.is_kubernetes:
        for key in index.slices.get((service.namespace, service.name), ()):
            for found, part_key, part in _slice_part(index, registries, key):
                if found.hostname == service.hostname:
                    yield part_key, part
    else:
        entry = registries.store.get(ServiceEntry, service.namespace, service.object_name)
        if entry is not None:
            part = endpoints_of_entry(entry, service.hostname, registries.settings)
            yield (*_shard(service, position, registries.settings.cluster_id), ServiceEntry.KIND, entry.name), part
    for workload in registries.workloads.select(service.namespace, service.selector):
        part = _selected_part(index, registries, service, workload)
        yield _selected_key(registries, service, position, workload.key), part


def _slice_part(
    index: EndpointIndex, registries: Registries, key: DeclaredKey
) -> Iterator[tuple[Service, PartKey, Part]]:
    """The part that a slice or Endpoints object makes of its service, if that is there."""
    declared = registries.store.get(_SLICE_KINDS[key[0]], key[1], key[2])
    place = _service_of(declared)
    if declared is None or place is None:
        return
    for service in registries.services.declared.get((KubernetesService.KIND, *place), ()):
        part: Part = ()
        match declared:
            case EndpointSlice():
                part = endpoint_slices.endpoints_of_slice(declared, service, registries.workloads, registries.settings)
            case Endpoints() if EndpointSlice.KIND not in _kinds(index, place):
                part = endpoint_slices.endpoints_of_core(declared, service, registries.workloads, registries.settings)
        yield service, (*_shard(service, 0, registries.settings.cluster_id), key[0], key[2]), part


def _selected_part(
    index: EndpointIndex, registries: Registries, service: Service, workload: WorkloadInstance | None
) -> Part:
    if workload is None or not service.selector.items() <= workload.labels.items():
        return ()
    if service.is_kubernetes and workload.is_pod and _kinds(index, (service.namespace, service.name)):
        return ()
    return endpoints_at(service, workload, registries.settings)


def _selected_key(registries: Registries, service: Service, position: int, workload: WorkloadKey) -> PartKey:
    return (*_shard(service, position, registries.settings.cluster_id), workload[0], workload[2])


def _shard(service: Service, position: int, cluster: str) -> tuple[str, ...]:
    """Provider and cluster, then the declaration and which of its services it is."""
    if service.is_kubernetes:
        return "Kubernetes", cluster
    return "External", cluster, service.created, service.object_name, f"{position:06d}"


def _parts_of(index: EndpointIndex, service: Service) -> list[PartKey]:
    """Keys of the parts that this declaration contributes to the service now."""
    parts = index.parts.get(_service_key(service), {})
    if service.is_kubernetes:
        return [key for key in parts if key[0] == "Kubernetes"]
    return [key for key in parts if key[0] == "External" and key[3] == service.object_name]


def _kinds(index: EndpointIndex, service: tuple[str, str]) -> frozenset[str]:
    """Kinds of objects that list endpoints of a Kubernetes Service."""
    return frozenset(key[0] for key in index.slices.get(service, ()))


def _service_of(declared: Object | None) -> tuple[str, str] | None:
    match declared:
        case EndpointSlice() if endpoint_slices.is_usable(declared):
            return declared.namespace, declared.service_name
        case Endpoints():
            return declared.namespace, declared.name
        case _:
            return None


def _pods_of(declared: Object) -> Iterator[tuple[str, str]]:
    match declared:
        case EndpointSlice():
            yield from endpoint_slices.pods_of_slice(declared)
        case Endpoints():
            yield from endpoint_slices.pods_of_core(declared)


def _service_key(service: Service) -> ServiceKey:
    return service.hostname, service.namespace


def _declared_key(service: Service) -> DeclaredKey:
    return service.origin.kind, service.origin.namespace, service.origin.name
