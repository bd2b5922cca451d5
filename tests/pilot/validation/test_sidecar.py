"""What Sidecars open and may reach."""

import pytest

from pilot.model.sidecar import Sidecar
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{}", "spec"),
        ("{ingress: [{defaultEndpoint: 127.0.0.1:1}]}", "spec.ingress[0].port"),
        ('{ingress: [{port: {number: 1, protocol: TCP, name: x}, bind: "unix:///s"}]}', "spec.ingress[0].bind"),
        ("{ingress: [{port: {number: 1, protocol: TCP, targetPort: 2}}]}", "spec.ingress[0].port.targetPort"),
        (
            "{ingress: [{port: {number: 1, protocol: TCP}, defaultEndpoint: 10.0.0.1:1}]}",
            "spec.ingress[0].defaultEndpoint",
        ),
        (
            "{ingress: [{port: {number: 1, protocol: TCP}}, {port: {number: 1, protocol: HTTP}}]}",
            "spec.ingress[1].port.number",
        ),
        (
            (
                "{ingress: [{port: {number: 1, protocol: HTTP}, tls: {mode: SIMPLE, serverCertificate: /c, "
                "privateKey: /k}}]}"
            ),
            "spec.ingress[0].tls",
        ),
        ("{ingress: [{port: {number: 1, protocol: TLS}, tls: {mode: ISTIO_MUTUAL}}]}", "spec.ingress[0].tls.mode"),
        (
            "{ingress: [{port: {number: 1, protocol: TLS}, tls: {mode: SIMPLE, credentialName: c}}]}",
            "spec.ingress[0].tls.credentialName",
        ),
        ("{egress: [{}]}", "spec.egress[0].hosts"),
        ("{ingress: [{port: {number: 1, protocol: TCP, name: a_b}}]}", "spec.ingress[0].port.name"),
        ("{egress: [{hosts: [./*]}, {port: {number: 1}, hosts: [./*]}]}", "spec.egress[0].port"),
        ("{egress: [{port: {}, hosts: [./*]}]}", "spec.egress[0].port.number"),
        (
            "{egress: [{port: {number: 1}, hosts: [./*]}, {port: {number: 1}, hosts: [./*]}]}",
            "spec.egress[1].port.number",
        ),
        ('{egress: [{port: {number: 1}, bind: "unix:///s", hosts: [./*]}]}', "spec.egress[0].port.number"),
        ("{egress: [{hosts: [./short]}]}", "spec.egress[0].hosts[0]"),
        (
            "{outboundTrafficPolicy: {egressProxy: {host: a, port: {number: 1}}}}",
            "spec.outboundTrafficPolicy.egressProxy",
        ),
        (
            "{outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a}}}",
            "spec.outboundTrafficPolicy.egressProxy.port",
        ),
        ("{inboundConnectionPool: {}}", "spec.inboundConnectionPool"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(Sidecar, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{egress: [{hosts: [./a.b, ./a.b]}]}", "spec.egress[0].hosts[1]"),
        ('{egress: [{hosts: ["./*", ns/a.b]}]}', "spec.egress[0].hosts[1]"),
        ('{egress: [{hosts: [other/a.b, "other/*"]}]}', "spec.egress[0].hosts[1]"),
        ('{egress: [{hosts: ["*/a.b", "*/*"]}]}', "spec.egress[0].hosts[1]"),
        ('{egress: [{hosts: ["*/*", ./a.b]}]}', "spec.egress[0].hosts"),
        (
            "{ingress: [{port: {number: 1, protocol: TCP}, connectionPool: {http: {}}}]}",
            "spec.ingress[0].connectionPool.http",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(Sidecar, spec) == []
    assert warned(Sidecar, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        '{egress: [{port: {number: 1}, hosts: ["~/*"]}, {hosts: ["ns/*.a"]}]}',
        '{ingress: [{port: {number: 1, protocol: TCP}, defaultEndpoint: "[::1]:1"}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(Sidecar, spec) == []
    assert warned(Sidecar, spec) == []
