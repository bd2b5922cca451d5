"""Workloads as workload discovery tells them, from each kind of object that declares some.

In: an `AmbientMesh` and its services. Out: `MeshWorkload`s. Source: xDS behaviour 8.3.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pilot.model import endpoint_slices, service_entries
from pilot.model.ambient import policies
from pilot.model.ambient.address import MeshService, MeshWorkload, Ports, Tunnel
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.kubernetes import EndpointSlice, KubernetesService, Pod, SliceEndpoint
from pilot.model.mesh_settings import is_ip
from pilot.model.policy_attachment import GATEWAY_NAME
from pilot.model.service import PortProtocol, Service
from pilot.model.service_entry import ServiceEntry
from pilot.model.waypoint import MANAGED, Traffic, TunnelAddress, Waypoint
from pilot.model.workload_entry import WorkloadEntrySpec
from pilot.model.workloads import CAPTURED, WorkloadInstance

Services = Mapping[str, MeshService]
_TUNNEL_LABEL = "networking.istio.io/tunnel"
_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MIRRORED = "endpointslicemirroring-controller.k8s.io"
_DEFAULT_TRUST_DOMAIN = "cluster.local"


def of_instance(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> MeshWorkload | None:
    """The workload of a Pod or WorkloadEntry; None for a Pod without an address."""
    if not instance.is_pod:
        return _of_entry(instance, mesh, services)
    return _of_pod(instance, mesh, services) if instance.addresses else None


def _of_pod(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> MeshWorkload:
    uid = f"{mesh.settings.cluster_id}//Pod/{instance.namespace}/{instance.name}"
    labels = instance.labels
    gateway = mesh.waypoints.by_name.get((instance.namespace, labels.get(GATEWAY_NAME, "")))
    # as recorded: a network label of the pod itself counts for endpoints, not here
    network = mesh.settings.network_of(instance.addresses)
    return replace(
        _shared(uid, instance, network, mesh, _services_of_pod(instance, mesh, services)),
        addresses=instance.addresses,
        node=instance.node,
        application_tunnel=gateway.tunnel if gateway is not None and MANAGED in labels else None,
        healthy=instance.ready and not instance.terminating,
        host_network=instance.host_network,
    )


def _of_entry(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> MeshWorkload:
    uid = f"{mesh.settings.cluster_id}/networking.istio.io/WorkloadEntry/{instance.namespace}/{instance.name}"
    address, network = instance.address, instance.network or mesh.network
    return replace(
        _shared(uid, instance, network, mesh, _services_of_entry(instance, mesh, services)),
        addresses=(address,) if is_ip(address) else (),
        hostname="" if is_ip(address) else address,
        capacity=instance.weight,
    )


def _shared(
    uid: str,
    instance: WorkloadInstance,
    network: str,
    mesh: AmbientMesh,
    services: Mapping[str, Ports],
) -> MeshWorkload:
    """What Pods and WorkloadEntries have in common."""
    namespace, labels = instance.namespace, instance.labels
    waypoint = mesh.waypoint_of(namespace, labels, Traffic.WORKLOAD)
    held = (
        *policies.names_for(mesh, namespace, labels),
        *policies.mtls_names_for(mesh, namespace, labels),
        *_allowances(waypoint, services, mesh),
    )
    return MeshWorkload(
        uid=uid,
        name=instance.name,
        namespace=namespace,
        network=network,
        cluster_id=mesh.settings.cluster_id,
        account=instance.account,
        trust_domain=_trust_domain(mesh),
        tunnel=_tunnel(labels, hbone=instance.hbone),
        waypoint=waypoint.address if waypoint is not None else None,
        network_gateway=_gateway(network, mesh),
        workload_name=instance.workload,
        canonical_name=_first(labels, _NAMES) or instance.workload,
        canonical_revision=_first(labels, _REVISIONS) or "latest",
        services=services,
        policies=held,
        locality=instance.locality,
    )


def _trust_domain(mesh: AmbientMesh) -> str:
    domain = mesh.settings.mesh.trust_domain
    return "" if domain == _DEFAULT_TRUST_DOMAIN else domain


def _gateway(network: str, mesh: AmbientMesh) -> TunnelAddress | None:
    found = mesh.waypoints.into(network)
    return found.address if found is not None else None


def _tunnel(labels: Mapping[str, str], *, hbone: bool) -> Tunnel:
    if "http" in labels.get(_TUNNEL_LABEL, "").split(","):
        return Tunnel.NATIVE_HBONE
    return Tunnel.HBONE if hbone else Tunnel.NONE


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _allowances(waypoint: Waypoint | None, services: Mapping[str, Ports], mesh: AmbientMesh) -> Iterator[str]:
    """The authorizations that let in the waypoints through which this workload is reached."""
    if not mesh.settings.features.auto_allow_waypoint_policy:
        return
    found = [waypoint] if waypoint is not None else []
    for name in services:
        namespace, _, hostname = name.partition("/")
        service = mesh.services.find(hostname, namespace)
        if service is not None:
            through = mesh.waypoint_of(namespace, service.labels, Traffic.SERVICE)
            found += [through] if through is not None else []
    for each in dict.fromkeys((each.namespace, policies.allow_name(each)) for each in found):
        yield "/".join(each)


def _services_of_pod(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> Mapping[str, Ports]:
    """The services that select it, or whose slices list it."""
    found: dict[str, Ports] = {}
    for each in _selecting(instance, mesh, services):
        found[_name(each)] = tuple(_ports_at_pod(each, instance))
    for listed in _listing(instance, mesh, services):
        found.setdefault(_name(listed), tuple(_ports_at_pod(listed, instance)))
    return found


def _ports_at_pod(service: Service, instance: WorkloadInstance) -> Iterator[tuple[int, int]]:
    for port in service.ports:
        target = port.target_port if port.target_port is not None else port.number
        number = instance.ports.get(target) if isinstance(target, str) else target
        if number:
            yield port.number, number


def _services_of_entry(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> Mapping[str, Ports]:
    found: dict[str, Ports] = {}
    for service in _selecting(instance, mesh, services):
        found[_name(service)] = tuple(_ports_at_entry(service, instance.ports))
    return found


def _ports_at_entry(service: Service, ports: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """An entry names ports as the service does; the others are where the service says, if that is a number."""
    for port in service.ports:
        target = port.target_port if port.target_port is not None else port.number
        number = ports.get(port.name) or (ports.get(target) if isinstance(target, str) else target)
        if number:
            yield port.number, number


def _selecting(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> Iterator[Service]:
    """The services that select a workload, each host once; those that another declaration stands for are left out."""
    for declared in mesh.services.selecting_labels(instance.namespace, instance.labels):
        yield from _told(declared, services)


def _told(declared: tuple[Service, ...], services: Services) -> Iterator[Service]:
    for each in {each.hostname: each for each in reversed(declared)}.values():
        known = services.get(_name(each))
        if known is not None and known.origin == each.origin:
            yield each


def _listing(instance: WorkloadInstance, mesh: AmbientMesh, services: Services) -> Iterator[Service]:
    """The services without selectors whose slices list a Pod."""
    dependents = mesh.endpoints.dependents
    keys = set(dependents.get((instance.namespace, instance.name), ()))
    for address in instance.addresses:
        keys |= dependents.get(("", address), frozenset())
    for kind, namespace, name in sorted(keys):
        declared = mesh.store.get(EndpointSlice, namespace, name) if kind == EndpointSlice.KIND else None
        if declared is None:
            continue
        for service in mesh.services.declared.get((KubernetesService.KIND, namespace, declared.service_name), ()):
            if not service.selector:
                yield from _told((service,), services)


def _name(service: Service) -> str:
    return f"{service.namespace}/{service.hostname}"


def of_service_entry(declared: ServiceEntry, mesh: AmbientMesh, services: Services) -> Iterator[MeshWorkload]:
    """The endpoints that a ServiceEntry lists, else the hosts that it resolves by name."""
    made = mesh.services.declared.get((ServiceEntry.KIND, declared.namespace, declared.name), ())
    told = tuple(reversed(tuple(_told(made, services))))
    if declared.spec.workload_selector is not None or not told:
        return
    network = mesh.network
    for entry in declared.spec.endpoints:
        # as recorded: an endpoint that names no network is taken to be in that of the one before it
        network = entry.network or network
        ports = {_name(each): tuple(_ports_at_entry(each, entry.ports)) for each in told}
        yield _of_inline(declared, entry, network, ports, mesh)
    if not declared.spec.endpoints and told[0].resolution in service_entries.RESOLVES_NAMES:
        for each in told:
            ports = {_name(each): tuple(_ports_at_entry(each, {}))}
            yield _of_inline(declared, WorkloadEntrySpec(address=each.hostname), network, ports, mesh)


def _of_inline(
    declared: ServiceEntry, entry: WorkloadEntrySpec, network: str, ports: Mapping[str, Ports], mesh: AmbientMesh
) -> MeshWorkload:
    """An endpoint of a ServiceEntry: the entry itself is the workload as policies and telemetry see it."""
    namespace, labels = declared.namespace, declared.metadata.labels
    where = f"{declared.namespace}/{declared.name}/{entry.address}"
    waypoint = mesh.waypoint_of(namespace, labels, Traffic.WORKLOAD)
    held = policies.names_for(mesh, namespace, labels)
    held += policies.mtls_names_for(mesh, namespace, labels) if labels else ()
    return MeshWorkload(
        uid=f"{mesh.settings.cluster_id}/networking.istio.io/ServiceEntry/{where}",
        name=declared.name,
        namespace=namespace,
        addresses=(entry.address,) if is_ip(entry.address) else (),
        hostname="" if is_ip(entry.address) else entry.address,
        network=network,
        cluster_id=mesh.settings.cluster_id,
        account=entry.service_account,
        trust_domain=_trust_domain(mesh),
        tunnel=_tunnel(labels, hbone=declared.metadata.annotations.get(CAPTURED) == "enabled"),
        waypoint=waypoint.address if waypoint is not None else None,
        network_gateway=_gateway(network, mesh),
        workload_name=declared.name,
        canonical_name=_first(labels, _NAMES) or declared.name,
        canonical_revision=_first(labels, _REVISIONS) or "latest",
        services=ports,
        policies=(*held, *_allowances(waypoint, ports, mesh)),
        locality=entry.locality,
        capacity=entry.weight,
    )


def of_slice(declared: EndpointSlice, mesh: AmbientMesh, services: Services) -> Iterator[MeshWorkload]:
    """The endpoints of a slice that are no pods."""
    if not endpoint_slices.is_usable(declared) or declared.metadata.labels.get(_MANAGED_BY) == _MIRRORED:
        return
    made = mesh.services.declared.get((KubernetesService.KIND, declared.namespace, declared.service_name), ())
    for service in _told(made, services):
        ports = {_name(service): tuple(_ports_at_slice(service, declared))}
        for endpoint in declared.endpoints:
            is_pod = endpoint.target_ref is not None and endpoint.target_ref.kind == Pod.KIND
            if endpoint.addresses and not is_pod:
                yield _of_endpoint(declared, endpoint, ports, mesh)


def _ports_at_slice(service: Service, declared: EndpointSlice) -> Iterator[tuple[int, int]]:
    by_name = {each.name: each.port for each in declared.ports if each.protocol == "TCP"}
    for port in service.ports:
        number = by_name.get(port.name)
        if number and port.protocol is not PortProtocol.UDP:
            yield port.number, number


def _of_endpoint(
    declared: EndpointSlice, endpoint: SliceEndpoint, ports: Mapping[str, Ports], mesh: AmbientMesh
) -> MeshWorkload:
    where = f"{declared.namespace}/{declared.name}/{endpoint.addresses[0]}"
    network = mesh.settings.network_of(endpoint.addresses)
    return MeshWorkload(
        uid=f"{mesh.settings.cluster_id}/discovery.k8s.io/EndpointSlice/{where}",
        name=declared.name,
        namespace=declared.namespace,
        addresses=endpoint.addresses,
        network=network,
        cluster_id=mesh.settings.cluster_id,
        trust_domain=_trust_domain(mesh),
        network_gateway=_gateway(network, mesh),
        workload_name=declared.name,
        canonical_name=declared.name,
        canonical_revision="latest",
        services=ports,
        healthy=endpoint.conditions.ready is not False,
        host_network=True,
    )
