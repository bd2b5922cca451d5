"""Endpoints of Kubernetes services from EndpointSlices and core Endpoints.

In: a slice (or Endpoints object), the service it belongs to, the workloads. Out: endpoints. Does not combine slices.
Source: xDS behaviour 2.4.
"""

from collections.abc import Callable, Iterator

from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features
from pilot.model.kubernetes import (
    EndpointConditions,
    Endpoints,
    EndpointSlice,
    ObjectReference,
    Pod,
)
from pilot.model.mesh_settings import MeshSettings
from pilot.model.service import Service
from pilot.model.workload_index import WorkloadIndex
from pilot.model.workloads import WorkloadInstance, labels_of_entry

SERVICE_LABEL = "kubernetes.io/service-name"
_MULTICLUSTER_LABEL = "multicluster.kubernetes.io/service-name"


def is_usable(declared: EndpointSlice) -> bool:
    """Whether a slice counts: it belongs to a Service of this cluster and has addresses rather than names."""
    return (
        bool(declared.service_name)
        and declared.address_type != "FQDN"
        and _MULTICLUSTER_LABEL not in declared.metadata.labels
    )


def endpoints_of_slice(
    declared: EndpointSlice, service: Service, workloads: WorkloadIndex, settings: MeshSettings
) -> tuple[Endpoint, ...]:
    """What one slice says. An endpoint whose Pod is not known yet waits for it."""
    dual = settings.features.dual_stack and is_dual_stack(service)
    if not is_usable(declared) or (dual and declared.address_type == "IPv6"):
        return ()
    drains = supports_draining(service, settings.features)
    endpoints: list[Endpoint] = []
    for each in declared.endpoints:
        health = health_of(each.conditions, drains)
        for address in each.addresses:
            known, pod = _pod_behind(each.target_ref, address, declared.namespace, workloads)
            if not known:
                continue
            make = _maker(pod, address, dual, settings)
            endpoints.extend(make(port.port, port.name, health) for port in declared.ports if port.port is not None)
    return tuple(endpoints)


def endpoints_of_core(
    declared: Endpoints, service: Service, workloads: WorkloadIndex, settings: MeshSettings
) -> tuple[Endpoint, ...]:
    """What a core Endpoints object says, for a Service without slices."""
    dual = settings.features.dual_stack and is_dual_stack(service)
    endpoints: list[Endpoint] = []
    for subset in declared.subsets:
        ready = [(each, Health.HEALTHY) for each in subset.addresses]
        unready = [(each, Health.UNHEALTHY) for each in subset.not_ready_addresses]
        for each, health in ready + unready:
            known, pod = _pod_behind(each.target_ref, each.ip, declared.namespace, workloads)
            if known and each.ip:
                make = _maker(pod, each.ip, dual, settings)
                endpoints.extend(make(port.port, port.name, health) for port in subset.ports)
    return tuple(endpoints)


def pods_of_slice(declared: EndpointSlice) -> Iterator[tuple[str, str]]:
    """What a slice depends on: `(namespace, name)` of Pods, `("", address)` where it names none."""
    for each in declared.endpoints:
        yield from _dependencies(each.target_ref, each.addresses, declared.namespace)


def pods_of_core(declared: Endpoints) -> Iterator[tuple[str, str]]:
    """As `pods_of_slice`."""
    for subset in declared.subsets:
        for each in (*subset.addresses, *subset.not_ready_addresses):
            yield from _dependencies(each.target_ref, (each.ip,), declared.namespace)


def health_of(conditions: EndpointConditions, drains: bool) -> Health:
    """The health that Kubernetes' conditions mean; absent ready and serving count as true."""
    if conditions.ready is not False:
        return Health.HEALTHY
    terminating = conditions.terminating is not False
    if drains and terminating and conditions.serving is not False:
        return Health.DRAINING
    return Health.TERMINATING if terminating else Health.UNHEALTHY


def supports_draining(service: Service, features: Features) -> bool:
    """Whether sessions stay with an endpoint that is going away."""
    return bool(
        service.labels.get(features.persistent_session_label)
        or service.labels.get(features.persistent_session_header_label)
    )


def is_dual_stack(service: Service) -> bool:
    """Whether a service has an address of each family in a cluster."""
    return any(len(addresses) > 1 for addresses in service.cluster_vips.values())


def _dependencies(
    target: ObjectReference | None, addresses: tuple[str, ...], namespace: str
) -> Iterator[tuple[str, str]]:
    if target is None:
        yield from (("", address) for address in addresses)
    elif target.kind == Pod.KIND:
        yield target.namespace or namespace, target.name


def _pod_behind(
    target: ObjectReference | None, address: str, namespace: str, workloads: WorkloadIndex
) -> tuple[bool, WorkloadInstance | None]:
    """Whether the endpoint may be used, and the Pod behind it, if any."""
    if target is None:
        pods = [each for each in workloads.at(address) if each.is_pod and not each.host_network]
        return True, pods[0] if pods else None
    if target.kind != Pod.KIND:
        return True, None
    pod = workloads.pod(target.namespace or namespace, target.name)
    return pod is not None, pod


def _maker(
    pod: WorkloadInstance | None, address: str, dual: bool, settings: MeshSettings
) -> Callable[[int, str, Health], Endpoint]:
    """Makes the endpoints of one address, port by port."""
    if pod is not None:
        addresses = pod.addresses if dual and address in pod.addresses else (address,)
        return lambda port, name, health: endpoint_of_pod(pod, addresses, port, name, health, settings)
    network = settings.network_of((address,))
    labels = labels_of_entry({}, "", network, settings)
    return lambda port, name, health: Endpoint(
        addresses=(address,),
        port=port,
        port_name=name,
        cluster_id=settings.cluster_id,
        labels=labels,
        network=network,
        tls_mode="disabled",
        health=health,
    )


def endpoint_of_pod(
    pod: WorkloadInstance, addresses: tuple[str, ...], port: int, port_name: str, health: Health, settings: MeshSettings
) -> Endpoint:
    """An endpoint at a Pod."""
    return Endpoint(
        addresses=addresses,
        port=port,
        port_name=port_name,
        cluster_id=settings.cluster_id,
        namespace=pod.namespace,
        workload=pod.workload,
        service_account=pod.spiffe_id,
        labels=pod.endpoint_labels,
        locality=pod.locality,
        network=pod.network,
        weight=pod.weight,
        tls_mode=pod.tls_mode,
        hbone=pod.hbone,
        health=health,
        node=pod.node,
        hostname=pod.hostname,
        subdomain=pod.subdomain,
    )
