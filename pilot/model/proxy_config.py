"""ProxyConfig as decoded: settings of single proxies (MeshConfig's `defaultConfig`, pod annotation, node metadata).

Defaults are istiod's built-in ones. Pure data. Source: operations 14, xDS behaviour appendix D.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.extension_provider import Empty
from pilot.model.objects import Int32, Message, OneOfMessage, UInt32
from pilot.model.traffic_policy import ClientTLSSettings, TcpKeepalive


class TracingServiceName(StrEnum):
    """What names the service in traces."""

    APP_LABEL_AND_NAMESPACE = "APP_LABEL_AND_NAMESPACE"
    CANONICAL_NAME_ONLY = "CANONICAL_NAME_ONLY"
    CANONICAL_NAME_AND_NAMESPACE = "CANONICAL_NAME_AND_NAMESPACE"


class AuthenticationPolicy(StrEnum):
    """How the proxy authenticates the control plane."""

    NONE = "NONE"
    MUTUAL_TLS = "MUTUAL_TLS"
    INHERIT = "INHERIT"


class InboundInterceptionMode(StrEnum):
    """How traffic reaches the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class LiteralTag(Message, frozen=True):
    """A fixed value."""

    value: str = ""


class SourcedTag(Message, frozen=True):
    """A value from an environment variable or a header."""

    name: str = ""
    default_value: str = ""


class CustomTag(OneOfMessage, frozen=True):
    """A tag of every span."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("literal", "environment", "header"),)

    literal: LiteralTag | None = None
    environment: SourcedTag | None = None
    header: SourcedTag | None = None


class TracerAddress(Message, frozen=True):
    """Zipkin, Datadog: `host:port`."""

    address: str = ""


class LightstepTracer(Message, frozen=True):
    """Lightstep satellites."""

    address: str = ""
    access_token: str = ""


class StackdriverTracer(Message, frozen=True):
    """Stackdriver."""

    debug: bool = False
    max_number_of_attributes: int | None = None
    max_number_of_annotations: int | None = None
    max_number_of_message_events: int | None = None


class OpenCensusTracer(Message, frozen=True):
    """OpenCensus agent; Envoy no longer has it."""

    address: str = ""
    context: tuple[str, ...] = ()


class Tracing(OneOfMessage, frozen=True):
    """Tracing of a proxy; `sampling` in percent, `max_path_tag_length` 0: Envoy's default."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent"),
    )

    zipkin: TracerAddress | None = None
    lightstep: LightstepTracer | None = None
    datadog: TracerAddress | None = None
    stackdriver: StackdriverTracer | None = None
    open_census_agent: OpenCensusTracer | None = None
    custom_tags: Mapping[str, CustomTag] = field(default_factory=dict)
    max_path_tag_length: UInt32 = 0
    sampling: float = 0.0
    tls_settings: ClientTLSSettings | None = None
    enable_istio_tags: bool | None = None


class ForwardClientCertDetails(StrEnum):
    """What becomes of X-Forwarded-Client-Cert."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


class Topology(Message, frozen=True):
    """What stands in front of a gateway."""

    num_trusted_proxies: UInt32 = 0
    forward_client_cert_details: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    proxy_protocol: Empty | None = None


class SetCurrentClientCertDetails(Message, frozen=True):
    """Parts of the client certificate in X-Forwarded-Client-Cert."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class Disabled(Message, frozen=True):
    """A header that may be turned off."""

    disabled: bool | None = None


class Enabled(Message, frozen=True):
    """A header that may be turned on."""

    enabled: bool | None = None


class ServerHeader(Message, frozen=True):
    """The `server` header."""

    disabled: bool | None = None
    value: str = ""


class MetadataExchangeMode(StrEnum):
    """Where peer metadata headers are sent."""

    UNDEFINED = "UNDEFINED"
    IN_MESH = "IN_MESH"


class MetadataExchangeHeaders(Message, frozen=True):
    """Peer metadata headers."""

    mode: MetadataExchangeMode = MetadataExchangeMode.UNDEFINED


class ProxyHeaders(Message, frozen=True):
    """Headers that proxies add or keep."""

    forwarded_client_cert: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    set_current_client_cert_details: SetCurrentClientCertDetails | None = None
    request_id: Disabled | None = None
    server: ServerHeader | None = None
    attempt_count: Disabled | None = None
    envoy_debug_headers: Disabled | None = None
    metadata_exchange_headers: MetadataExchangeHeaders | None = None
    preserve_http1_header_case: bool | None = None
    x_forwarded_host: Enabled | None = None
    x_forwarded_port: Enabled | None = None


class KeyAccelerator(Message, frozen=True):
    """CryptoMb, QAT."""

    poll_delay: Duration | None = None
    fallback: bool | None = None


class PrivateKeyProvider(OneOfMessage, frozen=True):
    """Where private key operations are done."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("cryptomb", "qat"),)

    cryptomb: KeyAccelerator | None = None
    qat: KeyAccelerator | None = None


class ProxyStatsMatcher(Message, frozen=True):
    """Which statistics are made beyond the usual."""

    inclusion_prefixes: tuple[str, ...] = ()
    inclusion_suffixes: tuple[str, ...] = ()
    inclusion_regexps: tuple[str, ...] = ()


class RemoteService(Message, frozen=True):
    """A sink of logs or metrics."""

    address: str = ""
    tls_settings: ClientTLSSettings | None = None
    tcp_keepalive: TcpKeepalive | None = None


class ProxyImage(Message, frozen=True):
    """Variant of the proxy's image."""

    image_type: str = ""


class ProxyConfig(OneOfMessage, frozen=True):
    """Settings of one proxy."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("service_cluster", "tracing_service_name"),)

    config_path: str = "./etc/istio/proxy"
    binary_path: str = "/usr/local/bin/envoy"
    service_cluster: str | None = None
    """None means istio-proxy."""
    tracing_service_name: TracingServiceName | None = None
    drain_duration: Duration = Duration(seconds=45)
    termination_drain_duration: Duration = Duration(seconds=5)
    discovery_address: str = "istiod.istio-system.svc:15012"
    zipkin_address: str = ""
    statsd_udp_address: str = ""
    proxy_admin_port: Int32 = 15000
    status_port: Int32 = 15020
    control_plane_auth_policy: AuthenticationPolicy = AuthenticationPolicy.MUTUAL_TLS
    custom_config_file: str = ""
    stat_name_length: Int32 = 189
    concurrency: Int32 | None = None
    proxy_bootstrap_template_path: str = ""
    interception_mode: InboundInterceptionMode = InboundInterceptionMode.REDIRECT
    tracing: Tracing | None = None
    envoy_access_log_service: RemoteService | None = None
    envoy_metrics_service: RemoteService | None = None
    proxy_metadata: Mapping[str, str] = field(default_factory=dict)
    runtime_values: Mapping[str, str] = field(default_factory=dict)
    extra_stat_tags: tuple[str, ...] = ()
    gateway_topology: Topology | None = None
    mesh_id: str = ""
    readiness_probe: Mapping[str, object] | None = None
    proxy_stats_matcher: ProxyStatsMatcher | None = None
    hold_application_until_proxy_starts: bool | None = None
    ca_certificates_pem: tuple[str, ...] = ()
    image: ProxyImage | None = None
    private_key_provider: PrivateKeyProvider | None = None
    proxy_headers: ProxyHeaders | None = None
    file_flush_interval: Duration = Duration(seconds=1)
    file_flush_min_size_kb: UInt32 = 64
    stats_compression: bool = True
