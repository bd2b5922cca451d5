"""Services as workload discovery tells them.

In: an `AmbientMesh`. Out: a `MeshService` for each host name of a namespace. Where several declarations have one, the
Kubernetes Service counts, else the oldest. Source: xDS behaviour 8.4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_network

from pilot.model.ambient.address import Balancing, Families, MeshService
from pilot.model.ambient.mesh import AmbientMesh
from pilot.model.kubernetes import KubernetesService
from pilot.model.mesh_settings import is_ip
from pilot.model.service import Resolution, Service, ServicePort, TrafficDistribution
from pilot.model.service_entry import ServiceEntry, ServiceEntryResolution
from pilot.model.waypoint import Traffic, TunnelAddress
from pilot.resources import Origin

_FAMILIES: Mapping[tuple[str, ...], Families] = {("IPv4",): Families.IPV4, ("IPv6",): Families.IPV6}


def derive(mesh: AmbientMesh) -> Mapping[str, MeshService]:
    """All services by name."""
    found: dict[str, tuple[Service, ...]] = {}
    for services in sorted(mesh.services.declared.values(), key=_age):
        for host, group in _by_host(services).items():
            found.setdefault(f"{services[0].namespace}/{host}", group)
    canonical = _canonical(found.values())
    made: dict[str, MeshService] = {}
    for name, group in found.items():
        service = group[0]
        is_canonical = canonical[service.hostname] == service.origin
        derived = _of_kubernetes(service, mesh) if service.is_kubernetes else _of_entry(group, mesh, is_canonical)
        if derived is not None:
            made[name] = derived
    for each in mesh.remotes:
        for name, remote in each.services.items():
            if remote.is_global and remote.origin.kind == KubernetesService.KIND:
                made[name] = _joined(made[name], remote) if name in made else remote
    return made


def _joined(own: MeshService, remote: MeshService) -> MeshService:
    """The service as it is here, with the addresses that it has in another cluster."""
    return replace(own, elsewhere=(*own.elsewhere, *remote.places)) if own.is_global else own


def _age(services: tuple[Service, ...]) -> tuple[bool, str, str, str]:
    """Kubernetes Services first, then the oldest."""
    first = services[0]
    return not first.is_kubernetes, first.created, first.namespace, first.object_name


def _by_host(services: tuple[Service, ...]) -> dict[str, tuple[Service, ...]]:
    groups: dict[str, tuple[Service, ...]] = {}
    for each in services:
        groups[each.hostname] = (*groups.get(each.hostname, ()), each)
    return groups


def _canonical(groups: Iterable[tuple[Service, ...]]) -> Mapping[str, Origin]:
    """By host name: the declaration that is meant by it. The groups come in order of age."""
    chosen: dict[str, Origin] = {}
    for group in groups:
        chosen.setdefault(group[0].hostname, group[0].origin)
    return chosen


def _of_kubernetes(service: Service, mesh: AmbientMesh) -> MeshService:
    addresses = service.cluster_vips.get(mesh.settings.cluster_id, ())
    return MeshService(
        namespace=service.namespace,
        hostname=service.hostname,
        name=service.name,
        origin=service.origin,
        addresses=tuple(each for each in addresses if is_ip(each)),
        network=mesh.network,
        ports=tuple((port.number, _target(port), port.protocol) for port in service.ports),
        waypoint=_waypoint(service, mesh),
        balancing=_balancing(service),
        with_unhealthy=service.publish_not_ready,
        families=_families(service, mesh),
        is_global=service.is_global,
        canonical=True,
    )


def _of_entry(group: tuple[Service, ...], mesh: AmbientMesh, canonical: bool) -> MeshService | None:
    """A host of a ServiceEntry; None where its addresses are ranges, which nobody can look up."""
    service = group[0]
    declared = mesh.store.get(ServiceEntry, service.namespace, service.object_name)
    if declared is None:
        return None
    addresses = _own_addresses(declared.spec.addresses)
    if addresses is None:
        return None
    passthrough = declared.spec.resolution is ServiceEntryResolution.NONE
    if not addresses and not passthrough:
        addresses = tuple(each for each in (service.auto_allocated_v4, service.auto_allocated_v6) if each)
    return MeshService(
        namespace=service.namespace,
        hostname=service.hostname,
        name=service.object_name,
        origin=service.origin,
        addresses=addresses,
        network=mesh.network,
        ports=tuple((port.number, _target(port), port.protocol) for port in service.ports),
        subject_alt_names=declared.spec.subject_alt_names,
        waypoint=_waypoint(service, mesh),
        balancing=Balancing.PASSTHROUGH if passthrough else _balancing(service),
        with_unhealthy=passthrough,
        canonical=canonical,
    )


def _own_addresses(declared: tuple[str, ...]) -> tuple[str, ...] | None:
    """Addresses, ranges of one address among them; None where one is a range, or no address at all."""
    found = []
    for text in declared:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            return None
        if network.num_addresses != 1:
            return None
        found.append(str(network[0]))
    return tuple(found)


def _target(port: ServicePort) -> int:
    """The number behind a port; 0 where it goes by a name, which means something else at each workload."""
    if port.target_port is None:
        return port.number
    return port.target_port if isinstance(port.target_port, int) else 0


def _waypoint(service: Service, mesh: AmbientMesh) -> TunnelAddress | None:
    found = mesh.waypoint_of(service.namespace, service.labels, Traffic.SERVICE)
    return found.address if found is not None else None


def _balancing(service: Service) -> Balancing:
    if service.node_local:
        return Balancing.SAME_NODE_ONLY
    match service.traffic_distribution:
        case TrafficDistribution.SAME_ZONE:
            return Balancing.NEAR_ZONE
        case TrafficDistribution.SAME_NODE:
            return Balancing.NEAR_NODE
        case TrafficDistribution.ANY:
            return Balancing.ANY


def _families(service: Service, mesh: AmbientMesh) -> Families:
    """As the API server would default them: of the addresses, else IPv4."""
    declared = mesh.store.get(KubernetesService, service.namespace, service.name)
    given = declared.spec.ip_families if declared is not None else ()
    if not given:
        if service.resolution is Resolution.ALIAS:
            return Families.AUTOMATIC
        addresses = service.cluster_vips.get(mesh.settings.cluster_id, ())
        given = tuple(dict.fromkeys("IPv6" if ":" in each else "IPv4" for each in addresses)) or ("IPv4",)
    return _FAMILIES.get(given, Families.DUAL)
