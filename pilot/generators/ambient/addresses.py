"""Workload discovery: workloads and services as resources, everything or by name.

In: an `AmbientView`, keys. Out: a `ResourceSet` of istio.workload.Address (or of Workload, which has no services). Of
the next state of the mesh only what changed is encoded. Source: xDS behaviour 8.1-8.4.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from google.protobuf.wrappers_pb2 import UInt32Value

from istio_api import workload_pb2 as pb
from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.ambient.address import Balancing, Families, MeshService, MeshWorkload, Tunnel
from pilot.model.ambient.index import AmbientIndex, differences
from pilot.model.locality import split_locality
from pilot.model.service import PortProtocol
from pilot.model.waypoint import NETWORK_GATEWAY, TunnelAddress
from pilot.resources import EMPTY, Origin, Resource, ResourceSet, resource, resource_set, revise
from pilot.type_urls import ADDRESS, WORKLOAD
from pilot.view.ambient import AmbientView

_PIECE = 64
"""Resources that are made in one piece of the work. Arbitrary: a millisecond or two."""
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
    return finish(steps(view, names))


def steps(view: AmbientView, names: frozenset[str] | None) -> Work[ResourceSet]:
    """The same, in pieces."""
    everything = yield from _addresses.steps(view.index)
    if names is None:
        return everything
    chosen, made = (yield from _chosen(view, names)), []
    for number, name in enumerate(chosen, 1):
        made.append(_with_aliases(everything[name], view.index.keys_of(name)))
        if number % _PIECE == 0:
            yield
    return resource_set(made)


def build_workloads(view: AmbientView, names: frozenset[str] | None) -> ResourceSet:
    """The same as istio.workload.Workload, without services."""
    return finish(workload_steps(view, names))


def workload_steps(view: AmbientView, names: frozenset[str] | None) -> Work[ResourceSet]:
    """The same, in pieces."""
    everything = yield from _workloads.steps(view.index)
    if names is None:
        return everything
    chosen = yield from _chosen(view, names)
    return resource_set(everything[name] for name in chosen if name in everything)


def _chosen(view: AmbientView, names: frozenset[str]) -> Work[list[str]]:
    chosen = set(view.index.on_node.get(view.node, ()))
    for number, name in enumerate(names, 1):
        chosen |= view.index.find(name)
        if number % _PIECE == 0:
            yield
    return sorted(chosen)


@latest(size=65_536)
def _with_aliases(found: Resource, keys: tuple[str, ...]) -> Resource:
    return replace(found, aliases=keys)


_Told = tuple[Mapping[str, MeshService | MeshWorkload], ...]
_Encode = Callable[[MeshService | MeshWorkload], Resource | None]


class _Kept:
    """The last index that was told, as resources: what is still the same value in the next one stays as it is."""

    def __init__(self, encode: _Encode) -> None:
        self._encode = encode
        self._last: tuple[_Told, ResourceSet] = (({}, {}), EMPTY)

    def steps(self, index: AmbientIndex) -> Work[ResourceSet]:
        """All that an index tells. Several may be at work at once: each goes on from what was whole when it began."""
        told, made = self._last
        now: _Told = (index.services, index.workloads)
        edits: dict[str, Resource | None] = {}
        for before, after in zip(told, now, strict=True):
            for number, name in enumerate(differences(before, after), 1):
                edits[name] = self._encode(after[name]) if name in after else None
                if number % _PIECE == 0:
                    yield
        made = revise(made, edits) if edits else made
        self._last = (now, made)
        return made


def _encode_address(told: MeshService | MeshWorkload) -> Resource:
    if isinstance(told, MeshService):
        return resource(ADDRESS, told.key, pb.Address(service=_service_message(told)), (told.origin,))
    return resource(ADDRESS, told.uid, pb.Address(workload=_workload_message(told)), _origins(told))


def _encode_workload(told: MeshService | MeshWorkload) -> Resource | None:
    if isinstance(told, MeshService):
        return None
    return resource(WORKLOAD, told.uid, _workload_message(told), _origins(told))


_ADDRESSES = _Kept(_encode_address)
_WORKLOADS = _Kept(_encode_workload)


@sliced(memoized(size=2))
def _addresses(index: AmbientIndex) -> Work[ResourceSet]:
    return (yield from _ADDRESSES.steps(index))


@sliced(memoized(size=2))
def _workloads(index: AmbientIndex) -> Work[ResourceSet]:
    return (yield from _WORKLOADS.steps(index))


def _origins(told: MeshWorkload) -> Iterator[Origin]:
    """The object that declares a workload, as its uid says."""
    parts = told.uid.split("/")
    if len(parts) >= 5 and parts[0] != NETWORK_GATEWAY:
        yield Origin(parts[2], parts[3], parts[4])


def _service_message(told: MeshService) -> Any:
    return pb.Service(
        name=told.name,
        namespace=told.namespace,
        hostname=told.hostname,
        addresses=[_network_address(network, each) for network, each in told.places],
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
