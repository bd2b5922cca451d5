"""ServiceEntries of every resolution."""

import pytest

from pilot.model.service_entry import ServiceEntry
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ('{hosts: ["*"]}', "spec.hosts[0]"),
        ("{hosts: [a.b], addresses: [1.1.1.0/33]}", "spec.addresses[0]"),
        ("{hosts: [a.b], addresses: [1.1.1.0/24], resolution: DNS}", "spec.addresses[0]"),
        ("{hosts: [a.b], ports: [{number: 80, name: a_b, protocol: HTTP}]}", "spec.ports[0].name"),
        ("{hosts: [a.b], ports: [{number: 80, name: a, protocol: X}]}", "spec.ports[0].protocol"),
        ('{hosts: ["*.a.b"], resolution: DNS}', "spec.hosts[0]"),
        (
            (
                "{hosts: [a.b], ports: [{number: 80, name: h, protocol: HTTP}], resolution: DNS, "
                "endpoints: [{address: c, ports: {x: 1}}]}"
            ),
            "spec.endpoints[0].ports.x",
        ),
        (
            (
                "{hosts: [a.b], ports: [{number: 80, name: h, protocol: HTTP}], resolution: DNS, "
                'endpoints: [{address: "unix:///s"}]}'
            ),
            "spec.endpoints[0].address",
        ),
        ('{hosts: [a.b], resolution: STATIC, endpoints: [{address: "unix:///s"}]}', "spec.endpoints[0].address"),
        (
            (
                "{hosts: [a.b], ports: [{number: 80, name: h, protocol: HTTP}], resolution: STATIC, "
                'endpoints: [{address: "unix:///s", ports: {h: 1}}]}'
            ),
            "spec.endpoints[0].ports",
        ),
        (
            "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 1.1.1.1}], workloadSelector: {labels: {a: b}}}",
            "spec.workloadSelector",
        ),
        ("{hosts: [a.b, c.d], ports: [{number: 1, name: t, protocol: TCP}], resolution: STATIC}", "spec.hosts"),
        ("{hosts: [a.b], resolution: DYNAMIC_DNS}", "spec.hosts[0]"),
        ('{hosts: ["*.a.b"], resolution: DYNAMIC_DNS, location: MESH_INTERNAL}', "spec.location"),
        (
            '{hosts: ["*.a.b"], resolution: DYNAMIC_DNS, ports: [{number: 1, name: t, protocol: TCP}]}',
            "spec.ports[0].protocol",
        ),
        ('{hosts: [a.b], exportTo: ["~", "."]}', "spec.exportTo"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(ServiceEntry, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ('{hosts: ["*a.b"]}', "spec.hosts[0]"),
        ("{hosts: [a.b], workloadSelector: {labels: {a: b}}}", "spec.workloadSelector"),
        ("{hosts: [a.b], ports: [{number: 1, name: t}]}", "spec.ports[0]"),
        (
            "{hosts: [a.b, c.d], addresses: [1.1.1.1], resolution: DNS, ports: [{number: 1, name: t, protocol: TLS}]}",
            "spec.hosts",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(ServiceEntry, spec) == []
    assert warned(ServiceEntry, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        '{hosts: [a.b], exportTo: ["~"]}',
        "{hosts: [a.b, c.d], addresses: [1.1.1.1], ports: [{number: 1, name: t, protocol: TCP}]}",
        "{hosts: [a.b], ports: [{number: 1, name: t, protocol: TCP}], resolution: STATIC}",
        '{hosts: ["*.a.b"], ports: [{number: 80, name: h, protocol: HTTP}], resolution: DYNAMIC_DNS}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(ServiceEntry, spec) == []
    assert warned(ServiceEntry, spec) == []
