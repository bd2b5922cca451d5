"""The ways into networks: where proxies of one network send traffic for workloads of another.

In: MeshNetworks and services with a network label, addresses of host names. Out: `NetworkGateways`. Where Envoy looks
names up it gets them as they are, everywhere else what was found for them. Does not know proxies. Source: xDS behaviour
2.6, 6.5.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import lcm

from pilot.memo import memoized
from pilot.model.host_addresses import NO_ADDRESSES, Addresses
from pilot.model.interning import Interner
from pilot.model.locality import NETWORK
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.mesh_settings import is_ip
from pilot.model.service import Service
from pilot.model.waypoint import HBONE_PORT, HboneGateway

PORT_LABEL = "networking.istio.io/gatewayPort"
DEFAULT_PORT = 15443


@dataclass(frozen=True, slots=True, order=True)
class NetworkGateway:
    """One way into a network. They are sorted by address, then port."""

    address: str
    port: int
    network: str
    cluster_id: str = ""
    """Empty where it is not known whose it is."""
    hbone: bool = False
    """It takes tunnels inside of tunnels; else mutual TLS, by its SNI."""


@dataclass(frozen=True, slots=True)
class NetworkGateways:
    """All ways into all networks."""

    by_network: Mapping[str, tuple[NetworkGateway, ...]] = field(default_factory=dict)
    by_cluster: Mapping[tuple[str, str], tuple[NetworkGateway, ...]] = field(default_factory=dict)
    """By network and cluster."""
    scale: int = 1
    """What weights are multiplied by, so that they can be divided among gateways without a rest."""
    named: "NetworkGateways | None" = None
    """The same before host names were looked up, where there are any."""

    def into(self, network: str, cluster_id: str) -> tuple[NetworkGateway, ...]:
        """Ways to a workload of a network and cluster; those of its own cluster if there are any."""
        return self.by_cluster.get((network, cluster_id)) or self.by_network.get(network, ())

    def for_names(self) -> "NetworkGateways":
        """For who resolves host names itself."""
        return self.named or self

    def __bool__(self) -> bool:
        return bool(self.by_network)


NO_GATEWAYS = NetworkGateways()
_KNOWN: Interner[NetworkGateways] = Interner(64)


@memoized(size=16)
def build(
    services: tuple[Service, ...],
    networks: MeshNetworks,
    discovered: tuple[NetworkGateway, ...] = (),
    addresses: Addresses = NO_ADDRESSES,
) -> NetworkGateways:
    """The gateways of a mesh with these services, and those of other APIs; the same object for the same gateways."""
    return _known([each for each in _all(services, networks, discovered) if not each.hbone], addresses)


@memoized(size=16)
def build_tunnels(
    services: tuple[Service, ...],
    networks: MeshNetworks,
    discovered: tuple[NetworkGateway, ...],
    tunnels: tuple[HboneGateway, ...],
    addresses: Addresses = NO_ADDRESSES,
) -> NetworkGateways:
    """The same for proxies that open tunnels inside of tunnels: into a network that has such gateways only by those."""
    found = sorted({*_all(services, networks, discovered), *map(_of_tunnel, tunnels)})
    tunnelled = {way.network for each in found if each.hbone for way in _resolved(each, addresses)}
    return _known([each for each in found if each.hbone or each.network not in tunnelled], addresses)


@memoized(size=16)
def host_names(
    services: tuple[Service, ...],
    networks: MeshNetworks,
    discovered: tuple[NetworkGateway, ...] = (),
    tunnels: tuple[HboneGateway, ...] = (),
) -> frozenset[str]:
    """Names of gateways that have to be looked up."""
    found = (*_all(services, networks, discovered), *map(_of_tunnel, tunnels))
    return frozenset(each.address for each in found if not is_ip(each.address))


@memoized(size=16)
def _all(
    services: tuple[Service, ...], networks: MeshNetworks, discovered: tuple[NetworkGateway, ...]
) -> tuple[NetworkGateway, ...]:
    return tuple(sorted({*_declared(services, networks), *labelled(services), *discovered}))


def _of_tunnel(declared: HboneGateway) -> NetworkGateway:
    address = declared.address
    return NetworkGateway(address.ip or address.hostname, address.port, declared.network, hbone=True)


def _known(found: list[NetworkGateway], addresses: Addresses) -> NetworkGateways:
    if not found:
        return NO_GATEWAYS
    resolved = sorted({way for each in found for way in _resolved(each, addresses)})
    if resolved == found:
        return _KNOWN.same(tuple(found), _index(found))
    return _KNOWN.same((tuple(found), tuple(resolved)), replace(_index(resolved), named=_index(found)))


def _resolved(gateway: NetworkGateway, addresses: Addresses) -> Iterator[NetworkGateway]:
    if is_ip(gateway.address):
        yield gateway
    else:
        yield from (replace(gateway, address=each) for each in addresses.get(gateway.address, ()))


def _index(gateways: Iterable[NetworkGateway]) -> NetworkGateways:
    by_network: dict[str, tuple[NetworkGateway, ...]] = {}
    by_cluster: dict[tuple[str, str], tuple[NetworkGateway, ...]] = {}
    for each in gateways:
        by_network[each.network] = (*by_network.get(each.network, ()), each)
        key = (each.network, each.cluster_id)
        by_cluster[key] = (*by_cluster.get(key, ()), each)
    scale = lcm(*map(len, by_network.values()), *map(len, by_cluster.values()))
    return NetworkGateways(by_network, by_cluster, scale)


def _declared(services: Iterable[Service], networks: MeshNetworks) -> Iterator[NetworkGateway]:
    """Gateways of MeshNetworks: an address, or the service whose addresses are meant."""
    by_host: dict[str, Service] = {each.hostname: each for each in services} if networks.networks else {}
    for name, network in networks.networks.items():
        for gateway in network.gateways:
            if gateway.address:
                yield NetworkGateway(gateway.address, gateway.port, name)
                continue
            service = by_host.get(gateway.registry_service_name or "")
            if service is not None:
                yield from _of_service(service, gateway.port, name)


def labelled(services: Iterable[Service]) -> Iterator[NetworkGateway]:
    """Services that say which network they lead into."""
    for each in services:
        network = each.labels.get(NETWORK)
        if network:
            text = each.labels.get(PORT_LABEL, "")
            port = int(text) if text.isascii() and text.isdigit() else DEFAULT_PORT
            if each.port(port) is not None:
                yield from _of_service(each, port, network)
            if each.port(HBONE_PORT) is not None:
                yield from _of_service(each, HBONE_PORT, network, hbone=True)


def _of_service(service: Service, port: int, network: str, *, hbone: bool = False) -> Iterator[NetworkGateway]:
    """Where a service can be reached from outside; node ports are dialled instead of its own."""
    for cluster, addresses in service.external_addresses.items():
        outside = service.external_ports.get(cluster, {}).get(port, port)
        yield from (NetworkGateway(address, outside, network, cluster, hbone) for address in addresses)
