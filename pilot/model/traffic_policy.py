"""TrafficPolicy and its parts as decoded: what DestinationRule, Sidecar and MeshConfig say about connections.

Names are those of Istio's API. Pure data; merging of policies is done by `destination_rules.py`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.objects import Int32, Message, OneOfMessage, UInt32, UInt64
from pilot.model.virtual_service import PortSelector


class SimpleLB(StrEnum):
    """Load balancing algorithms without parameters. LEAST_CONN is the old name of LEAST_REQUEST."""

    UNSPECIFIED = "UNSPECIFIED"
    LEAST_CONN = "LEAST_CONN"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"


class HTTPCookieAttribute(Message, frozen=True):
    """`ConsistentHashLB.HTTPCookie.Attribute`."""

    name: str = ""
    value: str = ""


class HTTPCookie(Message, frozen=True):
    """A cookie to hash; `ttl` given: set by Envoy where absent (0: for the session)."""

    name: str = ""
    path: str = ""
    ttl: Duration | None = None
    attributes: tuple[HTTPCookieAttribute, ...] = ()


class RingHash(Message, frozen=True):
    """Ketama-like hashing; 0 means Istio's 1024."""

    minimum_ring_size: UInt64 = 0


class MagLev(Message, frozen=True):
    """Maglev hashing; 0 means 65537."""

    table_size: UInt64 = 0


class ConsistentHashLB(OneOfMessage, frozen=True):
    """Stickiness by hash; one source of the key, one algorithm."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("http_header_name", "http_cookie", "use_source_ip", "http_query_parameter_name"),
        ("ring_hash", "maglev"),
    )

    http_header_name: str = ""
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool = False
    http_query_parameter_name: str = ""
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: UInt64 = 0


class LocalityDistribute(Message, frozen=True):
    """`LocalityLoadBalancerSetting.Distribute`: weights by target locality, for callers in `from`."""

    from_: str = ""
    to: Mapping[str, UInt32] = field(default_factory=dict)


class LocalityFailover(Message, frozen=True):
    """`LocalityLoadBalancerSetting.Failover`: the region that follows when `from` is unhealthy."""

    from_: str = ""
    to: str = ""


class LocalityLoadBalancerSetting(Message, frozen=True):
    """Locality preference; `enabled` None counts as true where the setting is given."""

    distribute: tuple[LocalityDistribute, ...] = ()
    failover: tuple[LocalityFailover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


class WarmupConfiguration(Message, frozen=True):
    """Slow start of new endpoints; percent and factor."""

    duration: Duration | None = None
    minimum_percent: float | None = None
    aggression: float | None = None


class LoadBalancerSettings(OneOfMessage, frozen=True):
    """How an endpoint is chosen."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("simple", "consistent_hash"),)

    simple: SimpleLB | None = None
    consistent_hash: ConsistentHashLB | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    warmup_duration_secs: Duration | None = None
    """The old form of `warmup`."""
    warmup: WarmupConfiguration | None = None


class TcpKeepalive(Message, frozen=True):
    """Socket keepalive; an empty one turns it on with the system's values."""

    probes: UInt32 = 0
    time: Duration | None = None
    interval: Duration | None = None


class TCPSettings(Message, frozen=True):
    """Connection limits of any protocol."""

    max_connections: Int32 = 0
    connect_timeout: Duration | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: Duration | None = None
    idle_timeout: Duration | None = None


class H2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 is carried by HTTP/2 upstream; DEFAULT: as MeshConfig says."""

    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class HTTPSettings(Message, frozen=True):
    """Request limits; 0 means not limited here."""

    http1_max_pending_requests: Int32 = 0
    http2_max_requests: Int32 = 0
    max_requests_per_connection: Int32 = 0
    max_retries: Int32 = 0
    idle_timeout: Duration | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: Int32 = 0


class ConnectionPoolSettings(Message, frozen=True):
    """Limits toward one upstream."""

    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Message, frozen=True):
    """When endpoints are ejected; None: not said, 0: off."""

    consecutive_errors: Int32 = 0
    """No longer used by Istio."""
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: UInt32 | None = None
    consecutive_gateway_errors: UInt32 | None = None
    consecutive_5xx_errors: UInt32 | None = None
    interval: Duration | None = None
    base_ejection_time: Duration | None = None
    max_ejection_percent: Int32 = 0
    min_health_percent: Int32 = 0


class ClientTLSMode(StrEnum):
    """`ClientTLSSettings.TLSmode`."""

    DISABLE = "DISABLE"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


class ClientTLSSettings(Message, frozen=True):
    """TLS toward an upstream; files or a credential name."""

    mode: ClientTLSMode = ClientTLSMode.DISABLE
    client_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""
    credential_name: str = ""
    subject_alt_names: tuple[str, ...] = ()
    sni: str = ""
    insecure_skip_verify: bool | None = None
    ca_crl: str = ""


class PortTrafficPolicy(Message, frozen=True):
    """`TrafficPolicy.PortTrafficPolicy`: replaces the policy for one port."""

    port: PortSelector | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None


class TunnelSettings(Message, frozen=True):
    """HTTP CONNECT or POST around TCP, toward a proxy."""

    protocol: str = ""
    target_host: str = ""
    target_port: UInt32 = 0


class ProxyProtocolVersion(StrEnum):
    """`TrafficPolicy.ProxyProtocol.VERSION`."""

    V1 = "V1"
    V2 = "V2"


class ProxyProtocol(Message, frozen=True):
    """PROXY protocol toward the upstream."""

    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


class RetryBudget(Message, frozen=True):
    """Retries as a share of active requests."""

    percent: float | None = None
    min_retry_concurrency: UInt32 = 0


class TrafficPolicy(Message, frozen=True):
    """Everything a rule says about traffic to a host or subset."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
