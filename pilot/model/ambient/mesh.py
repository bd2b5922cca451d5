"""The parts of a snapshot that workload discovery depends on.

In: a snapshot's parts. Out: one value; parts are compared by identity. Source: xDS behaviour 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilot.model.endpoint_index import EndpointIndex
from pilot.model.mesh_settings import MeshSettings
from pilot.model.object_store import ObjectStore
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.policies import SecurityPolicies
from pilot.model.service_index import ServiceIndex
from pilot.model.waypoint import Traffic, Waypoint, Waypoints
from pilot.model.workload_index import WorkloadIndex

if TYPE_CHECKING:
    from pilot.model.ambient.index import AmbientIndex


@dataclass(frozen=True, slots=True, eq=False)
class AmbientMesh:
    """What there is."""

    settings: MeshSettings = MeshSettings()
    store: ObjectStore = field(default_factory=ObjectStore)
    """Objects of namespaces that belong to the mesh."""
    workloads: WorkloadIndex = field(default_factory=WorkloadIndex)
    services: ServiceIndex = field(default_factory=ServiceIndex)
    endpoints: EndpointIndex = field(default_factory=EndpointIndex)
    waypoints: Waypoints = field(default_factory=Waypoints)
    policies: SecurityPolicies = field(default_factory=SecurityPolicies)
    peers: PeerAuthentications = field(default_factory=PeerAuthentications)
    remotes: "tuple[AmbientIndex, ...]" = ()
    """What other clusters have, where the mesh is one over several networks; by cluster id."""

    @property
    def network(self) -> str:
        """Of the cluster."""
        return self.settings.network_of(())

    def waypoint_of(self, namespace: str, labels: Mapping[str, str], traffic: Traffic) -> Waypoint | None:
        """The waypoint of an object, if it has one."""
        found = self.waypoints.bound(namespace, labels, traffic)
        return found if isinstance(found, Waypoint) else None
