"""Workload discovery: workloads and services as resources, everything or by name.

In: an `AmbientView`, keys. Out: a `ResourceSet` of istio.workload.Address (or of Workload, which has no services). Of
the next state of the mesh only what changed is encoded. Source: xDS behaviour 8.1-8.4.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, TypeVar

from google.protobuf.wrappers_pb2 import UInt32Value

from istio_api import workload_pb2 as pb
from pilot.memo import latest, memoized
from pilot.model.ambient.address import Balancing, Families, MeshService, MeshWorkload, Tunnel
from pilot.model.draft import Draft
from pilot.model.locality import split_locality
from pilot.model.service import PortProtocol
from pilot.model.waypoint import TunnelAddress
from pilot.resources import Origin, Resource, ResourceSet, resource, resource_set
from pilot.type_urls import ADDRESS, WORKLOAD
from pilot.view.ambient import AmbientView

V = TypeVar("V")
_PROTOCOLS = {
    PortProtocol.HTTP: pb.HTTP11, PortProtocol.HTTP2: pb.HTTP2, PortProtocol.GRPC: pb.GRPC,
}  # fmt: skip
_FAMILIES = {Families.IPV4: pb.IPV4_ONLY, Families.IPV6: pb.IPV6_ONLY, Families.DUAL: pb.DUAL}
_NEAR = (pb.LoadBalancing.NETWORK, pb.LoadBalancing.REGION, pb.LoadBalancing.ZONE)
_BALANCING = {
    Balancing.SAME_NODE_ONLY: (pb.LoadBalancing.STRICT, (pb.LoadBalancing.NODE,)),
    Balancing.NEAR_ZONE: (pb.LoadBalancing.FAILOVER, _NEAR),
    Balancing.NEAR_NODE: (
        pb.LoadBalancing.FAILOVER, (*_NEAR, pb.LoadBalancing.SUBZONE, pb.LoadBalancing.NODE),
    ),
    Balancing.PASSTHROUGH: (pb.LoadBalancing.PASSTHROUGH, ()),
}  # fmt: skip


def build(view: AmbientView, names: frozenset[str] | None) -> ResourceSet:
    """Addresses: all of them for None, else what `names` mean and the workloads of the client's node.

    What is asked for by name comes with the other names it has.
    """
    services, workloads = _services(view.index.services), _workloads(view.index.workloads)
    if names is None:
        return _everything(services, workloads)
    chosen = set(view.index.on_node.get(view.node, ()))
    for name in names:
        chosen |= view.index.find(name)
    found = (_named(name, view, services, workloads) for name in sorted(chosen))
    return resource_set(found)


def build_workloads(view: AmbientView, names: frozenset[str] | None) -> ResourceSet:
    """The same as istio.workload.Workload, without services."""
    known = view.index.workloads
    if names is None:
        return _all_bare(known)
    chosen = set(view.index.on_node.get(view.node, ()))
    for name in names:
        chosen |= view.index.find(name)
    return resource_set(_bare(known[name]) for name in sorted(chosen) if name in known)


def _named(
    name: str, view: AmbientView, services: Mapping[str, Resource], workloads: Mapping[str, Resource]
) -> Resource:
    found = services.get(name)
    if found is not None:
        return _with_aliases(found, view.index.services[name].keys)
    return _with_aliases(workloads[name], view.index.workloads[name].keys)


@latest(size=65_536)
def _with_aliases(found: Resource, keys: tuple[str, ...]) -> Resource:
    return replace(found, aliases=keys)


@memoized(size=2)
def _everything(services: Mapping[str, Resource], workloads: Mapping[str, Resource]) -> ResourceSet:
    return resource_set((*workloads.values(), *services.values()))


@memoized(size=2)
def _all_bare(workloads: Mapping[str, MeshWorkload]) -> ResourceSet:
    return resource_set(map(_bare, workloads.values()))


@latest(size=65_536)
def _bare(told: MeshWorkload) -> Resource:
    return resource(WORKLOAD, told.uid, _workload_message(told))


class _Encoded:
    """Values by key as resources: what is still the same value is still the same resource."""

    def __init__(self, encode: Callable[[Any], Resource]) -> None:
        self._encode = encode
        self._values: Mapping[str, Any] = {}
        self._resources: Mapping[str, Resource] = {}

    def __call__(self, values: Mapping[str, Any]) -> Mapping[str, Resource]:
        known = self._values
        if values is known:
            return self._resources
        draft = Draft(self._resources)
        for key, value in values.items():
            if known.get(key) is not value:
                draft.put(key, self._encode(value))
        for key in known:
            if key not in values:
                draft.remove(key)
        self._values, self._resources = values, draft.finish()
        return self._resources


def _encode_service(told: MeshService) -> Resource:
    return resource(ADDRESS, told.key, pb.Address(service=_service_message(told)), (told.origin,))


def _encode_workload(told: MeshWorkload) -> Resource:
    return resource(ADDRESS, told.uid, pb.Address(workload=_workload_message(told)), _origins(told))


_services = _Encoded(_encode_service)
_workloads = _Encoded(_encode_workload)


def _origins(told: MeshWorkload) -> Iterator[Origin]:
    """The object that declares a workload, as its uid says."""
    parts = told.uid.split("/")
    if len(parts) >= 5:
        yield Origin(parts[2], parts[3], parts[4])


def _service_message(told: MeshService) -> Any:
    return pb.Service(
        name=told.name,
        namespace=told.namespace,
        hostname=told.hostname,
        addresses=[_network_address(told.network, each) for each in told.addresses],
        ports=[
            pb.Port(service_port=number, target_port=target, app_protocol=_PROTOCOLS.get(protocol, pb.UNKNOWN))
            for number, target, protocol in told.ports
        ],
        subject_alt_names=told.subject_alt_names,
        waypoint=_gateway_address(told.waypoint),
        load_balancing=_load_balancing(told),
        ip_families=_FAMILIES.get(told.families, pb.AUTOMATIC),
        canonical=told.canonical,
    )


def _load_balancing(told: MeshService) -> Any:
    if told.balancing is Balancing.ANY and not told.with_unhealthy:
        return None
    mode, preference = _BALANCING.get(told.balancing, (pb.LoadBalancing.UNSPECIFIED_MODE, ()))
    health = pb.LoadBalancing.ALLOW_ALL if told.with_unhealthy else pb.LoadBalancing.ONLY_HEALTHY
    return pb.LoadBalancing(mode=mode, routing_preference=preference, health_policy=health)


def _workload_message(told: MeshWorkload) -> Any:
    region, zone, subzone = split_locality(told.locality)
    return pb.Workload(
        uid=told.uid,
        name=told.name,
        namespace=told.namespace,
        addresses=[ip_address(each).packed for each in told.addresses],
        hostname=told.hostname,
        network=told.network,
        cluster_id=told.cluster_id,
        node=told.node,
        service_account=told.account,
        trust_domain=told.trust_domain,
        tunnel_protocol=pb.NONE if told.tunnel is Tunnel.NONE else pb.HBONE,
        native_tunnel=told.tunnel is Tunnel.NATIVE_HBONE,
        waypoint=_gateway_address(told.waypoint),
        network_gateway=_gateway_address(told.network_gateway),
        application_tunnel=_application_tunnel(told),
        workload_type=pb.POD if told.workload_name else pb.DEPLOYMENT,
        workload_name=told.workload_name,
        canonical_name=told.canonical_name,
        canonical_revision=told.canonical_revision,
        services={
            name: pb.PortList(ports=[pb.Port(service_port=number, target_port=target) for number, target in ports])
            for name, ports in told.services.items()
        },
        authorization_policies=told.policies,
        status=pb.HEALTHY if told.healthy else pb.UNHEALTHY,
        locality=pb.Locality(region=region, zone=zone, subzone=subzone) if told.locality else None,
        network_mode=pb.HOST_NETWORK if told.host_network else pb.STANDARD,
        capacity=UInt32Value(value=told.capacity) if told.capacity else None,
    )


def _application_tunnel(told: MeshWorkload) -> Any:
    tunnel = told.application_tunnel
    if tunnel is None:
        return None
    protocol = pb.ApplicationTunnel.PROXY if tunnel.protocol == "PROXY" else pb.ApplicationTunnel.NONE
    return pb.ApplicationTunnel(protocol=protocol, port=tunnel.port)


def _gateway_address(address: TunnelAddress | None) -> Any:
    if address is None:
        return None
    if address.hostname:
        name = pb.NamespacedHostname(namespace=address.namespace, hostname=address.hostname)
        return pb.GatewayAddress(hostname=name, hbone_mtls_port=address.port)
    return pb.GatewayAddress(address=_network_address(address.network, address.ip), hbone_mtls_port=address.port)


def _network_address(network: str, address: str) -> Any:
    return pb.NetworkAddress(network=network, address=ip_address(address).packed)
