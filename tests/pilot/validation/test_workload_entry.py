"""Workloads outside Kubernetes, and patterns for them."""

import pytest

from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_group import WorkloadGroup
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{}", "spec.address"),
        ("{address: a_b.c}", "spec.address"),
        ('{address: "unix:///s", ports: {a: 1}}', "spec.ports"),
        ("{address: a, ports: {a_b: 1}}", "spec.ports.a_b"),
        ('{address: a, labels: {"": b}}', 'spec.labels[""]'),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(WorkloadEntry, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{network: n}", "spec.address"),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(WorkloadEntry, spec) == []
    assert warned(WorkloadEntry, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        '{address: "unix:///s"}',
        "{address: vm.example}",
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(WorkloadEntry, spec) == []
    assert warned(WorkloadEntry, spec) == []


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{}", "spec.template"),
        ("{template: {ports: {a: 0}}}", "spec.template.ports.a"),
        ("{metadata: {labels: {a: '!'}}, template: {}}", "spec.metadata.labels.a"),
        ("{template: {}, probe: {}}", "spec.probe"),
        ("{template: {}, probe: {grpc: {port: 1}}}", "spec.probe"),
        ("{template: {}, probe: {tcpSocket: {}}}", "spec.probe.tcpSocket.port"),
        ("{template: {}, probe: {exec: {}}}", "spec.probe.exec.command"),
        ("{template: {}, probe: {httpGet: {port: 1, scheme: ftp}}}", "spec.probe.httpGet.scheme"),
        ("{template: {}, probe: {httpGet: {port: 1, httpHeaders: [{}]}}}", "spec.probe.httpGet.httpHeaders[0].name"),
        ("{template: {}, probe: {tcpSocket: {port: 1}, periodSeconds: -1}}", "spec.probe.periodSeconds"),
    ],
)
def test_what_is_wrong_with_a_group_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(WorkloadGroup, spec) == [field]
