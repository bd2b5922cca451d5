"""The built-in GatewayClasses, made where they are missing; those that are there are never changed.

In: snapshots. Out: GatewayClasses. Without election, as istiod does. Source: Kubernetes controllers behaviour 9.1.
"""

import logging
from collections.abc import Callable, Mapping

from ca.errors import KubernetesError
from pilot.gatewayapi.classes import (
    EAST_WEST_CONTROLLER,
    GATEWAY_CONTROLLER,
    MESH_CONTROLLER,
    REMOTE_CONTROLLER,
    built_in,
)
from pilot.gatewayapi.gateway import GatewayClass
from pilot.kube_client import KubeClient
from pilot.model.snapshot import Snapshot
from pilot.writers.following import changes
from pilot.writers.retry import CONFLICT, NOT_FOUND, Retries

CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
DESCRIPTIONS = {  # 64 characters at most
    GATEWAY_CONTROLLER: "Gateways of this mesh",
    MESH_CONTROLLER: "Waypoints of this mesh",
    EAST_WEST_CONTROLLER: "Gateways between networks of this mesh",
    REMOTE_CONTROLLER: "Gateways elsewhere: nothing is deployed or configured",
}
_log = logging.getLogger("gateway")


def select_missing(snapshot: Snapshot) -> Mapping[str, str]:
    """Controllers of the classes to be made, by name."""
    features = snapshot.features
    if not features.gateway_api:
        return {}
    found = {}
    for name, role in built_in(features).items():
        is_wanted = {
            MESH_CONTROLLER: features.ambient and features.ambient_waypoints,
            EAST_WEST_CONTROLLER: features.ambient_multi_network,
            REMOTE_CONTROLLER: features.discover_network_gateways,
        }.get(role, True)
        if is_wanted and snapshot.objects.get(GatewayClass, "", name) is None:
            found[name] = role
    return found


class GatewayClasses:
    """Makes them. `serve` it."""

    def __init__(self, client: KubeClient, snapshot: Callable[[], Snapshot]) -> None:
        self._client, self._snapshot = client, snapshot

    async def serve(self) -> None:
        """Ends only by cancellation."""
        retries, asked = Retries[str](self._make, _log), frozenset[str]()
        async for _ in changes(self._snapshot, due=lambda: retries.is_due):
            missing = frozenset(select_missing(self._snapshot()))
            await retries.run(sorted(missing - asked))
            asked = missing

    async def _make(self, name: str) -> None:
        """Raises: KubernetesError."""
        role = select_missing(self._snapshot()).get(name)
        if role is None:
            return
        features = self._snapshot().features
        controller = features.gateway_controller if role == GATEWAY_CONTROLLER else role
        made = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": name},
            "spec": {"controllerName": controller, "description": DESCRIPTIONS[role]},
        }
        try:
            await self._client.call("POST", CLASSES, made)
        except KubernetesError as error:
            if error.status == NOT_FOUND:
                raise KubernetesError("GatewayClasses are not defined here", CONFLICT) from error
            if error.status != CONFLICT:
                raise
