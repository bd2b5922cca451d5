"""Who serves a Gateway: the controllers of this control plane, and their built-in classes.

In: Gateways and GatewayClasses. Out: names of controllers. Source: installation 9.1.
"""

from collections.abc import Mapping
from typing import Final

from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway
from pilot.model.features import Features
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
_DEFAULT: Final = Features()
CONTROLLERS: Final = frozenset(BUILT_IN.values())
TUNNELS: Final = frozenset((MESH_CONTROLLER, EAST_WEST_CONTROLLER))
"""Those whose Gateways take HBONE."""


def built_in(features: Features) -> Mapping[str, str]:
    """What each class that need not be declared is for, as one of the controllers above."""
    return {features.gateway_class if name == "istio" else name: role for name, role in BUILT_IN.items()}


def role_of(controller: str, features: Features) -> str:
    """Which of the controllers above a name stands for: that of gateways may have another name here."""
    if controller == features.gateway_controller:
        return GATEWAY_CONTROLLER
    return "" if controller == GATEWAY_CONTROLLER else controller


def controller_of(gateway: KubernetesGateway, store: ObjectStore, features: Features = _DEFAULT) -> str:
    """The controller of a Gateway's class, by its role; empty where nobody knows the class."""
    declared = store.get(GatewayClass, "", gateway.spec.gateway_class_name)
    if declared is None:
        return built_in(features).get(gateway.spec.gateway_class_name, "")
    return role_of(declared.spec.controller_name, features)
