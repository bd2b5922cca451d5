import yaml

from pilot.model.decoding import decode_value
from pilot.model.sidecar import CaptureMode, OutboundTrafficPolicyMode, Sidecar, SidecarPort


def test_every_field_of_a_sidecar_arrives() -> None:
    value = yaml.safe_load("""
metadata: {name: default, namespace: default}
spec:
  workloadSelector: {labels: {app: x}}
  ingress:
  - port: {number: 9080, protocol: HTTP, name: http}
    bind: 0.0.0.0
    captureMode: IPTABLES
    defaultEndpoint: 127.0.0.1:8080
    tls: {mode: SIMPLE, serverCertificate: /c, privateKey: /k}
    connectionPool: {http: {http2MaxRequests: 5}}
  egress:
  - {port: {number: 0, protocol: HTTP}, bind: "unix:///tmp/x", captureMode: NONE, hosts: ["./*", "other/a.example.com"]}
  - {hosts: ["*/*"]}
  inboundConnectionPool: {tcp: {maxConnections: 10}}
  outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: egress, port: {number: 443}, subset: v1}}
""")
    sidecar, faults = decode_value(value, Sidecar)
    assert faults == ()
    assert sidecar is not None
    assert sidecar.spec.ingress[0].port == SidecarPort(number=9080, protocol="HTTP", name="http")
    assert sidecar.spec.ingress[0].capture_mode is CaptureMode.IPTABLES
    assert [listener.hosts for listener in sidecar.spec.egress] == [("./*", "other/a.example.com"), ("*/*",)]
    assert sidecar.spec.egress[1].port is None
    assert sidecar.spec.outbound_traffic_policy is not None
    assert sidecar.spec.outbound_traffic_policy.mode is OutboundTrafficPolicyMode.ALLOW_ANY


def test_a_policy_that_is_given_without_mode_lets_only_known_hosts_through() -> None:
    sidecar, _ = decode_value({"spec": {"outboundTrafficPolicy": {}}}, Sidecar)
    assert sidecar is not None
    assert sidecar.spec.outbound_traffic_policy is not None
    assert sidecar.spec.outbound_traffic_policy.mode is OutboundTrafficPolicyMode.REGISTRY_ONLY
