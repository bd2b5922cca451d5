"""ServiceEntries as services of the mesh, and the endpoints that they list themselves.

In: a decoded ServiceEntry and the addresses allocated to its hosts. Out: a `Service` for each host and address, and
endpoints. Workloads that an entry selects are added by `selected_endpoints.py`.
Source: xDS behaviour 2.9.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from pilot.model import locality
from pilot.model.address_allocation import Allocated
from pilot.model.endpoint import Endpoint
from pilot.model.kubernetes_service import parse_distribution
from pilot.model.mesh_settings import MeshSettings, is_ip
from pilot.model.protocol import parse_protocol
from pilot.model.service import (
    UNSPECIFIED_ADDRESS,
    Hostname,
    Namespace,
    Registry,
    Resolution,
    Service,
    ServicePort,
)
from pilot.model.service_entry import ServiceEntry, ServiceEntryLocation, ServiceEntryResolution
from pilot.model.workload_entry import WorkloadEntrySpec
from pilot.model.workloads import labels_of_entry, tls_mode_of_entry

UNIX = "unix://"
_RESOLUTIONS = {
    ServiceEntryResolution.NONE: Resolution.PASSTHROUGH,
    ServiceEntryResolution.STATIC: Resolution.CLIENT_SIDE,
    ServiceEntryResolution.DNS: Resolution.DNS,
    ServiceEntryResolution.DNS_ROUND_ROBIN: Resolution.DNS_ROUND_ROBIN,
    ServiceEntryResolution.DYNAMIC_DNS: Resolution.DYNAMIC_DNS,
}
RESOLVES_NAMES = frozenset({Resolution.DNS, Resolution.DNS_ROUND_ROBIN})


@dataclass(frozen=True, slots=True)
class _Place:
    """One host at one address."""

    host: str
    address: str


def services_of_entry(
    declared: ServiceEntry, allocated: Mapping[str, Allocated], settings: MeshSettings
) -> tuple[Service, ...]:
    """A service for each host and address, else for each host. `allocated` is by host."""
    spec = declared.spec
    shared = Service(
        hostname=Hostname(""),
        namespace=Namespace(declared.namespace),
        name="",
        ports=tuple(
            ServicePort(each.name, each.number, parse_protocol(each.protocol), each.target_port or None)
            for each in spec.ports
        ),
        resolution=_RESOLUTIONS[spec.resolution],
        registry=Registry.EXTERNAL,
        origin=declared.origin,
        created=declared.created,
        mesh_external=spec.location is ServiceEntryLocation.MESH_EXTERNAL,
        labels=declared.metadata.labels,
        selector=spec.workload_selector.labels if spec.workload_selector else {},
        export_to=frozenset(spec.export_to),
        service_accounts=tuple(sorted(set(spec.subject_alt_names))),
        traffic_distribution=parse_distribution("", declared.metadata.annotations),
        object_name=declared.name,
    )
    return tuple(_at(shared, place, allocated.get(place.host)) for place in _places(declared))


def endpoints_of_entry(declared: ServiceEntry, host: str, settings: MeshSettings) -> tuple[Endpoint, ...]:
    """The endpoints that an entry lists itself; without any, a DNS entry has its host as endpoint."""
    spec = declared.spec
    resolution = _RESOLUTIONS[spec.resolution]
    if spec.endpoints:
        return tuple(
            _endpoint(
                declared, each, port.name, _endpoint_port(each, port.name, port.target_port or port.number), settings
            )
            for each in spec.endpoints
            if resolution is not Resolution.CLIENT_SIDE or not each.address or is_reachable(each.address)
            for port in spec.ports
        )
    if resolution in RESOLVES_NAMES and spec.workload_selector is None:
        return tuple(
            Endpoint(
                addresses=(host,),
                port=port.target_port or port.number,
                port_name=port.name,
                cluster_id=settings.cluster_id,
                labels=labels_of_entry({}, "", "", settings),
                tls_mode="disabled",
            )
            for port in spec.ports
        )
    return ()


def is_reachable(address: str) -> bool:
    """Whether traffic can be sent there without resolving a name."""
    return address.startswith(UNIX) or is_ip(address)


def _endpoint_port(entry: WorkloadEntrySpec, port_name: str, default: int) -> int:
    return 0 if entry.address.startswith(UNIX) else entry.ports.get(port_name, default)


def _endpoint(
    declared: ServiceEntry, entry: WorkloadEntrySpec, port_name: str, port: int, settings: MeshSettings
) -> Endpoint:
    where = entry.locality or locality.locality_of_label(entry.labels)
    return Endpoint(
        addresses=(entry.address,) if entry.address else (),
        port=port,
        port_name=port_name,
        cluster_id=settings.cluster_id,
        service_account=settings.spiffe_id(declared.namespace, entry.service_account),
        labels=labels_of_entry(entry.labels, where, entry.network, settings),
        locality=where,
        network=entry.network,
        weight=entry.weight,
        tls_mode=tls_mode_of_entry(entry.labels, entry),
    )


def _places(declared: ServiceEntry) -> list[_Place]:
    addresses = [each for each in map(_plain_address, declared.spec.addresses) if each] or [UNSPECIFIED_ADDRESS]
    return [_Place(host, address) for host in declared.spec.hosts for address in addresses]


def _plain_address(text: str) -> str:
    """An address as listeners need it: a range of one address is that address; empty where it is malformed."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return str(network[0]) if network.num_addresses == 1 else text


def _at(shared: Service, place: _Place, allocated: Allocated | None) -> Service:
    return replace(
        shared,
        hostname=Hostname(place.host),
        name=place.host,
        address=place.address,
        auto_allocated_v4=allocated.v4 if allocated else "",
        auto_allocated_v6=allocated.v6 if allocated else "",
    )
