"""MeshConfig as decoded: settings of the whole mesh.

Defaults are istiod's built-in ones, so `MeshConfig()` is what holds without a file; a field that a file gives
replaces the default whole. Pure data. Source: operations 13, xDS behaviour appendix D.
"""

from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.extension_provider import DEFAULT_PROVIDERS, ExtensionProvider
from pilot.model.gateway import TLSProtocol
from pilot.model.objects import Int32, Message, OneOfMessage
from pilot.model.proxy_config import ProxyConfig
from pilot.model.selectors import LabelSelector
from pilot.model.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode
from pilot.model.traffic_policy import ClientTLSSettings, LocalityLoadBalancerSetting, TcpKeepalive
from pilot.model.virtual_service import HTTPRetry


class IngressControllerMode(StrEnum):
    """Which Ingress objects are served."""

    UNSPECIFIED = "UNSPECIFIED"
    OFF = "OFF"
    DEFAULT = "DEFAULT"
    STRICT = "STRICT"


class AccessLogEncoding(StrEnum):
    """Form of the mesh's access log."""

    TEXT = "TEXT"
    JSON = "JSON"


class InboundTrafficPolicyMode(StrEnum):
    """Where inbound traffic for unknown ports goes."""

    PASSTHROUGH = "PASSTHROUGH"
    LOCALHOST = "LOCALHOST"


class InboundTrafficPolicy(Message, frozen=True):
    """Inbound traffic."""

    mode: InboundTrafficPolicyMode = InboundTrafficPolicyMode.PASSTHROUGH


class MeshH2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 is carried by HTTP/2 upstream."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class ConfigSource(Message, frozen=True):
    """Where configuration comes from."""

    address: str = ""
    tls_settings: ClientTLSSettings | None = None
    subscribed_resources: tuple[str, ...] = ()


class CertificateData(OneOfMessage, frozen=True):
    """An additional root."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("pem", "spiffe_bundle_url"),)

    pem: str | None = None
    spiffe_bundle_url: str | None = None
    cert_signers: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()


class Certificate(Message, frozen=True):
    """No longer used by Istio."""

    secret_name: str = ""
    dns_names: tuple[str, ...] = ()


class ServiceSettingsValues(Message, frozen=True):
    """`MeshConfig.ServiceSettings.Settings`."""

    cluster_local: bool = False


class ServiceSettings(Message, frozen=True):
    """Settings of hosts, exact or with a leading `*.`."""

    settings: ServiceSettingsValues | None = None
    hosts: tuple[str, ...] = ()


class ServiceScope(StrEnum):
    """Reach of services in ambient meshes of several clusters."""

    LOCAL = "LOCAL"
    GLOBAL = "GLOBAL"


class ServiceScopeConfigs(Message, frozen=True):
    """The scope of the services that are selected."""

    namespace_selector: LabelSelector | None = None
    services_selector: LabelSelector | None = None
    scope: ServiceScope = ServiceScope.LOCAL


class CertificateAuthority(Message, frozen=True):
    """`MeshConfig.CA`: an external certificate authority."""

    address: str = ""
    tls_settings: ClientTLSSettings | None = None
    request_timeout: Duration | None = None
    istiod_side: bool = False


class DefaultProviders(Message, frozen=True):
    """Names of providers that hold where no Telemetry says otherwise."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    access_logging: tuple[str, ...] = ()


class NormalizationType(StrEnum):
    """How paths are normalised; DEFAULT means BASE."""

    DEFAULT = "DEFAULT"
    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


class ProxyPathNormalization(Message, frozen=True):
    """Normalisation of paths."""

    normalization: NormalizationType = NormalizationType.DEFAULT


class TLSConfig(Message, frozen=True):
    """TLS parameters."""

    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    ecdh_curves: tuple[str, ...] = ()
    cipher_suites: tuple[str, ...] = ()


class MeshConfig(Message, frozen=True):
    """Settings of the mesh."""

    proxy_listen_port: Int32 = 15001
    proxy_inbound_listen_port: Int32 = 15006
    proxy_http_port: Int32 = 0
    connect_timeout: Duration = Duration(seconds=10)
    hbone_idle_timeout: Duration = Duration(hours=1)
    protocol_detection_timeout: Duration = Duration()
    tcp_keepalive: TcpKeepalive | None = None
    ingress_class: str = "istio"
    ingress_service: str = "istio-ingressgateway"
    ingress_controller_mode: IngressControllerMode = IngressControllerMode.STRICT
    ingress_selector: str = ""
    """Value of the label `istio`; empty means that of the ingress service's pods."""
    enable_tracing: bool = True
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    enable_envoy_access_log_service: bool = False
    disable_envoy_listener_log: bool = False
    default_config: ProxyConfig = ProxyConfig()
    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.ALLOW_ANY)
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    config_sources: tuple[ConfigSource, ...] = ()
    enable_auto_mtls: bool = True
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    ca_certificates: tuple[CertificateData, ...] = ()
    default_service_export_to: tuple[str, ...] = ("*",)
    default_virtual_service_export_to: tuple[str, ...] = ("*",)
    default_destination_rule_export_to: tuple[str, ...] = ("*",)
    root_namespace: str = "istio-system"
    locality_lb_setting: LocalityLoadBalancerSetting | None = LocalityLoadBalancerSetting(enabled=True)
    dns_refresh_rate: Duration = Duration(seconds=60)
    h2_upgrade_policy: MeshH2UpgradePolicy = MeshH2UpgradePolicy.DO_NOT_UPGRADE
    inbound_cluster_stat_name: str = ""
    outbound_cluster_stat_name: str = ""
    certificates: tuple[Certificate, ...] = ()
    service_settings: tuple[ServiceSettings, ...] = ()
    service_scope_configs: tuple[ServiceScopeConfigs, ...] = ()
    enable_prometheus_merge: bool = True
    verify_certificate_at_client: bool = True
    ca: CertificateAuthority | None = None
    extension_providers: tuple[ExtensionProvider, ...] = DEFAULT_PROVIDERS
    """Declared ones and the built-in ones; names are unique."""
    default_providers: DefaultProviders = DefaultProviders()
    discovery_selectors: tuple[LabelSelector, ...] = ()
    path_normalization: ProxyPathNormalization = ProxyPathNormalization()
    default_http_retry_policy: HTTPRetry | None = None
    """None means 2 attempts on the usual conditions."""
    mesh_mtls: TLSConfig | None = field(default=None, name="meshMTLS")
    tls_defaults: TLSConfig | None = None

    def provider(self, name: str) -> ExtensionProvider | None:
        """The extension provider of that name."""
        for each in self.extension_providers:
            if each.name == name:
                return each
        return None
