"""VirtualService: hosts, gateways, TLS and TCP routes.

In: a decoded object. Out: findings; HTTP routes are read in `http_route.py`, rules that are never reached are found in
`unreachable.py`. Source: CA behaviour 5.4 (VirtualService).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.virtual_service import TCPRoute, TLSRoute, VirtualService
from pilot.validation import forms, http_route, unreachable
from pilot.validation.destination import destinations
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable_if
from pilot.validation.syntax import (
    address_family,
    domain_fault,
    host_fault,
    label_fault,
    port_fault,
    subnet_fault,
)

MESH: Final = "mesh"
_SNI_HOST: Final = re.compile(r"outbound_\.\d+_\.[^.]*_\.(.+)")
"""As an AUTO_PASSTHROUGH gateway sees the hosts of services."""


def virtual_service(checked: VirtualService) -> Findings:
    """Everything that is wrong with a VirtualService."""
    spec = checked.spec
    in_mesh = not spec.gateways or MESH in spec.gateways
    at_gateway = any(each != MESH for each in spec.gateways)
    yield from forms.gateway_names(spec.gateways, ("spec", "gateways"))
    if not spec.hosts:
        for name, given in (("gateways", spec.gateways), ("tls", spec.tls), ("tcp", spec.tcp)):
            if given:
                yield Finding(("spec", name), "expected nothing: without hosts it is a delegate, of HTTP only")
    else:
        yield from _hosts(spec.hosts, in_mesh, at_gateway)
    if not (spec.http or spec.tls or spec.tcp):
        yield Finding(("spec",), "expected http, tls or tcp routes, got none")
    for index, http in enumerate(spec.http):
        yield from http_route.http_route(http, ("spec", "http", index), not spec.hosts, in_mesh)
    for index, tls in enumerate(spec.tls):
        yield from _tls_route(tls, ("spec", "tls", index), spec.hosts)
    for index, tcp in enumerate(spec.tcp):
        yield from _tcp_route(tcp, ("spec", "tcp", index))
    yield from forms.export_to(spec.export_to, checked.namespace, ("spec", "exportTo"))
    yield from unreachable.http(spec.http, ("spec", "http"))
    yield from unreachable.streams(spec.tls, ("spec", "tls"))
    yield from unreachable.streams(spec.tcp, ("spec", "tcp"))


def _hosts(hosts: Sequence[str], in_mesh: bool, at_gateway: bool) -> Findings:
    right = True
    for index, host in enumerate(hosts):
        path: Path = ("spec", "hosts", index)
        wrong = host_fault(host) if host else "expected a host, got nothing"
        yield from unservable_if(path, wrong)
        strict = None if wrong or address_family(host) else domain_fault(_without_sni_form(host, at_gateway), True)
        yield from refused_if(path, strict)
        if host == "*" and in_mesh:
            yield Finding(path, 'expected hosts with a name where the mesh gateway is meant, got "*"')
        right = right and not wrong and not strict
    if right:
        for index, host in enumerate(hosts):
            for other in hosts[:index]:
                if overlap(other, host):
                    message = f"expected hosts apart from each other, got {other} and {host}"
                    yield Finding(("spec", "hosts", index), message)


def _without_sni_form(host: str, at_gateway: bool) -> str:
    found = _SNI_HOST.fullmatch(host) if at_gateway else None
    return found[1] if found else host


def overlap(one: str, other: str) -> bool:
    """Whether some name is meant by both."""
    return is_part(one, other) or is_part(other, one)


def is_part(host: str, whole: str) -> bool:
    """Whether every name that is meant by `host` is meant by `whole`."""
    if not whole.startswith("*"):
        return host.lower() == whole.lower()
    return host.removeprefix("*").lower().endswith(whole[1:].lower()) if len(whole) > 1 else True


# --- TLS and TCP routes ---------------------------------------------------------------------------------------------


def _tls_route(route: TLSRoute, path: Path, hosts: Sequence[str]) -> Findings:
    if not route.match:
        yield Finding((*path, "match"), "expected a condition with SNI hosts, got none")
    for index, match in enumerate(route.match):
        place: Path = (*path, "match", index)
        if not match.sni_hosts:
            yield Finding((*place, "sniHosts"), "expected an SNI host, got none")
        for position, sni in enumerate(match.sni_hosts):
            yield from _sni(sni, (*place, "sniHosts", position), hosts)
        yield from _condition(match.destination_subnets, match.port, match.source_labels, place)
        yield from forms.gateway_names(match.gateways, (*place, "gateways"))
        yield from _source_namespace(match.source_namespace, place)
    yield from destinations(route.route, (*path, "route"))


def _sni(sni: str, path: Path, hosts: Sequence[str]) -> Findings:
    if address_family(sni):
        yield note(path, f"using an IP address ({sni}) goes against the SNI specification: clients send names only")
        return
    yield from refused_if(path, domain_fault(sni, wildcard=True))
    if not any(is_part(sni, host) for host in hosts):
        yield Finding(path, f"expected a part of the hosts ({', '.join(hosts)[:200]}), got {describe(sni)}")


def _tcp_route(route: TCPRoute, path: Path) -> Findings:
    for index, match in enumerate(route.match):
        place: Path = (*path, "match", index)
        yield from _condition(match.destination_subnets, match.port, match.source_labels, place)
        if match.source_subnet:
            yield from refused_if((*place, "sourceSubnet"), subnet_fault(match.source_subnet))
        yield from forms.gateway_names(match.gateways, (*place, "gateways"))
        yield from _source_namespace(match.source_namespace, place)
    yield from destinations(route.route, (*path, "route"))


def _condition(subnets: Sequence[str], port: int, labels: Mapping[str, str], path: Path) -> Findings:
    for index, subnet in enumerate(subnets):
        yield from refused_if((*path, "destinationSubnets", index), subnet_fault(subnet))
    yield from refused_if((*path, "port"), port_fault(port, 0))
    yield from forms.labels(labels, (*path, "sourceLabels"))


def _source_namespace(name: str, path: Path) -> Findings:
    yield from refused_if((*path, "sourceNamespace"), label_fault(name) if name else None)
