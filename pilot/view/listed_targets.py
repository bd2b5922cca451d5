"""Services that a workload serves because somebody listed its address, not because they select it.

In: a snapshot and workloads. Out: service ports that end there. Source: xDS behaviour 2.10 (service targets).
"""

from collections.abc import Iterator, Mapping

from pilot.memo import memoized
from pilot.model.endpoint import Endpoint
from pilot.model.interning import same_tuple
from pilot.model.kubernetes import Endpoints, EndpointSlice, KubernetesService
from pilot.model.objects import Object
from pilot.model.service import Resolution, Service
from pilot.model.service_entry import ServiceEntry
from pilot.model.service_index import DeclaredKey
from pilot.model.snapshot import Snapshot
from pilot.model.workloads import WorkloadInstance
from pilot.view.workload import ServiceTarget, service_target

_NOTHING: Mapping[str, Mapping[str, Object]] = {}


def listed_targets(snapshot: Snapshot, instances: tuple[WorkloadInstance, ...]) -> tuple[ServiceTarget, ...]:
    """Ports of ServiceEntries and of services without selector that list a workload."""
    found: list[ServiceTarget] = []
    namespaces = _without_selector(snapshot.service_index.declared)
    entries = _listing_entries(snapshot.seen.kinds.get(ServiceEntry.KIND, _NOTHING))
    for instance in instances:
        if entries:
            found.extend(_of_entries(snapshot, instance, entries))
        if instance.namespace in namespaces:
            found.extend(_of_slices(snapshot, instance))
    return same_tuple(tuple(found)) if found else ()


def depend_on_endpoints(snapshot: Snapshot) -> bool:
    """Whether what a workload serves may change with endpoints."""
    entries = _listing_entries(snapshot.seen.kinds.get(ServiceEntry.KIND, _NOTHING))
    return bool(entries) or bool(_without_selector(snapshot.service_index.declared))


@memoized(size=64)
def _listing_entries(entries: Mapping[str, Mapping[str, Object]]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Names of the ServiceEntries by namespace and address that they list."""
    found: dict[tuple[str, str], list[str]] = {}
    for namespace, names in entries.items():
        for name, each in names.items():
            for address in {listed.address for listed in each.spec.endpoints} if isinstance(each, ServiceEntry) else ():
                found.setdefault((namespace, address), []).append(name)
    return {place: tuple(sorted(names)) for place, names in found.items()}


def _of_entries(
    snapshot: Snapshot, instance: WorkloadInstance, entries: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[ServiceTarget]:
    names = {name for address in instance.addresses for name in entries.get((instance.namespace, address), ())}
    for name in sorted(names):
        for service in snapshot.service_index.declared.get((ServiceEntry.KIND, instance.namespace, name), ()):
            yield from _ports_at(snapshot, service, frozenset(instance.addresses))


@memoized(size=64)
def _without_selector(declared: Mapping[DeclaredKey, tuple[Service, ...]]) -> frozenset[str]:
    """Namespaces with a Kubernetes service of which somebody has to write the endpoints."""
    return frozenset(
        key[1] for key, services in declared.items() if key[0] == KubernetesService.KIND and _is_written(services[0])
    )


def _is_written(service: Service) -> bool:
    return not service.selector and service.resolution is not Resolution.ALIAS


def _of_slices(snapshot: Snapshot, instance: WorkloadInstance) -> Iterator[ServiceTarget]:
    dependents = snapshot.endpoint_index.dependents
    places = [(instance.namespace, instance.name), *(("", each) for each in instance.addresses)]
    slices = {key for place in places for key in dependents.get(place, ())}
    owners = {owner for key in slices if (owner := _owner(snapshot, key)) is not None}
    for namespace, name in sorted(owners):
        for service in snapshot.service_index.declared.get((KubernetesService.KIND, namespace, name), ()):
            if _is_written(service):
                yield from _ports_at(snapshot, service, frozenset(instance.addresses))


def _owner(snapshot: Snapshot, key: DeclaredKey) -> tuple[str, str] | None:
    """Namespace and name of the Service that a slice belongs to."""
    kind, namespace, name = key
    if kind == Endpoints.KIND:
        return namespace, name
    declared = snapshot.seen.get(EndpointSlice, namespace, name)
    return (namespace, declared.service_name) if declared else None


def _ports_at(snapshot: Snapshot, service: Service, addresses: frozenset[str]) -> Iterator[ServiceTarget]:
    known = snapshot.endpoints.get((service.hostname, service.namespace))
    here: dict[str, Endpoint] = {}
    for each in known.endpoints if known else ():
        if each.address in addresses:
            here.setdefault(each.port_name, each)
    for port in service.ports:
        if port.name in here:
            yield service_target(service, port, here[port.name].port)
