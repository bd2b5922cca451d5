"""What is wrong with a decoded object beyond its types, as far as it would cost other objects.

In: an object. Out: the object as it can be served (None: not at all) and faults. Objects that people write are refused
whole, their last good version stays; what controllers write (endpoints, pods) loses only the bad part.
Full validation as the admission webhook does it is not here.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from pilot.model.decoding import Fault, Path
from pilot.model.destination_rule import DestinationRule
from pilot.model.gateway import Gateway
from pilot.model.kubernetes import EndpointAddress, Endpoints, EndpointSlice, KubernetesService, Pod, SlicePort
from pilot.model.objects import Object
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.service_entry import ServiceEntry, ServiceEntryResolution
from pilot.model.sidecar import Sidecar
from pilot.model.traffic_policy import TrafficPolicy
from pilot.model.virtual_service import Destination, HTTPRoute, Percent, RouteDestination, VirtualService
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.sources.api_checks import api_faults
from pilot.sources.policy_checks import percentage, policy_faults
from pilot.sources.syntax import (
    address_family,
    cidr_fault,
    endpoint_fault,
    host_fault,
    ip_fault,
    name_fault,
    port_fault,
)


def check_object(checked: Object, namespaced: bool) -> tuple[Object | None, tuple[Fault, ...]]:
    """The object, without what cannot be served, and why."""
    faults = list(_names(checked, namespaced))
    kept, found = _servable(checked)
    return (None if faults else kept), (*faults, *found)


def _servable(checked: Object) -> tuple[Object | None, list[Fault]]:
    match checked:
        case EndpointSlice():
            return _endpoint_slice(checked)
        case Endpoints():
            return _endpoints(checked)
        case Pod():
            return _pod(checked)
    faults = list(_faults(checked))
    return (None if faults else checked), faults


def _names(checked: Object, namespaced: bool) -> Iterator[Fault]:
    if not checked.name:
        yield Fault(("metadata", "name"), "expected a name, got nothing")
        return
    yield from _one(("metadata", "name"), name_fault(checked.name))
    if namespaced:
        yield from _one(("metadata", "namespace"), name_fault(checked.namespace))


def _faults(checked: Object) -> Iterable[Fault]:
    match checked:
        case KubernetesService():
            return _kubernetes_service(checked)
        case VirtualService():
            return _virtual_service(checked)
        case DestinationRule():
            return _destination_rule(checked)
        case Gateway():
            return _gateway(checked)
        case ServiceEntry():
            return _service_entry(checked)
        case WorkloadEntry():
            return _workload(checked.spec, ("spec",))
        case Sidecar():
            return _sidecar(checked)
        case PeerAuthentication():
            return _peer_authentication(checked)
    return api_faults(checked)


def _one(path: Path, message: str | None) -> Iterator[Fault]:
    if message is not None:
        yield Fault(path, message)


# --- written by controllers: the bad part goes ----------------------------------------------------------------------

_FAMILIES = {"IPv4": 4, "IPv6": 6}


def _endpoint_slice(checked: EndpointSlice) -> tuple[EndpointSlice, list[Fault]]:
    faults: list[Fault] = []
    family = _FAMILIES.get(checked.address_type)
    endpoints = []
    for index, endpoint in enumerate(checked.endpoints):
        if family is None or all(address_family(address) == family for address in endpoint.addresses):
            endpoints.append(endpoint)
            continue
        for position, address in enumerate(endpoint.addresses):
            faults += _one(("endpoints", index, "addresses", position), ip_fault(address, family))
        good = tuple(address for address in endpoint.addresses if address_family(address) == family)
        if good:
            endpoints.append(replace(endpoint, addresses=good))
    ports: list[SlicePort] = []
    for index, port in enumerate(checked.ports):
        wrong = None if port.port is None else port_fault(port.port)
        faults += _one(("ports", index, "port"), wrong)
        ports += [port] if wrong is None else []
    if faults:
        checked = replace(checked, endpoints=tuple(endpoints), ports=tuple(ports))
    return checked, faults


def _endpoints(checked: Endpoints) -> tuple[Endpoints, list[Fault]]:
    faults: list[Fault] = []

    def good(addresses: tuple[EndpointAddress, ...], path: Path) -> tuple[EndpointAddress, ...]:
        for index, each in enumerate(addresses):
            faults.extend(_one((*path, index, "ip"), ip_fault(each.ip)))
        return tuple(each for each in addresses if address_family(each.ip))

    subsets = []
    for index, subset in enumerate(checked.subsets):
        path = ("subsets", index)
        ports = []
        for position, port in enumerate(subset.ports):
            wrong = port_fault(port.port)
            faults += _one((*path, "ports", position, "port"), wrong)
            ports += [port] if wrong is None else []
        subsets.append(
            replace(
                subset,
                addresses=good(subset.addresses, (*path, "addresses")),
                not_ready_addresses=good(subset.not_ready_addresses, (*path, "notReadyAddresses")),
                ports=tuple(ports),
            )
        )
    return (replace(checked, subsets=tuple(subsets)) if faults else checked), faults


def _pod(checked: Pod) -> tuple[Pod, list[Fault]]:
    status = checked.status
    faults = list(_one(("status", "podIP"), ip_fault(status.pod_ip))) if status.pod_ip else []
    for index, each in enumerate(status.pod_ips):
        faults += _one(("status", "podIPs", index, "ip"), ip_fault(each.ip))
    if faults:
        ip = status.pod_ip if address_family(status.pod_ip) else ""
        ips = tuple(each for each in status.pod_ips if address_family(each.ip))
        checked = replace(checked, status=replace(status, pod_ip=ip, pod_ips=ips))
    return checked, faults


# --- written by people: refused whole -------------------------------------------------------------------------------


def _kubernetes_service(checked: KubernetesService) -> Iterator[Fault]:
    spec = checked.spec
    for index, port in enumerate(spec.ports):
        yield from _one(("spec", "ports", index, "port"), port_fault(port.port))
        if isinstance(port.target_port, int):
            yield from _one(("spec", "ports", index, "targetPort"), port_fault(port.target_port, 0))
    if spec.cluster_ip not in ("", "None"):
        yield from _one(("spec", "clusterIP"), ip_fault(spec.cluster_ip))
    for index, address in enumerate(spec.cluster_ips):
        if address != "None":
            yield from _one(("spec", "clusterIPs", index), ip_fault(address))


def _destination(destination: Destination | None, path: Path) -> Iterator[Fault]:
    if destination is None:
        return
    yield from _required_host(destination.host, (*path, "host"))
    if destination.port is not None:
        yield from _one((*path, "port", "number"), port_fault(destination.port.number))


def _required_host(host: str, path: Path) -> Iterator[Fault]:
    yield from _one(path, host_fault(host) if host else "expected a host, got nothing")


def _hosts(hosts: Iterable[str], path: Path) -> Iterator[Fault]:
    for index, host in enumerate(hosts):
        yield from _required_host(host, (*path, index))


def _weight(weight: int, path: Path) -> Iterator[Fault]:
    if weight < 0:
        yield Fault((*path, "weight"), f"expected a weight of 0 or more, got {weight}")


def _virtual_service(checked: VirtualService) -> Iterator[Fault]:
    spec = checked.spec
    yield from _hosts(spec.hosts, ("spec", "hosts"))
    for index, http in enumerate(spec.http):
        path: Path = ("spec", "http", index)
        for position, request in enumerate(http.match):
            yield from _one((*path, "match", position, "port"), port_fault(request.port, 0))
        for position, weighted in enumerate(http.route):
            yield from _destination(weighted.destination, (*path, "route", position, "destination"))
            yield from _weight(weighted.weight, (*path, "route", position))
        yield from _destination(http.mirror, (*path, "mirror"))
        for position, mirror in enumerate(http.mirrors):
            yield from _destination(mirror.destination, (*path, "mirrors", position, "destination"))
        yield from _shares(http, path)
        if http.redirect is not None and http.redirect.port is not None:
            yield from _one((*path, "redirect", "port"), port_fault(http.redirect.port))
    for index, tcp in enumerate(spec.tcp):
        yield from _routes(tcp.route, ("spec", "tcp", index, "route"))
    for index, tls in enumerate(spec.tls):
        yield from _routes(tls.route, ("spec", "tls", index, "route"))


def _shares(route: HTTPRoute, path: Path) -> Iterator[Fault]:
    shares: list[tuple[Path, Percent | None]] = [(("mirrorPercentage",), route.mirror_percentage)]
    shares += [(("mirrors", index, "percentage"), each.percentage) for index, each in enumerate(route.mirrors)]
    if route.fault is not None:
        delay, abort = route.fault.delay, route.fault.abort
        shares.append((("fault", "delay", "percentage"), delay.percentage if delay is not None else None))
        shares.append((("fault", "abort", "percentage"), abort.percentage if abort is not None else None))
    for place, share in shares:
        if share is not None:
            yield from percentage(share.value, (*path, *place, "value"))


def _routes(routes: Iterable[RouteDestination], path: Path) -> Iterator[Fault]:
    for index, each in enumerate(routes):
        yield from _destination(each.destination, (*path, index, "destination"))
        yield from _weight(each.weight, (*path, index))


def _destination_rule(checked: DestinationRule) -> Iterator[Fault]:
    yield from _required_host(checked.spec.host, ("spec", "host"))
    yield from _traffic_policy(checked.spec.traffic_policy, ("spec", "trafficPolicy"))
    for index, subset in enumerate(checked.spec.subsets):
        path = ("spec", "subsets", index)
        if not subset.name:
            yield Fault((*path, "name"), "expected a name, got nothing")
        yield from _traffic_policy(subset.traffic_policy, (*path, "trafficPolicy"))


def _traffic_policy(policy: TrafficPolicy | None, path: Path) -> Iterator[Fault]:
    if policy is None:
        return
    yield from policy_faults(policy, path)
    for index, each in enumerate(policy.port_level_settings):
        number = each.port.number if each.port is not None else 0
        yield from _one((*path, "portLevelSettings", index, "port", "number"), port_fault(number))
    if policy.tunnel is not None:
        yield from _required_host(policy.tunnel.target_host, (*path, "tunnel", "targetHost"))
        yield from _one((*path, "tunnel", "targetPort"), port_fault(policy.tunnel.target_port))


def _gateway(checked: Gateway) -> Iterator[Fault]:
    for index, server in enumerate(checked.spec.servers):
        path = ("spec", "servers", index)
        yield from _one((*path, "port", "number"), port_fault(server.port.number))
        for position, host in enumerate(server.hosts):
            yield from _required_host(host.rpartition("/")[2], (*path, "hosts", position))


def _service_entry(checked: ServiceEntry) -> Iterator[Fault]:
    spec = checked.spec
    if not spec.hosts:
        yield Fault(("spec", "hosts"), "expected a host, got nothing")
    yield from _hosts(spec.hosts, ("spec", "hosts"))
    for index, address in enumerate(spec.addresses):
        yield from _one(("spec", "addresses", index), cidr_fault(address))
    for index, port in enumerate(spec.ports):
        yield from _one(("spec", "ports", index, "number"), port_fault(port.number))
        yield from _one(("spec", "ports", index, "targetPort"), port_fault(port.target_port, 0))
    if spec.resolution is ServiceEntryResolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        message = f"expected one endpoint at most with resolution DNS_ROUND_ROBIN, got {len(spec.endpoints)}"
        yield Fault(("spec", "endpoints"), message)
    static = spec.resolution is ServiceEntryResolution.STATIC
    for index, endpoint in enumerate(spec.endpoints):
        yield from _workload(endpoint, ("spec", "endpoints", index), static)


def _workload(spec: WorkloadEntrySpec, path: Path, static: bool = False) -> Iterator[Fault]:
    if spec.address or not spec.network:
        plain_name = static and not spec.address.startswith("unix://")
        wrong = ip_fault(spec.address) if plain_name else endpoint_fault(spec.address)
        yield from _one((*path, "address"), wrong)
    yield from _ports(spec.ports, (*path, "ports"))


def _ports(ports: Mapping[str, int], path: Path) -> Iterator[Fault]:
    for name, number in ports.items():
        yield from _one((*path, name), port_fault(number))


def _sidecar(checked: Sidecar) -> Iterator[Fault]:
    for index, ingress in enumerate(checked.spec.ingress):
        yield from _one(("spec", "ingress", index, "port", "number"), port_fault(ingress.port.number))
    for index, egress in enumerate(checked.spec.egress):
        path: Path = ("spec", "egress", index)
        if egress.port is not None:
            yield from _one((*path, "port", "number"), port_fault(egress.port.number, 0))
        for position, host in enumerate(egress.hosts):
            namespace, slash, name = host.partition("/")
            if not slash or not namespace or host_fault(name):
                message = f'expected namespace/host, such as "./*" or "default/a.example.com", got "{host[:80]}"'
                yield Fault((*path, "hosts", position), message)


def _peer_authentication(checked: PeerAuthentication) -> Iterator[Fault]:
    for port in checked.spec.port_level_mtls:
        if not port.isdecimal() or port_fault(int(port[:9])) is not None:
            yield Fault(("spec", "portLevelMtls", port), f'expected a port from 1 to 65535, got "{port[:80]}"')
