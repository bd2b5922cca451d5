"""Services without selector that a workload serves because somebody listed its address.

In: a snapshot and a workload. Out: service ports that end there. Source: xDS behaviour 2.10 (service targets).
"""

from collections.abc import Iterator

from pilot.model.endpoint import Endpoint
from pilot.model.kubernetes import Endpoints, EndpointSlice, KubernetesService
from pilot.model.service import Service, ServicePort
from pilot.model.service_index import DeclaredKey
from pilot.model.snapshot import Snapshot
from pilot.model.workloads import WorkloadInstance
from pilot.view.proxy import Proxy


def listed_targets(
    snapshot: Snapshot, instance: WorkloadInstance, proxy: Proxy
) -> Iterator[tuple[Service, ServicePort, int]]:
    """Ports of services whose slices list the workload, though they select nothing."""
    index = snapshot.endpoint_index
    addresses = instance.addresses or proxy.ip_addresses
    places = [(instance.namespace, instance.name), *(("", each) for each in addresses)]
    slices = {key for place in places for key in index.dependents.get(place, ())}
    owners = {owner for key in slices if (owner := _owner(snapshot, key)) is not None}
    for namespace, name in sorted(owners):
        declared = snapshot.service_index.declared.get((KubernetesService.KIND, namespace, name), ())
        for service in declared:
            if not service.selector:
                yield from _ports_at(snapshot, service, frozenset(addresses))


def _owner(snapshot: Snapshot, key: DeclaredKey) -> tuple[str, str] | None:
    """Namespace and name of the Service that a slice belongs to."""
    kind, namespace, name = key
    if kind == Endpoints.KIND:
        return namespace, name
    declared = snapshot.seen.get(EndpointSlice, namespace, name)
    return (namespace, declared.service_name) if declared else None


def _ports_at(
    snapshot: Snapshot, service: Service, addresses: frozenset[str]
) -> Iterator[tuple[Service, ServicePort, int]]:
    known = snapshot.endpoints.get((service.hostname, service.namespace))
    here: dict[str, Endpoint] = {}
    for each in known.endpoints if known else ():
        if each.address in addresses:
            here.setdefault(each.port_name, each)
    for port in service.ports:
        if port.name in here:
            yield service, port, here[port.name].port
