"""Certificates that are not there, or past their time."""

from datetime import UTC, datetime

from pilot.generators import credential_problems
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import mesh_of
from tests.pilot.model.pems import pair, secret, tls_secret

GATEWAY = """
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: main, namespace: app}}
spec:
  selector: {{istio: gate}}
  servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: ["*"], tls: {{mode: {mode}, {tls}}}}}]
"""
POD = """
---
kind: Pod
metadata: {name: gate, namespace: gws, labels: {istio: gate}}
status: {phase: Running, podIP: 10.0.0.1}
"""


def found(*texts: str) -> list[str]:
    """Problems of a mesh, as text."""
    mesh = mesh_of("".join(texts))
    return list(map(str, credential_problems.find(mesh.gateways, mesh.credentials, mesh.workloads)))


def gateway(mode: str = "SIMPLE", tls: str = "credentialName: cert") -> str:
    """A Gateway with one server."""
    return GATEWAY.format(mode=mode, tls=tls)


def test_a_secret_is_looked_for_where_the_workload_is() -> None:
    (problem,) = found(gateway(), POD, tls_secret("app", "cert"))
    assert (
        problem
        == "Gateway app/main: spec.servers[0].tls: expected Secret gws/cert, which is not there: handshakes fail"
    )
    assert found(gateway(), POD, tls_secret("gws", "cert")) == []


def test_without_workloads_nothing_is_missing() -> None:
    assert found(gateway()) == []


def test_a_gateway_for_every_workload_means_its_own_namespace() -> None:
    everyone = gateway().replace("selector: {istio: gate}", "selector: {}")
    assert "app/cert" in found(everyone)[0]


def test_who_asks_for_certificates_needs_roots() -> None:
    own, roots = tls_secret("gws", "cert"), secret("gws", "cert-cacert", cacert=pair("a")[0])
    assert found(gateway("MUTUAL"), POD, own) == [], "the same Secret may hold them"
    assert found(gateway("MUTUAL"), POD, own, roots) == []
    named = gateway("OPTIONAL_MUTUAL", "credentialName: cert, caCertCredentialName: 'configmap://x/roots'")
    assert "ConfigMap x/roots" in found(named, POD, own)[0]
    assert found(named, POD, own, "\n---\n{kind: ConfigMap, metadata: {name: roots, namespace: x}}") == []


def test_names_with_a_scheme() -> None:
    assert "Secret x/y" in found(gateway(tls="credentialName: 'kubernetes-gateway://x/y'"), POD)[0]
    assert "Secret gws/y" in found(gateway(tls="credentialName: 'kubernetes://y'"), POD)[0]
    assert "Secret x/y" in found(gateway(tls="credentialNames: ['kubernetes://x/y']"), POD)[0]
    assert found(gateway(tls="credentialName: 'builtin://'"), POD) == []
    assert found(gateway("ISTIO_MUTUAL"), POD) == []
    assert found(gateway(tls="serverCertificate: /a, privateKey: /b"), POD) == []


def expired(mesh: Snapshot, day: int) -> list[str]:
    """Expired certificates on a day of January, as text."""
    return list(map(str, credential_problems.expired(mesh.credentials, datetime(2024, 1, day, tzinfo=UTC))))


def test_a_certificate_expires() -> None:
    mesh = mesh_of(tls_secret("gws", "cert") + secret("gws", "bad", tls_crt="?", tls_key="?"))
    assert expired(mesh, 1) == []
    assert expired(mesh, 2) == [
        "Secret gws/cert: expected a certificate that is valid, got one that expired at 2024-01-02T00:00:00Z"
    ]
