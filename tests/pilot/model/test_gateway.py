import yaml

from pilot.model.decoding import decode_value
from pilot.model.gateway import Gateway, Port, ServerTLSMode, TLSCertificate, TLSProtocol


def test_every_field_of_a_gateway_arrives() -> None:
    value = yaml.safe_load("""
metadata: {name: web, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, protocol: HTTPS, name: https, targetPort: 8443}
    bind: 127.0.0.1
    hosts: [default/*.example.com, "*"]
    name: secure
    defaultEndpoint: 127.0.0.1:9
    tls:
      mode: OPTIONAL_MUTUAL
      httpsRedirect: true
      serverCertificate: /s
      privateKey: /k
      caCertificates: /ca
      caCrl: /crl
      credentialName: c
      credentialNames: [c1, c2]
      caCertCredentialName: cc
      tlsCertificates: [{serverCertificate: /s2, privateKey: /k2, caCertificates: /c2}]
      subjectAltNames: [a]
      verifyCertificateSpki: [b]
      verifyCertificateHash: [d]
      minProtocolVersion: TLSV1_2
      maxProtocolVersion: TLSV1_3
      cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384]
""")
    gateway, faults = decode_value(value, Gateway)
    assert faults == ()
    assert gateway is not None
    server = gateway.spec.servers[0]
    assert server.port == Port(number=443, protocol="HTTPS", name="https", target_port=8443)
    assert server.hosts == ("default/*.example.com", "*")
    assert server.tls is not None
    assert server.tls.mode is ServerTLSMode.OPTIONAL_MUTUAL
    assert server.tls.min_protocol_version is TLSProtocol.TLSV1_2
    assert server.tls.credential_names == ("c1", "c2")
    assert server.tls.tls_certificates == (
        TLSCertificate(server_certificate="/s2", private_key="/k2", ca_certificates="/c2"),
    )


def test_a_server_without_tls_mode_passes_tls_through() -> None:
    gateway, _ = decode_value({"spec": {"servers": [{"tls": {}}]}}, Gateway)
    assert gateway is not None
    assert gateway.spec.servers[0].tls is not None
    assert gateway.spec.servers[0].tls.mode is ServerTLSMode.PASSTHROUGH
