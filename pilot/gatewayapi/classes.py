"""Who serves a Gateway: the controllers of this control plane, and their built-in classes.

In: Gateways and GatewayClasses. Out: names of controllers. Source: installation 9.1.
"""

from collections.abc import Mapping
from typing import Final

from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway
from pilot.model.object_store import ObjectStore

GATEWAY_CONTROLLER: Final = "istio.io/gateway-controller"
MESH_CONTROLLER: Final = "istio.io/mesh-controller"
EAST_WEST_CONTROLLER: Final = "istio.io/eastwest-controller"
REMOTE_CONTROLLER: Final = "istio.io/unmanaged-gateway"

BUILT_IN: Final[Mapping[str, str]] = {
    "istio": GATEWAY_CONTROLLER,
    "istio-waypoint": MESH_CONTROLLER,
    "istio-east-west": EAST_WEST_CONTROLLER,
    "istio-remote": REMOTE_CONTROLLER,
}
"""Controllers by class; these classes need not be declared."""
CONTROLLERS: Final = frozenset(BUILT_IN.values())
TUNNELS: Final = frozenset((MESH_CONTROLLER, EAST_WEST_CONTROLLER))
"""Those whose Gateways take HBONE."""


def controller_of(gateway: KubernetesGateway, store: ObjectStore) -> str:
    """The controller of a Gateway's class; empty where nobody knows the class."""
    declared = store.get(GatewayClass, "", gateway.spec.gateway_class_name)
    if declared is None:
        return BUILT_IN.get(gateway.spec.gateway_class_name, "")
    return declared.spec.controller_name
