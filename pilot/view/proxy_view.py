"""The mesh as one proxy sees it: the only thing generators are given.

In: a `Snapshot` and a `Proxy`. Out: a `ProxyView` whose parts are shared with every proxy they fit; generators take the
parts they need as arguments, so that a part that did not change makes nothing new.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType

from pilot.model.features import Features
from pilot.model.gateway import GatewayServer
from pilot.model.mesh import MeshConfig
from pilot.model.network_gateways import NO_GATEWAYS, NetworkGateways
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Hostname, Service
from pilot.view.credential_access import NOTHING, CredentialAccess
from pilot.view.observed import Observed
from pilot.view.patches import NO_PATCHES, Patches
from pilot.view.plugins import NO_PLUGINS, Plugins
from pilot.view.proxy import Traits
from pilot.view.scope import EgressListener, Endpoints, Scope
from pilot.view.security import NO_SECURITY, Security
from pilot.view.waypoint import NO_ATTACHMENTS, Attachments
from pilot.view.workload import Workload

NO_WAYPOINTS: Mapping[Hostname, Service] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Particulars:
    """What generators need of a proxy besides its traits: the same object for proxies that do not differ in it."""

    mesh_id: str
    proxy_config: Mapping[str, object]
    """PROXY_CONFIG metadata, raw JSON."""
    ip_addresses: tuple[str, ...] = ()
    """Empty where nothing that is served depends on them, so that replicas are alike."""
    node_cluster: str = ""
    """What tracers call the workload; empty where none is told."""


@dataclass(frozen=True, slots=True, eq=False)
class ProxyView:
    """Parts are compared by identity: an equal part is the same object."""

    proxy: Particulars
    traits: Traits
    mesh: MeshConfig
    features: Features
    scope: Scope
    workload: Workload
    endpoints: Endpoints
    names: tuple[EgressListener, ...] = ()
    """What its name table lists."""
    peer_authentications: PeerAuthentications = PeerAuthentications()
    """What clients expect of servers, and endpoints of theirs."""
    network_gateways: NetworkGateways = NO_GATEWAYS
    """The ways into other networks."""
    security: Security = NO_SECURITY
    """What the workload enforces."""
    gateways: tuple[GatewayServer, ...] = ()
    """Routers: the servers of every Gateway that selects it, in creation order."""
    credentials: CredentialAccess = NOTHING
    """The secrets that it may have."""
    observed: Observed | None = None
    """What it logs, traces and counts; None: as MeshConfig says."""
    plugins: Plugins = NO_PLUGINS
    """The code that it loads."""
    patches: Patches = NO_PATCHES
    """Those of EnvoyFilters, in the order in which they take effect."""
    body_limit: int = 0
    """Of direct responses, where some EnvoyFilter of the mesh sets it."""

    ingress_waypoints: Mapping[Hostname, Service] = field(default_factory=lambda: NO_WAYPOINTS)
    """Routers: services of the waypoints through which services are to be reached."""
    attachments: Attachments = NO_ATTACHMENTS
    """Waypoints: what they stand in front of."""

    @property
    def key(self) -> tuple[int, ...]:
        """Equal for views with the same parts, while these are alive."""
        return tuple(map(id, _PARTS(self)))


_PARTS = attrgetter(*ProxyView.__slots__)
