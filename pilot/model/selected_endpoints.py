"""Endpoints of services at the workloads that their selectors find.

In: a service and one workload. Out: the endpoints there. Which workloads are selected is found by
`endpoint_sources.py`.
Source: xDS behaviour 2.4 (WorkloadEntries and pods behind Services), 2.9 (behind ServiceEntries).
"""

from pilot.model.endpoint import Endpoint, Health
from pilot.model.endpoint_slices import endpoint_of_pod, is_dual_stack
from pilot.model.mesh_settings import MeshSettings
from pilot.model.service import Resolution, Service, ServicePort
from pilot.model.service_entries import RESOLVES_NAMES, UNIX, is_reachable
from pilot.model.workloads import WorkloadInstance


def endpoints_at(service: Service, workload: WorkloadInstance, settings: MeshSettings) -> tuple[Endpoint, ...]:
    """The endpoints that a workload gives to a service whose selector it matches."""
    if not workload.addresses or not may_serve(service, workload, settings):
        return ()
    endpoints: list[Endpoint] = []
    for port in service.ports:
        number = target_port(service, port, workload)
        if number is not None:
            endpoints.append(_endpoint(service, workload, port.name, number, settings))
    return tuple(endpoints)


def target_port(service: Service, port: ServicePort, workload: WorkloadInstance) -> int | None:
    """The port of the workload behind a service port; None where it has no container port of that name."""
    if not workload.is_pod:
        if workload.address.startswith(UNIX):
            return 0
        named = workload.ports.get(port.name)
        if named is not None:
            return named
        return port.target_port if isinstance(port.target_port, int) else port.number
    if isinstance(port.target_port, str):
        return workload.ports.get(port.target_port)
    return port.target_port or port.number


def may_serve(service: Service, workload: WorkloadInstance, settings: MeshSettings) -> bool:
    """Whether a workload that a service selects may serve it at all."""
    if service.is_kubernetes:
        if workload.is_pod:
            return workload.has_ip
        # Endpoints of headless services are Kubernetes' own business: istiod adds entries to virtual addresses only.
        selects = settings.features.select_workload_entries and service.resolution is Resolution.CLIENT_SIDE
        return selects and workload.has_ip
    if workload.is_pod and not settings.features.select_pods:
        return False
    return service.resolution in RESOLVES_NAMES or is_reachable(workload.address)


def _endpoint(
    service: Service, workload: WorkloadInstance, port_name: str, port: int, settings: MeshSettings
) -> Endpoint:
    if workload.is_pod:
        dual = settings.features.dual_stack and is_dual_stack(service)
        addresses = workload.addresses if dual else workload.addresses[:1]
        return endpoint_of_pod(workload, addresses, port, port_name, _health(service, workload), settings)
    return Endpoint(
        addresses=workload.addresses,
        port=port,
        port_name=port_name,
        cluster_id=settings.cluster_id,
        namespace=workload.namespace,
        workload=workload.workload,
        service_account=workload.spiffe_id,
        labels=workload.endpoint_labels,
        locality=workload.locality,
        network=workload.network,
        weight=workload.weight,
        tls_mode=workload.tls_mode,
        hbone=workload.hbone,
    )


def _health(service: Service, pod: WorkloadInstance) -> Health:
    if pod.terminating:
        return Health.TERMINATING
    return Health.HEALTHY if pod.ready or service.publish_not_ready else Health.UNHEALTHY
