"""The service as the mesh sees it, whatever it was declared by (Kubernetes Service, ServiceEntry).

Pure data: `kubernetes_service.py` and `service_entry.py` beside it convert the declarations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from pilot.resources import Origin

Hostname = NewType("Hostname", str)
Namespace = NewType("Namespace", str)

UNSPECIFIED_ADDRESS = "0.0.0.0"


class PortProtocol(Enum):
    """What a port speaks. Source: xDS behaviour 2.3."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    HTTP_PROXY = "HTTP_PROXY"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTPS = "HTTPS"
    TLS = "TLS"
    TCP = "TCP"
    MONGO = "Mongo"
    REDIS = "Redis"
    MYSQL = "MySQL"
    UDP = "UDP"
    UNKNOWN = "UnsupportedProtocol"

    @property
    def is_http(self) -> bool:
        """Speaks HTTP in clear text."""
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        """Speaks HTTP/2 in clear text."""
        return self in _HTTP2

    @property
    def is_tls(self) -> bool:
        """Arrives encrypted and stays so."""
        return self in (PortProtocol.HTTPS, PortProtocol.TLS)

    @property
    def is_tcp(self) -> bool:
        """Handled as a byte stream."""
        return self in _TCP

    @property
    def is_sniffed(self) -> bool:
        """Unknown: the proxy finds out for each connection."""
        return self is PortProtocol.UNKNOWN


_HTTP = frozenset(
    {PortProtocol.HTTP, PortProtocol.HTTP2, PortProtocol.HTTP_PROXY, PortProtocol.GRPC, PortProtocol.GRPC_WEB}
)
_HTTP2 = frozenset({PortProtocol.HTTP2, PortProtocol.GRPC, PortProtocol.GRPC_WEB})
_TCP = frozenset(
    {
        PortProtocol.TCP,
        PortProtocol.HTTPS,
        PortProtocol.TLS,
        PortProtocol.MONGO,
        PortProtocol.REDIS,
        PortProtocol.MYSQL,
    }
)


class Resolution(Enum):
    """How a client finds the endpoints. Source: xDS behaviour 2.2, 2.9."""

    CLIENT_SIDE = "client-side"
    DNS = "dns"
    DNS_ROUND_ROBIN = "dns-round-robin"
    PASSTHROUGH = "passthrough"
    ALIAS = "alias"
    DYNAMIC_DNS = "dynamic-dns"


class Registry(Enum):
    """Where a service was declared."""

    KUBERNETES = "Kubernetes"
    EXTERNAL = "External"


class TrafficDistribution(Enum):
    """Preference for near endpoints. Source: xDS behaviour 2.8."""

    ANY = "any"
    SAME_ZONE = "same-zone"
    SAME_NODE = "same-node"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port that clients dial. `target_port` is the number or name behind it, None where it is the same."""

    name: str
    number: int
    protocol: PortProtocol
    target_port: int | str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """An ExternalName service that points here."""

    namespace: Namespace
    hostname: Hostname


@dataclass(frozen=True, slots=True)
class Service:
    """A service; identified by (hostname, namespace). Source: xDS behaviour 2.1, 2.2, 2.9."""

    hostname: Hostname
    namespace: Namespace
    name: str
    """Kubernetes: metadata.name; ServiceEntry: the host."""
    ports: tuple[ServicePort, ...]
    resolution: Resolution
    registry: Registry
    origin: Origin
    created: str = ""
    """RFC 3339 creation time; sorts as text."""
    address: str = UNSPECIFIED_ADDRESS
    """Default address; `0.0.0.0` for headless services and entries without addresses; may be a CIDR."""
    cluster_vips: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By cluster id; Kubernetes services only."""
    auto_allocated_v4: str = ""
    auto_allocated_v6: str = ""
    mesh_external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the workloads behind it; empty: none selected."""
    export_to: frozenset[str] = frozenset()
    """Empty: the mesh default; else `*`, `.`, `~` or namespaces."""
    service_accounts: tuple[str, ...] = ()
    """Declared SPIFFE ids or SANs (annotations, subjectAltNames)."""
    external_addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    external_ports: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    external_name: str = ""
    node_local: bool = False
    traffic_distribution: TrafficDistribution = TrafficDistribution.ANY
    publish_not_ready: bool = False
    is_global: bool = False
    """Ambient meshes of several networks: workloads of other clusters may serve it."""
    exported_from: frozenset[str] | None = None
    """Clusters whose endpoints those in other clusters may use; None: all (without the MCS API)."""
    aliases: tuple[Alias, ...] = ()
    object_name: str = ""
    """Name of the declaring object (ServiceEntry name)."""

    @property
    def is_kubernetes(self) -> bool:
        """Declared by a Kubernetes Service."""
        return self.registry is Registry.KUBERNETES

    @property
    def is_headless(self) -> bool:
        """Clients dial endpoints themselves: Kubernetes `clusterIP: None`, ServiceEntry resolution NONE."""
        return self.resolution is Resolution.PASSTHROUGH

    def port(self, number: int) -> ServicePort | None:
        """The port with this number; UDP ports do not count."""
        for each in self.ports:
            if each.number == number and each.protocol is not PortProtocol.UDP:
                return each
        return None
