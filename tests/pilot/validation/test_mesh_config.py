"""What a mesh cannot be told."""

import pytest

from pilot.model.decoding import path_text
from pilot.sources.mesh_file import decode_mesh_config
from pilot.validation.mesh_config import mesh_config


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("connectTimeout: 0s", "connectTimeout"),
        ("connectTimeout: 61m", "connectTimeout"),
        ("connectTimeout: 1.0005s", "connectTimeout"),
        ("protocolDetectionTimeout: 1500us", "protocolDetectionTimeout"),
        ("localityLbSetting: {failover: [{from: a, to: a}]}", "localityLbSetting.failover[0]"),
        ("serviceSettings: [{hosts: ['a.*']}]", "serviceSettings[0].hosts[0]"),
        ("meshMTLS: {ecdhCurves: [P-256]}", "meshMTLS.ecdhCurves"),
        ("defaultConfig: {drainDuration: 1500ms}", "defaultConfig.drainDuration"),
        ("defaultConfig: {statusPort: 0}", "defaultConfig.statusPort"),
        ("defaultConfig: {proxyAdminPort: 70000}", "defaultConfig.proxyAdminPort"),
        ("defaultConfig: {discoveryAddress: istiod}", "defaultConfig.discoveryAddress"),
        ("defaultConfig: {discoveryAddress: 'istiod:http'}", "defaultConfig.discoveryAddress"),
        ("defaultConfig: {tracing: {zipkin: {address: zipkin}}}", "defaultConfig.tracing.zipkin.address"),
        ("defaultConfig: {statsdUdpAddress: 'a_b:1'}", "defaultConfig.statsdUdpAddress"),
    ],
)
def test_a_mesh_that_proxies_would_refuse_is_refused(text: str, field: str) -> None:
    mesh, problems = decode_mesh_config(text)
    assert mesh is None
    assert [each.field for each in problems] == [field]


def test_what_istio_writes_is_taken() -> None:
    text = """
    connectTimeout: 1h
    protocolDetectionTimeout: 100ms
    localityLbSetting: {failoverPriority: [topology.kubernetes.io/region]}
    serviceSettings: [{settings: {clusterLocal: true}, hosts: ["*.myns.svc.cluster.local", "*"]}]
    defaultConfig:
      discoveryAddress: "[fd00::1]:15012"
      tracing: {datadog: {address: "$(HOST_IP):8126"}}
      envoyAccessLogService: {address: als.logs:15000}
    """
    mesh, problems = decode_mesh_config(text)
    assert mesh is not None
    assert not problems
    assert [path_text(each.path) for each in mesh_config(mesh)] == []
