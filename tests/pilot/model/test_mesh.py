import msgspec
import yaml

from pilot.model.decoding import decode_value
from pilot.model.duration import Duration
from pilot.model.gateway import TLSProtocol
from pilot.model.mesh import (
    AccessLogEncoding,
    InboundTrafficPolicyMode,
    IngressControllerMode,
    MeshConfig,
    MeshH2UpgradePolicy,
    NormalizationType,
    ServiceScope,
)
from pilot.model.sidecar import OutboundTrafficPolicyMode


def test_defaults_are_those_of_istiod() -> None:
    mesh = MeshConfig()
    assert (mesh.proxy_listen_port, mesh.proxy_inbound_listen_port, mesh.proxy_http_port) == (15001, 15006, 0)
    assert mesh.connect_timeout == Duration(seconds=10)
    assert mesh.protocol_detection_timeout == Duration()
    assert mesh.dns_refresh_rate == Duration(seconds=60)
    assert mesh.outbound_traffic_policy.mode is OutboundTrafficPolicyMode.ALLOW_ANY
    assert mesh.inbound_traffic_policy.mode is InboundTrafficPolicyMode.PASSTHROUGH
    assert mesh.ingress_controller_mode is IngressControllerMode.STRICT
    assert (mesh.trust_domain, mesh.root_namespace) == ("cluster.local", "istio-system")
    assert mesh.locality_lb_setting is not None
    assert mesh.locality_lb_setting.enabled is True
    assert mesh.default_service_export_to == mesh.default_virtual_service_export_to == ("*",)
    assert [provider.name for provider in mesh.extension_providers] == ["prometheus", "stackdriver", "envoy"]
    assert mesh.default_providers.metrics == ()
    assert mesh.h2_upgrade_policy is MeshH2UpgradePolicy.DO_NOT_UPGRADE
    assert mesh.path_normalization.normalization is NormalizationType.DEFAULT
    assert mesh.default_config.discovery_address == "istiod.istio-system.svc:15012"


def test_what_is_given_replaces_the_default_and_the_rest_stays() -> None:
    value = yaml.safe_load("""
outboundTrafficPolicy: {}
localityLbSetting: {failover: [{from: a, to: b}]}
defaultConfig: {drainDuration: 1s, proxyMetadata: {A: "1"}}
meshMTLS: {minProtocolVersion: TLSV1_3}
accessLogEncoding: JSON
discoverySelectors: [{matchLabels: {mesh: in}}, {matchExpressions: [{key: env, operator: In, values: [a]}]}]
serviceSettings: [{settings: {clusterLocal: true}, hosts: ["*.local"]}]
serviceScopeConfigs: [{scope: GLOBAL, servicesSelector: {matchLabels: {a: b}}}]
ca: {address: "ca:1", istiodSide: true, requestTimeout: 2s}
caCertificates: [{pem: x, trustDomains: [a]}]
configSources: [{address: "fs:///x", subscribedResources: []}]
certificates: [{secretName: s, dnsNames: [d]}]
tcpKeepalive: {}
""")
    mesh, faults = decode_value(value, MeshConfig)
    assert faults == ()
    assert mesh is not None
    assert mesh.outbound_traffic_policy.mode is OutboundTrafficPolicyMode.REGISTRY_ONLY
    assert mesh.locality_lb_setting is not None
    assert mesh.locality_lb_setting.enabled is None
    assert mesh.default_config.drain_duration == Duration(seconds=1)
    assert mesh.default_config.status_port == 15020
    assert mesh.mesh_mtls is not None
    assert mesh.mesh_mtls.min_protocol_version is TLSProtocol.TLSV1_3
    assert mesh.access_log_encoding is AccessLogEncoding.JSON
    assert mesh.discovery_selectors[1].matches({"env": "a"})
    assert mesh.service_scope_configs[0].scope is ServiceScope.GLOBAL
    assert mesh.tcp_keepalive is not None


def test_providers_are_found_by_name() -> None:
    envoy = MeshConfig().provider("envoy")
    assert envoy is not None
    assert envoy.envoy_file_access_log is not None
    assert envoy.envoy_file_access_log.path == "/dev/stdout"
    assert MeshConfig().provider("nope") is None


def test_a_dump_shows_only_what_differs_from_the_defaults() -> None:
    assert msgspec.to_builtins(MeshConfig(trust_domain="a"), enc_hook=str) == {"trustDomain": "a"}
