"""A proxy as it describes itself: the xDS node, parsed once per stream.

In: `envoy.config.core.v3.Node`. Out: a frozen `Proxy`. Does not look into the mesh: see `proxy_view.py`.
Source: xDS behaviour 1.3 (id), 1.4 (metadata).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pilot.model.features import Features


class ProxyKind(Enum):
    """The first part of a node id."""

    SIDECAR = "sidecar"
    ROUTER = "router"
    WAYPOINT = "waypoint"
    ZTUNNEL = "ztunnel"


class IpMode(Enum):
    """Address families of a proxy."""

    V4 = "v4"
    V6 = "v6"
    DUAL = "dual"


class Interception(Enum):
    """How traffic reaches the proxy."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Flavour:
    """What the proxy binary can do: Istio's Envoy, or a stock one that lists its extensions.

    `type_urls` is None for Istio's own Envoy, else every type URL that the node's extensions list.
    """

    type_urls: frozenset[str] | None = None
    envoy_version: tuple[int, int, int] = (0, 0, 0)
    """As the node says; (0, 0, 0) where it does not."""
    names: frozenset[str] = frozenset()
    """Names of the extensions, e.g. `envoy.filters.http.router`; empty for Istio's own Envoy."""

    @property
    def is_stock(self) -> bool:
        """An upstream Envoy: only what it lists may be sent."""
        return self.type_urls is not None

    def has(self, type_url: str) -> bool:
        """Whether a filter, logger, tracer or socket with this configuration type may be sent.

        `type_url` with or without the `type.googleapis.com/` prefix.
        """
        return self.type_urls is None or type_url.removeprefix("type.googleapis.com/") in self.type_urls


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """Certificate files of the workload that replace SDS (TLS_SERVER_*, TLS_CLIENT_* metadata)."""

    cert_chain: str = ""
    key: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class Traits:
    """All of a proxy that shared generators may depend on: equal traits mean equal answers. Interned: compare by `is`.

    Nothing in here tells two replicas of a workload apart.
    """

    kind: ProxyKind
    namespace: str
    """Config namespace."""
    domain: str
    """DNS domain, `<ns>.svc.<cluster domain>`."""
    cluster_id: str
    network: str
    ip_mode: IpMode
    flavour: Flavour
    interception: Interception = Interception.REDIRECT
    dns_auto_allocate: bool = False
    """Use auto-allocated addresses (DNS_CAPTURE and DNS_AUTO_ALLOCATE or the feature)."""
    sends_hbone: bool = False
    """Feature sending_hbone and not DISABLE_HBONE_SEND."""
    listens_hbone: bool = False
    """ENABLE_HBONE and feature sidecar_hbone."""
    http10: bool = False
    http_proxy_port: int = 0
    idle_timeout: str = ""
    """A Go duration or empty."""
    unprivileged: bool = False
    status_port: int = 15021
    prometheus_port: int = 15090
    server_files: ClientFiles = ClientFiles()
    client_files: ClientFiles = ClientFiles()
    credential_socket: bool = False
    file_credential_socket: bool = False
    inbound_exact_balance: bool = False
    outbound_exact_balance: bool = False
    requested_networks: frozenset[str] = frozenset()
    is_grpc: bool = False
    """GENERATOR grpc: a proxyless client."""


def doubles_tunnels(traits: Traits, features: Features) -> bool:
    """Whether such a proxy reaches other networks by tunnels inside of tunnels. Source: xDS behaviour 6.5, 8."""
    match traits.kind:
        case ProxyKind.WAYPOINT:
            return features.multi_network_waypoints
        case ProxyKind.ROUTER:
            return features.multi_network_ingress and traits.sends_hbone
    return False


@dataclass(frozen=True, slots=True)
class Proxy:
    """One connected proxy. `traits` is shared, the rest is its own."""

    id: str
    """`<pod>.<namespace>` on Kubernetes."""
    node_cluster: str
    ip_addresses: tuple[str, ...]
    traits: Traits
    service_account: str = ""
    identity: str = ""
    """SPIFFE id that its credentials prove; empty where it proved none, or nobody looked."""
    node_name: str = ""
    istio_version: tuple[int, int, int] = (65535, 65535, 65535)
    istio_version_text: str = ""
    locality: str = ""
    """From node.locality, `region/zone/subzone`; the registry's labels win over it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """LABELS metadata."""
    static_labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mesh_id: str = ""
    pod_ports: tuple[tuple[str, int], ...] = ()
    proxy_config: Mapping[str, object] = field(default_factory=dict)
    """PROXY_CONFIG metadata, raw JSON."""
    raw_metadata: Mapping[str, object] = field(default_factory=dict)
