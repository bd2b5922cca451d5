"""Hosts, gateways, TLS and TCP routes."""

import pytest

from pilot.model.virtual_service import VirtualService
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{hosts: [a]}", "spec"),
        ("{gateways: [g], http: [{redirect: {uri: /}}]}", "spec.gateways"),
        ("{tcp: [{route: [{destination: {host: a}}]}]}", "spec.tcp"),
        ('{hosts: ["*"], http: [{route: [{destination: {host: a}}]}]}', "spec.hosts[0]"),
        ("{hosts: [a_b.c], http: [{route: [{destination: {host: a}}]}]}", "spec.hosts[0]"),
        ('{hosts: ["*.a.b", x.a.b], gateways: [g], http: [{route: [{destination: {host: a}}]}]}', "spec.hosts[1]"),
        ("{hosts: [a], gateways: [a/b/c], http: [{route: [{destination: {host: a}}]}]}", "spec.gateways[0]"),
        ("{hosts: [a], gateways: [a/], http: [{route: [{destination: {host: a}}]}]}", "spec.gateways[0]"),
        ('{hosts: [a], exportTo: ["~"], http: [{route: [{destination: {host: a}}]}]}', "spec.exportTo[0]"),
        ('{hosts: [a], exportTo: [ns, "."], http: [{route: [{destination: {host: a}}]}]}', "spec.exportTo[1]"),
        ("{hosts: [a], tls: [{route: [{destination: {host: a}}]}]}", "spec.tls[0].match"),
        (
            '{hosts: ["*.a.b"], tls: [{match: [{sniHosts: [c.b]}], route: [{destination: {host: a}}]}]}',
            "spec.tls[0].match[0].sniHosts[0]",
        ),
        (
            "{hosts: [a], tcp: [{match: [{sourceSubnet: x}], route: [{destination: {host: a}}]}]}",
            "spec.tcp[0].match[0].sourceSubnet",
        ),
        ("{hosts: [a], tcp: [{}]}", "spec.tcp[0].route"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            "{hosts: [a], gateways: [g.ns.svc.cluster.local], http: [{route: [{destination: {host: a}}]}]}",
            "spec.gateways[0]",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        (
            "{hosts: [outbound_.80_._.a.b.svc.cluster.local], gateways: [ns/g], http: [{route: "
            "[{destination: {host: a}}]}]}"
        ),
        '{hosts: ["*"], gateways: [ns/g], http: [{route: [{destination: {host: a}}]}]}',
        "{hosts: [10.0.0.1], http: [{route: [{destination: {host: a}}]}]}",
        '{hosts: ["*.a.b"], tls: [{match: [{sniHosts: ["*.x.a.b"], port: 443}], route: [{destination: {host: a}}]}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == []


def test_an_address_is_no_name_to_ask_for() -> None:
    spec = "{hosts: [a.b], tls: [{match: [{sniHosts: [10.0.0.1]}], route: [{destination: {host: a}}]}]}"
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == ["spec.tls[0].match[0].sniHosts[0]"]
