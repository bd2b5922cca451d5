"""ServiceEntry: services that Kubernetes does not know.

In: a decoded object. Out: findings. Source: CA behaviour 5.4 (ServiceEntry).
"""

from typing import Final

from pilot.model import address_allocation
from pilot.model.decoding import Path, describe
from pilot.model.protocol import parse_protocol
from pilot.model.service_entry import ServiceEntry, ServiceEntryLocation, ServiceEntryResolution, ServiceEntrySpec
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable, unservable_if
from pilot.validation.gateway import protocol_fault
from pilot.validation.syntax import (
    cidr_fault,
    domain_fault,
    host_fault,
    is_partial_wildcard,
    label_fault,
    port_fault,
    subnet_fault,
)
from pilot.validation.workload_entry import UNIX, workload

_NAMES: Final = (ServiceEntryResolution.DNS, ServiceEntryResolution.DNS_ROUND_ROBIN)


def service_entry(checked: ServiceEntry) -> Findings:
    """Everything that is wrong with a ServiceEntry."""
    spec = checked.spec
    yield from _hosts(spec)
    yield from _addresses(spec)
    yield from _ports(spec)
    yield from _endpoints(spec)
    if spec.resolution is ServiceEntryResolution.DYNAMIC_DNS:
        yield from _dynamic(spec)
    if spec.workload_selector is not None:
        yield from forms.selector(spec.workload_selector.labels, ("spec", "workloadSelector", "labels"))
        if spec.endpoints:
            yield Finding(("spec", "workloadSelector"), "expected workloadSelector or endpoints, got both")
        if spec.resolution is ServiceEntryResolution.NONE:
            yield note(("spec", "workloadSelector"), "workloadSelector should not be set when resolution mode is NONE")
    yield from _told_apart(checked)
    yield from forms.export_to(spec.export_to, checked.namespace, ("spec", "exportTo"), is_service_entry=True)


def _hosts(spec: ServiceEntrySpec) -> Findings:
    if not spec.hosts:
        yield unservable(("spec", "hosts"), "expected a host, got nothing")
    for index, host in enumerate(spec.hosts):
        path: Path = ("spec", "hosts", index)
        if host == "*":
            yield Finding(path, 'expected a host or *.domain, got "*"')
            continue
        wrong = host_fault(host) if host else "expected a host, got nothing"
        yield from unservable_if(path, wrong)
        if wrong is None:
            yield from refused_if(path, domain_fault(host, wildcard=True))
            if is_partial_wildcard(host):
                yield note(path, f"partial wildcard {host}: proxies match it as a whole label only")


def _addresses(spec: ServiceEntrySpec) -> Findings:
    with_ranges = spec.resolution in (ServiceEntryResolution.NONE, ServiceEntryResolution.STATIC)
    for index, address in enumerate(spec.addresses):
        path: Path = ("spec", "addresses", index)
        wrong = cidr_fault(address)
        yield from unservable_if(path, wrong)
        if wrong is None:
            yield from refused_if(path, subnet_fault(address))
            if "/" in address and not with_ranges:
                yield Finding(path, f"expected plain IP addresses with resolution {spec.resolution}, got {address}")


def _ports(spec: ServiceEntrySpec) -> Findings:
    names: set[str] = set()
    numbers: set[int] = set()
    for index, port in enumerate(spec.ports):
        path: Path = ("spec", "ports", index)
        yield from unservable_if((*path, "number"), port_fault(port.number))
        yield from unservable_if((*path, "targetPort"), port_fault(port.target_port, 0))
        yield from refused_if((*path, "name"), label_fault(port.name))
        yield from refused_if((*path, "protocol"), protocol_fault(port.protocol))
        if port.name in names:
            yield Finding((*path, "name"), f"expected every name once, got {describe(port.name)} again")
        if port.number in numbers:
            yield Finding((*path, "number"), f"expected every port once, got {port.number} again")
        names.add(port.name)
        numbers.add(port.number)


