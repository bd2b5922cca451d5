"""WorkloadEntry and WorkloadGroup: workloads outside Kubernetes, one, or as a pattern for many.

In: a decoded object, or an endpoint of a ServiceEntry. Out: findings. Source: CA behaviour 5.4.
"""

from collections.abc import Mapping

from pilot.model.decoding import Path, describe
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.model.workload_group import ExecHealthCheck, HTTPHealthCheck, ReadinessProbe, TCPHealthCheck, WorkloadGroup
from pilot.validation import forms
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable_if
from pilot.validation.syntax import (
    address_family,
    domain_fault,
    endpoint_fault,
    header_fault,
    ip_fault,
    label_fault,
    port_fault,
)

UNIX = "unix://"


def workload_entry(checked: WorkloadEntry) -> Findings:
    """Everything that is wrong with a WorkloadEntry."""
    return workload(checked.spec, ("spec",))


def workload(spec: WorkloadEntrySpec, path: Path, *, only_ip: bool = False, no_socket: bool = False) -> Findings:
    """One workload. `only_ip`: its name would not be resolved; `no_socket`: a socket has no name to be resolved."""
    is_socket = spec.address.startswith(UNIX)
    if spec.address or not spec.network:
        wrong = ip_fault(spec.address) if only_ip and not is_socket else endpoint_fault(spec.address)
        yield from unservable_if((*path, "address"), wrong)
        if wrong is None and not is_socket and not address_family(spec.address):
            yield from refused_if((*path, "address"), domain_fault(spec.address))
        if wrong is None and is_socket and no_socket:
            yield Finding((*path, "address"), f"expected an IP address or a DNS name, got {describe(spec.address)}")
    else:
        yield note((*path, "address"), f'address is unset with network "{spec.network}"')
    if is_socket and spec.ports:
        yield Finding((*path, "ports"), "expected none beside a socket")
    yield from _ports(spec.ports, (*path, "ports"))
    yield from forms.labels(spec.labels, (*path, "labels"))


def _ports(ports: Mapping[str, int], path: Path) -> Findings:
    for name, number in ports.items():
        yield from unservable_if((*path, name), port_fault(number))
        yield from refused_if((*path, name), label_fault(name))


def workload_group(checked: WorkloadGroup) -> Findings:
    """Everything that is wrong with a WorkloadGroup."""
    spec = checked.spec
    if spec.metadata is not None:
        yield from forms.labels(spec.metadata.labels, ("spec", "metadata", "labels"))
    if spec.template is None:
        yield Finding(("spec", "template"), "expected a template, got nothing")
    else:
        yield from _ports(spec.template.ports, ("spec", "template", "ports"))
        yield from forms.labels(spec.template.labels, ("spec", "template", "labels"))
    if spec.probe is not None:
        yield from readiness_probe(spec.probe, ("spec", "probe"))


def readiness_probe(probe: ReadinessProbe, path: Path) -> Findings:
    """Everything that is wrong with a probe at `path`."""
    numbers = {
        "initialDelaySeconds": probe.initial_delay_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "periodSeconds": probe.period_seconds,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }
    for name, number in numbers.items():
        if number < 0:
            yield Finding((*path, name), f"expected a number of 0 or more, got {number}")
    match probe.http_get or probe.tcp_socket or probe.exec:
        case HTTPHealthCheck() as http:
            yield from _http_get(http, (*path, "httpGet"))
        case TCPHealthCheck() as tcp:
            yield from refused_if((*path, "tcpSocket", "port"), port_fault(tcp.port))
        case ExecHealthCheck() as command:
            if not command.command:
                yield Finding((*path, "exec", "command"), "expected a command, got nothing")
        case None:
            yield Finding(path, "expected httpGet, tcpSocket or exec, got none of them")


def _http_get(check: HTTPHealthCheck, path: Path) -> Findings:
    yield from refused_if((*path, "port"), port_fault(check.port))
    if check.scheme not in ("", "HTTP", "HTTPS"):
        yield Finding((*path, "scheme"), f"expected HTTP or HTTPS, got {describe(check.scheme)}")
    for index, header in enumerate(check.http_headers):
        yield from refused_if((*path, "httpHeaders", index, "name"), header_fault(header.name))
