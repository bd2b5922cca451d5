"""Servers of Gateways, and their TLS."""

import pytest

from pilot.model.gateway import Gateway
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{}", "spec.servers"),
        ("{servers: [{port: {number: 80, name: p, protocol: HTTP}}]}", "spec.servers[0].hosts"),
        ("{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [short]}]}", "spec.servers[0].hosts[0]"),
        ('{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: ["*x.y"]}]}', "spec.servers[0].hosts[0]"),
        ('{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: ["~/a.b"]}]}', "spec.servers[0].hosts[0]"),
        ("{servers: [{port: {number: 80, name: p, protocol: WS}, hosts: [a.b]}]}", "spec.servers[0].port.protocol"),
        ("{servers: [{port: {number: 80, protocol: HTTP}, hosts: [a.b]}]}", "spec.servers[0].port.name"),
        (
            "{servers: [{port: {number: 80, name: p, protocol: HTTP, targetPort: 1}, hosts: [a.b]}]}",
            "spec.servers[0].port.targetPort",
        ),
        (
            '{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b], bind: "unix:///s"}]}',
            "spec.servers[0].port.number",
        ),
        (
            "{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b], bind: here}]}",
            "spec.servers[0].bind",
        ),
        (
            (
                "{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b]}, {port: {number: "
                "81, name: p, protocol: HTTP}, hosts: [a.b]}]}"
            ),
            "spec.servers[1].port.name",
        ),
        ("{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b]}]}", "spec.servers[0].tls"),
        (
            "{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b], tls: {mode: ISTIO_MUTUAL}}]}",
            "spec.servers[0].tls",
        ),
        ("{servers: [{port: {number: 443, name: p, protocol: TCP}, hosts: [a.b], tls: {}}]}", "spec.servers[0].tls"),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, privateKey: /k}}]}"
            ),
            "spec.servers[0].tls.serverCertificate",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, credentialName: a, credentialNames: [b]}}]}"
            ),
            "spec.servers[0].tls",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, serverCertificate: /s, privateKey: /p, caCrl: /c}}]}"
            ),
            "spec.servers[0].tls.caCrl",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "MUTUAL, serverCertificate: /c, privateKey: /k}}]}"
            ),
            "spec.servers[0].tls.caCertificates",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, tlsCertificates: [{privateKey: /k}]}}]}"
            ),
            "spec.servers[0].tls.tlsCertificates[0].serverCertificate",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(Gateway, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, credentialName: a, minProtocolVersion: TLSV1_0}}]}"
            ),
            "spec.servers[0].tls.minProtocolVersion",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "PASSTHROUGH, credentialName: a}}]}"
            ),
            "spec.servers[0].tls",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, tlsCertificates: [{serverCertificate: a, privateKey: a}, {serverCertificate: b, "
                "privateKey: b}, {serverCertificate: c, privateKey: c}]}}]}"
            ),
            "spec.servers[0].tls",
        ),
        (
            (
                "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: "
                "SIMPLE, credentialName: a, httpsRedirect: true}}]}"
            ),
            "spec.servers[0].tls.httpsRedirect",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(Gateway, spec) == []
    assert warned(Gateway, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        "{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b], tls: {httpsRedirect: true}}]}",
        "{servers: [{port: {number: 443, name: p, protocol: HTTPS}, hosts: [a.b], tls: {mode: ISTIO_MUTUAL}}]}",
        '{servers: [{port: {name: p, protocol: HTTP}, hosts: ["*"], bind: "unix:///s"}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(Gateway, spec) == []
    assert warned(Gateway, spec) == []


def test_its_name_is_one_label() -> None:
    spec = "{servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [a.b]}]}"
    assert refused(Gateway, spec, "name: a.b") == ["metadata.name"]


@pytest.mark.parametrize(
    "tls",
    [
        "{mode: SIMPLE, credentialNames: [a, b, c]}",
        "{mode: MUTUAL, credentialName: a, caCrl: /c}",
        "{mode: SIMPLE, credentialName: a, serverCertificate: /c}",
    ],
)
def test_a_credential_has_all_that_is_needed(tls: str) -> None:
    spec = f"{{servers: [{{port: {{number: 443, name: p, protocol: HTTPS}}, hosts: [a.b], tls: {tls}}}]}}"
    assert (refused(Gateway, spec), warned(Gateway, spec)) == ([], [])


def test_a_redirect_may_name_a_credential_that_it_does_not_use() -> None:
    tls = "{httpsRedirect: true, credentialName: a}"
    spec = f"{{servers: [{{port: {{number: 80, name: p, protocol: HTTP}}, hosts: [a.b], tls: {tls}}}]}}"
    assert (refused(Gateway, spec), warned(Gateway, spec)) == ([], ["spec.servers[0].tls"])


def test_ciphers_that_nobody_knows_are_told_once() -> None:
    tls = "{mode: SIMPLE, credentialName: a, minProtocolVersion: TLSV1_0, cipherSuites: [X, X]}"
    spec = f"{{servers: [{{port: {{number: 443, name: p, protocol: HTTPS}}, hosts: [a.b], tls: {tls}}}]}}"
    assert (refused(Gateway, spec), warned(Gateway, spec)) == ([], ["spec.servers[0].tls.cipherSuites"])


def test_the_port_of_a_server_has_a_protocol() -> None:
    spec = "{servers: [{port: {number: 80, name: p}, hosts: [a.b]}]}"
    assert refused(Gateway, spec) == ["spec.servers[0].port.protocol"]
