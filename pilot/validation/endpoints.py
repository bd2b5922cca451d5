"""What controllers write (endpoints, pods), and Services: checked as far as it would cost other objects.

In: a decoded object. Out: of endpoints and pods the object without its bad parts and faults; of a Service findings.
Nothing here is asked by an API server: it checks its own kinds itself.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from pilot.model.decoding import Fault, Path
from pilot.model.kubernetes import EndpointAddress, Endpoints, EndpointSlice, KubernetesService, Pod, SlicePort
from pilot.model.objects import Object
from pilot.validation.finding import Findings, unservable_if
from pilot.validation.syntax import address_family, ip_fault, port_fault


def without_bad_parts(checked: Object) -> tuple[Object, list[Fault]] | None:
    """The object as it can be served, and what was left out; None for kinds that people write."""
    match checked:
        case EndpointSlice():
            return _endpoint_slice(checked)
        case Endpoints():
            return _endpoints(checked)
        case Pod():
            return _pod(checked)
    return None


def kubernetes_service(checked: KubernetesService) -> Findings:
    """Ports and addresses of a Service."""
    spec = checked.spec
    for index, port in enumerate(spec.ports):
        yield from unservable_if(("spec", "ports", index, "port"), port_fault(port.port))
        if isinstance(port.target_port, int):
            yield from unservable_if(("spec", "ports", index, "targetPort"), port_fault(port.target_port, 0))
    if spec.cluster_ip not in ("", "None"):
        yield from unservable_if(("spec", "clusterIP"), ip_fault(spec.cluster_ip))
    for index, address in enumerate(spec.cluster_ips):
        if address != "None":
            yield from unservable_if(("spec", "clusterIPs", index), ip_fault(address))


def _one(path: Path, message: str | None) -> Iterator[Fault]:
    if message is not None:
        yield Fault(path, message)


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
