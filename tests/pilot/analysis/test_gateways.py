import base64
import json

from pilot.analysis.gateways import conflicts, pods, ports, secrets, shared_certificates
from tests.pilot.analysis.certificates import pair
from tests.pilot.analysis.worlds import FRUIT, POD, said


def gateway(name: str = "g", server: str = "", selector: str = "app: fruit", port: int = 80) -> str:
    inner = server or "hosts: [a.test]"
    listens = f"port: {{number: {port}, name: p, protocol: HTTP}}"
    return (
        f"{{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {{name: {name}, namespace: shop}},"
        f" spec: {{selector: {{{selector}}}, servers: [{{{listens}, {inner}}}]}}}}"
    )


def test_somebody_serves_a_gateway() -> None:
    assert said(pods, POD, gateway()) == []
    assert said(pods, gateway()) == [("IST0101", "Gateway shop/g")]


def test_its_ports_can_be_reached() -> None:
    assert said(ports, POD, FRUIT, gateway()) == []
    assert said(ports, POD, FRUIT, gateway(port=81)) == [("IST0162", "Gateway shop/g")]
    assert said(ports, POD, gateway()) == [("IST0162", "Gateway shop/g")]  # no service
    assert said(ports, gateway(port=81)) == []  # nobody listens: that is told elsewhere


def test_its_certificates_are_some() -> None:
    text = gateway(server="hosts: [a.test], tls: {mode: SIMPLE, credentialName: c}")
    assert said(secrets, POD, text) == [("IST0101", "Gateway shop/g")]
    certificate, key = pair()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c", "namespace": "shop"}}
    data = {name: base64.b64encode(each).decode() for name, each in (("tls.crt", certificate), ("tls.key", key))}
    assert said(secrets, POD, text, json.dumps({**secret, "data": data})) == []
    bad = {**data, "tls.crt": base64.b64encode(b"no").decode()}
    assert said(secrets, POD, text, json.dumps({**secret, "data": bad})) == [("IST0161", "Gateway shop/g")]


def test_two_gateways_may_not_want_the_same_requests() -> None:
    assert len(said(conflicts, gateway("a"), gateway("b"))) == 2
    assert len(said(conflicts, gateway("a"), gateway("b", "hosts: ['*.test']", "app: fruit, x: y"))) == 2
    assert said(conflicts, gateway("a"), gateway("b", port=81)) == []
    assert said(conflicts, gateway("a"), gateway("b", "hosts: [a.test], bind: 1.2.3.4")) == []
    assert said(conflicts, gateway("a"), gateway("b", selector="x: y")) == []
    assert said(conflicts, gateway("a", "hosts: [one/a.test]"), gateway("b", "hosts: [two/a.test]")) == []


def test_a_certificate_is_for_one_gateway() -> None:
    one = "hosts: [a.test], tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}"
    assert [code for code, _ in said(shared_certificates, gateway("a", one), gateway("b", one))] == ["IST0138"] * 2
    assert said(shared_certificates, gateway("a", one), gateway("b", one.replace("/c", "/d"))) == []
