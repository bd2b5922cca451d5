"""TLS of listeners: modes, certificates, roots."""

from pilot.model.gateway import Gateway, ServerTLSMode, ServerTLSSettings
from tests.pilot.gatewayapi.worlds import gateway, problems, world
from tests.pilot.model.pems import pair, secret, tls_secret

REFS = "certificateRefs: [{name: cert}]"
CERT = tls_secret("gws", "cert")


def settings(tls: str, *documents: str, protocol: str = "HTTPS", spec: str = "", metadata: str = "") -> object:
    """What becomes of a listener on 15443: settings, or what is wrong."""
    listeners = f"[{{name: a, port: 15443, protocol: {protocol}{', tls: ' + tls if tls else ''}}}]"
    found = world(gateway(listeners, spec, metadata), *documents)
    for each in found.conversions.gateway_api.values():
        if isinstance(each, Gateway):
            return each.spec.servers[0].tls
    (problem,) = problems(found)
    return problem.partition("]: ")[2].removesuffix(": the listener is not served")


def test_plain_listeners_have_none() -> None:
    assert settings("", protocol="HTTP") is None
    assert settings("", protocol="HTTPS") == "expected tls, got none"


def test_one_or_two_certificates() -> None:
    assert settings(f"{{{REFS}}}", CERT) == ServerTLSSettings(
        mode=ServerTLSMode.SIMPLE, credential_name="kubernetes-gateway://gws/cert"
    )
    two = "{certificateRefs: [{name: cert}, {name: second}], options: {gateway.istio.io/tls-cipher-suites: 'A, B'}}"
    assert settings(two, CERT, tls_secret("gws", "second")) == ServerTLSSettings(
        mode=ServerTLSMode.SIMPLE,
        credential_names=("kubernetes-gateway://gws/cert", "kubernetes-gateway://gws/second"),
        cipher_suites=("A", "B"),
    )


def test_a_certificate_that_cannot_be_used_is_left_out_while_another_is_left() -> None:
    found = settings("{certificateRefs: [{name: missing}, {name: cert}]}", CERT)
    assert isinstance(found, ServerTLSSettings)
    assert found.credential_name == "kubernetes-gateway://gws/cert"


def test_why_a_listener_has_no_certificate() -> None:
    assert settings("{}") == "expected 1 or 2 certificateRefs, got 0"
    assert settings(f"{{{REFS}}}") == "expected Secret gws/cert, which is not there"
    foreign = "{certificateRefs: [{name: cert, namespace: app}]}"
    assert settings(foreign, tls_secret("app", "cert")) == "expected a ReferenceGrant for Secret app/cert, got none"
    other = "{certificateRefs: [{kind: Bucket, name: b}]}"
    assert settings(other) == "expected a certificateRef to a Secret, got core Bucket"
    bad = secret("gws", "cert", tls_crt=pair("a")[0], tls_key=pair("b")[1])
    assert settings(f"{{{REFS}}}", bad) == "Secret gws/cert: expected the key of the certificate, got another one"


def test_options_say_how_tls_ends() -> None:
    def mode(name: str) -> ServerTLSMode:
        tls = f"{{{REFS}, options: {{gateway.istio.io/tls-terminate-mode: {name}}}}}"
        found = settings(tls, CERT)
        assert isinstance(found, ServerTLSSettings)
        return found.mode

    assert mode("MUTUAL") is ServerTLSMode.MUTUAL
    assert mode("OPTIONAL_MUTUAL") is ServerTLSMode.OPTIONAL_MUTUAL
    assert mode("ISTIO_MUTUAL") is ServerTLSMode.ISTIO_MUTUAL
    assert mode("ISTIO_SIMPLE") is ServerTLSMode.SIMPLE


def test_tls_is_passed_on_by_routes_or_by_clusters() -> None:
    passes = "{mode: Passthrough}"
    assert settings(passes, protocol="TLS") == ServerTLSSettings(mode=ServerTLSMode.PASSTHROUGH)
    automatic = ServerTLSSettings(mode=ServerTLSMode.AUTO_PASSTHROUGH)
    network = "labels: {topology.istio.io/network: n}"
    assert settings(passes, protocol="TLS", metadata=network) == automatic
    option = "{mode: Passthrough, options: {gateway.istio.io/listener-protocol: auto-passthrough}}"
    assert settings(option, protocol="TLS") == automatic


def test_clients_are_checked_by_roots_of_one_object() -> None:
    def front(refs: str, where: str = "default: {validation: {caCertificateRefs: REFS}}") -> object:
        return settings(f"{{{REFS}}}", CERT, spec=f"tls: {{frontend: {{{where.replace('REFS', refs)}}}}}")

    found = front("[{kind: ConfigMap, name: ca}]")
    assert isinstance(found, ServerTLSSettings)
    assert (found.mode, found.ca_cert_credential_name) == (ServerTLSMode.MUTUAL, "configmap://gws/ca-cacert")
    by_port = "perPort: [{port: 15443, tls: {validation: {caCertificateRefs: REFS}}}]"
    found = front("[{kind: Secret, name: ca}]", by_port)
    assert isinstance(found, ServerTLSSettings)
    assert found.ca_cert_credential_name == "kubernetes-gateway://gws/ca-cacert"
    assert front("[{kind: Bucket, name: ca}]") == "expected a caCertificateRef to a ConfigMap or Secret, got Bucket"
    foreign = "[{kind: ConfigMap, name: ca, namespace: app}]"
    assert front(foreign) == "expected a ReferenceGrant for ConfigMap app/ca, got none"
