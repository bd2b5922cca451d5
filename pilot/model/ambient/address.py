"""Workloads and services as workload discovery tells them. Pure data.

`workloads.py` and `services.py` beside it derive them. Source: xDS behaviour 8.3, 8.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pilot.model.service import PortProtocol
from pilot.model.waypoint import ApplicationTunnel, TunnelAddress
from pilot.resources import Origin

Ports = tuple[tuple[int, int], ...]
"""Service port and the port at the workload."""


class Tunnel(Enum):
    """How a workload is reached."""

    NONE = "none"
    HBONE = "hbone"
    """Its node's ztunnel takes HBONE for it."""
    NATIVE_HBONE = "native-hbone"
    """It takes HBONE itself."""


class Families(Enum):
    """Address families of a service."""

    AUTOMATIC = "automatic"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL = "dual"


class Balancing(Enum):
    """Which endpoints of a service are preferred."""

    ANY = "any"
    SAME_NODE_ONLY = "same-node-only"
    NEAR_ZONE = "near-zone"
    NEAR_NODE = "near-node"
    PASSTHROUGH = "passthrough"


@dataclass(frozen=True, slots=True)
class MeshWorkload:
    """One workload."""

    uid: str
    name: str
    namespace: str
    addresses: tuple[str, ...] = ()
    """IP addresses."""
    hostname: str = ""
    network: str = ""
    cluster_id: str = ""
    node: str = ""
    account: str = ""
    """Name of its service account."""
    trust_domain: str = ""
    """Empty for `cluster.local`."""
    tunnel: Tunnel = Tunnel.NONE
    waypoint: TunnelAddress | None = None
    application_tunnel: ApplicationTunnel | None = None
    network_gateway: TunnelAddress | None = None
    workload_name: str = ""
    """Empty for a gateway into another network, which is no pod either."""
    canonical_name: str = ""
    canonical_revision: str = ""
    services: Mapping[str, Ports] = field(default_factory=dict)
    """By name of the service, `namespace/hostname`."""
    policies: tuple[str, ...] = ()
    """Names of the authorizations with selectors that hold for it."""
    healthy: bool = True
    locality: str = ""
    host_network: bool = False
    capacity: int = 0
    """0: not given."""

    @property
    def keys(self) -> tuple[str, ...]:
        """`network/address`: other names under which it is asked for."""
        return tuple(f"{self.network}/{each}" for each in self.addresses)


@dataclass(frozen=True, slots=True)
class MeshService:
    """One service."""

    namespace: str
    hostname: str
    name: str
    """Of the declaring object."""
    origin: Origin
    """The declaring object."""
    addresses: tuple[str, ...] = ()
    """Virtual IP addresses."""
    network: str = ""
    """Of the addresses."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Network and virtual IP address in other clusters."""
    ports: tuple[tuple[int, int, PortProtocol], ...] = ()
    """Service port, target port (0: by name), protocol."""
    subject_alt_names: tuple[str, ...] = ()
    waypoint: TunnelAddress | None = None
    balancing: Balancing = Balancing.ANY
    with_unhealthy: bool = False
    """Endpoints that are not ready count too."""
    families: Families = Families.AUTOMATIC
    is_global: bool = False
    """Workloads of other clusters may serve it."""
    canonical: bool = False
    """It is the one meant by its host name, where several namespaces have it."""

    @property
    def key(self) -> str:
        """Its name as a resource."""
        return f"{self.namespace}/{self.hostname}"

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Network and address, of all addresses."""
        return (*((self.network, each) for each in self.addresses), *self.elsewhere)

    @property
    def keys(self) -> tuple[str, ...]:
        """`network/address`: other names under which it is asked for."""
        return tuple(f"{network}/{each}" for network, each in self.places)
