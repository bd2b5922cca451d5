import yaml

from pilot.model.decoding import Unknown, decode_value
from pilot.model.duration import Duration
from pilot.model.proxy_config import (
    ForwardClientCertDetails,
    InboundInterceptionMode,
    MetadataExchangeMode,
    ProxyConfig,
    TracingServiceName,
)


def test_defaults_are_those_of_istiod() -> None:
    config = ProxyConfig()
    assert (config.drain_duration, config.termination_drain_duration) == (Duration(seconds=45), Duration(seconds=5))
    assert (config.proxy_admin_port, config.status_port, config.stat_name_length) == (15000, 15020, 189)
    assert config.interception_mode is InboundInterceptionMode.REDIRECT
    assert config.concurrency is None
    assert config.tracing is None


def test_the_parts_that_change_what_is_generated_arrive() -> None:
    value = yaml.safe_load("""
concurrency: 0
tracingServiceName: CANONICAL_NAME_ONLY
interceptionMode: TPROXY
tracing:
  zipkin: {address: "zipkin:9411"}
  sampling: 42
  maxPathTagLength: 128
  enableIstioTags: false
  customTags: {a: {literal: {value: x}}, b: {environment: {name: E, defaultValue: d}}, c: {header: {name: h}}}
proxyHeaders:
  forwardedClientCert: SANITIZE
  setCurrentClientCertDetails: {subject: true, uri: false}
  requestId: {}
  server: {value: lab}
  attemptCount: {disabled: true}
  envoyDebugHeaders: {disabled: true}
  metadataExchangeHeaders: {mode: IN_MESH}
  preserveHttp1HeaderCase: true
  xForwardedHost: {enabled: true}
gatewayTopology: {numTrustedProxies: 2, forwardClientCertDetails: APPEND_FORWARD, proxyProtocol: {}}
privateKeyProvider: {cryptomb: {pollDelay: 10ms, fallback: true}}
proxyStatsMatcher: {inclusionRegexps: [".*"]}
envoyAccessLogService: {address: "als:9000", tlsSettings: {mode: SIMPLE}, tcpKeepalive: {}}
image: {imageType: distroless}
readinessProbe: {httpGet: {path: /healthz, port: 80}}
""")
    config, faults = decode_value(value, ProxyConfig)
    assert faults == ()
    assert config is not None
    assert config.concurrency == 0
    assert config.tracing_service_name is TracingServiceName.CANONICAL_NAME_ONLY
    assert config.tracing is not None
    assert config.tracing.custom_tags["b"].environment is not None
    headers = config.proxy_headers
    assert headers is not None
    assert headers.forwarded_client_cert is ForwardClientCertDetails.SANITIZE
    assert headers.request_id is not None
    assert headers.request_id.disabled is None
    assert headers.metadata_exchange_headers is not None
    assert headers.metadata_exchange_headers.mode is MetadataExchangeMode.IN_MESH
    assert config.gateway_topology is not None
    assert config.gateway_topology.proxy_protocol is not None
    assert config.private_key_provider is not None
    assert config.private_key_provider.cryptomb is not None
    assert config.private_key_provider.cryptomb.poll_delay == Duration(milliseconds=10)


def test_a_node_of_a_newer_version_may_say_more() -> None:
    config, faults = decode_value({"concurrency": 2, "brandNew": {}}, ProxyConfig, Unknown.IGNORE)
    assert config is not None
    assert config.concurrency == 2
    assert faults == ()