def _endpoints(spec: ServiceEntrySpec) -> Findings:
    by_name = spec.resolution in _NAMES
    if spec.resolution is ServiceEntryResolution.NONE and spec.endpoints:
        yield Finding(("spec", "endpoints"), "expected none with resolution NONE: calls go where they are addressed to")
    if spec.resolution is ServiceEntryResolution.DNS_ROUND_ROBIN and len(spec.endpoints) > 1:
        message = f"expected one endpoint at most with resolution DNS_ROUND_ROBIN, got {len(spec.endpoints)}"
        yield unservable(("spec", "endpoints"), message)
    if by_name and not spec.endpoints:
        for index, host in enumerate(spec.hosts):
            if host and not host_fault(host):
                yield from refused_if(("spec", "hosts", index), _unresolvable(host, spec.resolution))
    static = spec.resolution is ServiceEntryResolution.STATIC
    known = {port.name for port in spec.ports}
    for index, endpoint in enumerate(spec.endpoints):
        path: Path = ("spec", "endpoints", index)
        yield from workload(endpoint, path, only_ip=static, no_socket=by_name)
        for name in endpoint.ports:
            if name not in known:
                message = f"expected the name of a port of the service, got {describe(name)}"
                yield Finding((*path, "ports", name), message)
        if static and endpoint.address.startswith(UNIX) and len(spec.ports) != 1:
            yield Finding((*path, "address"), f"expected one port of the service with a socket, got {len(spec.ports)}")


def _unresolvable(host: str, resolution: ServiceEntryResolution) -> str | None:
    wrong = domain_fault(host)
    return None if wrong is None else f"{wrong}: with resolution {resolution} and without endpoints it is looked up"


def _dynamic(spec: ServiceEntrySpec) -> Findings:
    mode = ServiceEntryResolution.DYNAMIC_DNS
    for index, host in enumerate(spec.hosts):
        if not host.startswith("*"):
            yield Finding(("spec", "hosts", index), f"expected *.domain with resolution {mode}, got {describe(host)}")
    for name, given in (
        ("addresses", spec.addresses),
        ("endpoints", spec.endpoints),
        ("workloadSelector", spec.workload_selector is not None),
    ):
        if given:
            yield Finding(("spec", name), f"expected nothing with resolution {mode}")
    for index, port in enumerate(spec.ports):
        protocol = parse_protocol(port.protocol)
        if not (protocol.is_http or protocol.is_tls):
            path: Path = ("spec", "ports", index, "protocol")
            yield Finding(path, f"expected HTTP or TLS with resolution {mode}, got {describe(port.protocol)}")
    if spec.location is not ServiceEntryLocation.MESH_EXTERNAL:
        yield Finding(("spec", "location"), f"expected MESH_EXTERNAL with resolution {mode}, got {spec.location}")


def _told_apart(checked: ServiceEntry) -> Findings:
    """Plain TCP says no host: only addresses tell services apart."""
    spec = checked.spec
    protocols = [parse_protocol(port.protocol) for port in spec.ports]
    if len(spec.hosts) > 1 and spec.resolution is not ServiceEntryResolution.NONE:
        if not all(each.is_http or each.is_tls for each in protocols):
            yield Finding(("spec", "hosts"), "expected one host with a port that is neither HTTP nor TLS, got several")
        if spec.addresses and spec.resolution in _NAMES and any(each.is_tcp or each.is_tls for each in protocols):
            yield note(("spec", "hosts"), "several hosts share the addresses of TCP ports: they cannot be told apart")
    if spec.addresses or address_allocation.is_eligible(checked):
        return
    for index, port in enumerate(spec.ports):
        if port.protocol in ("", "TCP"):
            words = "protocol when IP Autoallocation is not enabled"
            message = f"addresses are required for ports serving TCP (or unset) {words}"
            yield note(("spec", "ports", index), message)
