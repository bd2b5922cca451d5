"""Real Envoys accept what Gateways become, however many Gateways and routes meet, and whatever people write in them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilot.generators import listeners
from tests import recordings
from tests.live.stock_envoy import node_of
from tests.live.test_stock_listeners import assert_accepted
from tests.pilot.generators import worlds

pytestmark = pytest.mark.timeout(180)

SETTINGS = {"PILOT_ENABLE_ALPHA_GATEWAY_API": "true", "PILOT_ENABLE_QUIC_LISTENERS": "true"}
MANY = Path(__file__).with_name("gateways.yaml")
"""Listeners with hostnames that overlap, routes of every kind with every filter, parents in the mesh."""

TLS = [
    "{mode: MUTUAL, credentialName: c, verifyCertificateSpki: [bad]}",
    "{mode: MUTUAL, credentialName: c, verifyCertificateHash: [bad]}",
    "{mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}",
    "{mode: SIMPLE, credentialName: c, maxProtocolVersion: TLSV1_0}",
    "{mode: SIMPLE, credentialNames: [a, b], subjectAltNames: [x]}",
    "{mode: OPTIONAL_MUTUAL, credentialName: c, subjectAltNames: [x]}",
    "{mode: OPTIONAL_MUTUAL, credentialName: c, caCertCredentialName: 'configmap://x/y'}",
    "{mode: MUTUAL, serverCertificate: /a, privateKey: /b, caCertificates: /c, caCrl: /no-file}",
    "{mode: SIMPLE, tlsCertificates: [{serverCertificate: /a, privateKey: /b}, {serverCertificate: /c}]}",
    "{mode: ISTIO_MUTUAL, subjectAltNames: [a]}",
    "{mode: SIMPLE, credentialName: 'builtin://'}",
    "{mode: MUTUAL, credentialName: 'builtin://'}",
    "{mode: SIMPLE, credentialName: 'sds://x'}",
    "{mode: SIMPLE, credentialName: c, cipherSuites: [nope, AES128-SHA]}",
]
HOSTS = [
    '["*"]', '["*.com", "a.com"]', '["a*b.com"]', '["*a.com"]', '["A.COM", "a.com"]',
    '["ns/a.com", "*/b.com", "./c.com"]',
    '["~/*"]', '["1.2.3.4"]', '["xn--a.com"]', '["*.*"]',
]  # fmt: skip
PROTOCOLS = ["HTTP2", "GRPC", "GRPC-WEB", "TCP", "MONGO", "MYSQL", "REDIS", "HTTPS", "TLS", "UDP", "HBONE"]
BINDS = ["1.2.3.4", "'::1'", "nonsense", "'unix:///tmp/x'", "1.2.3.4.5", "0.0.0.0", "10.0.0.0/8"]
ROUTES = """
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: all, namespace: default}}
spec:
  hosts: ["*"]
  gateways: {gateways}
  http: [{{route: [{{destination: {{host: reviews}}}}]}}]
  tcp: [{{route: [{{destination: {{host: reviews}}}}]}}]
  tls: [{{match: [{{sniHosts: [a.com, "*.com", "*"]}}], route: [{{destination: {{host: reviews}}}}]}}]
"""


def server(number: int, protocol: str, more: str) -> str:
    """One server, as text."""
    return f"{{port: {{number: {number}, name: p, protocol: {protocol}}}, {more}}}"


def servers() -> Iterator[str]:
    """Each odd value in its place, alone."""
    plain = 'hosts: ["a.com"]'
    for number, tls in enumerate(TLS):
        yield server(10_000 + number, "HTTPS", f"{plain}, tls: {tls}")
        yield server(11_000 + number, "TLS", f"{plain}, tls: {tls}")
    for number, hosts in enumerate(HOSTS):
        yield server(12_000 + number, "HTTPS", f"hosts: {hosts}, tls: {{mode: SIMPLE, credentialName: c}}")
        yield server(13_000 + number, "TLS", f"hosts: {hosts}, tls: {{mode: PASSTHROUGH}}")
        yield server(14_000 + number, "HTTP", f"hosts: {hosts}")
    yield from (server(15_000 + number, protocol, plain) for number, protocol in enumerate(PROTOCOLS))
    yield from (server(16_000 + number, "HTTP", f"{plain}, bind: {bind}") for number, bind in enumerate(BINDS))


def declared(name: str, servers: str) -> str:
    """A Gateway of Istio, as text."""
    metadata = f"{{name: {name}, namespace: default}}"
    spec = f"{{selector: {{istio: ingressgateway}}, servers: [{servers}]}}"
    return f"\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {metadata}\nspec: {spec}\n"


def test_everything_that_routes_and_listeners_can_say(any_envoy: Path) -> None:
    snapshot = recordings.snapshot_of(MANY.read_text(), "", SETTINGS)
    extensions = node_of(any_envoy).extensions
    gateway = {**worlds.gateway("gws"), "id": "router~10.1.1.1~gw-0.gws~gws.svc.cluster.local"}
    seen = recordings.view_of(snapshot, gateway, extensions)
    assert {"0.0.0.0_8080", "0.0.0.0_9001", "0.0.0.0_18444"} <= set(listeners.build(seen))
    assert_accepted(any_envoy, seen, "gateway")
    for namespace in ("app", "app2", "elsewhere"):
        assert_accepted(any_envoy, recordings.view_of(snapshot, worlds.sidecar(namespace), extensions), namespace)


def test_odd_servers(any_envoy: Path) -> None:
    gateways = {f"gw-{number}": text for number, text in enumerate(servers())}
    text = "".join(declared(name, text) for name, text in gateways.items())
    routes = ROUTES.format(gateways=json.dumps(list(gateways)))
    snapshot = recordings.snapshot_of(f"{worlds.REVIEWS}{text}{routes}", "", SETTINGS)
    seen = recordings.view_of(snapshot, worlds.gateway("default"), node_of(any_envoy).extensions)
    assert len(listeners.build(seen)) > len(gateways) / 2
    assert_accepted(any_envoy, seen, "odd servers")
