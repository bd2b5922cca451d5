"""Whose Gateways are ours."""

from pilot.gatewayapi.classes import BUILT_IN, GATEWAY_CONTROLLER, controller_of
from pilot.gatewayapi.gateway import KubernetesGateway
from tests.pilot.gatewayapi.worlds import gateway, world


def controller(class_name: str, *documents: str, **features: str) -> str:
    """Of a Gateway of that class."""
    text = gateway("[]").replace("gatewayClassName: istio", f"gatewayClassName: {class_name}")
    found = world(text, *documents, **features)
    (declared,) = found.seen.of(KubernetesGateway)
    return controller_of(declared, found.seen, found.features)


def test_built_in_classes_need_not_be_declared() -> None:
    assert {name: controller(name) for name in BUILT_IN} == dict(BUILT_IN)
    assert controller("nobody") == ""


def test_what_is_declared_counts() -> None:
    declared = "\n---\nkind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: example.com/theirs}\n"
    assert controller("istio", declared) == "example.com/theirs"


def test_a_second_control_plane_has_names_of_its_own() -> None:
    theirs = "\n---\nkind: GatewayClass\nmetadata: {name: plain}\nspec: {controllerName: istio.io/gateway-controller}\n"
    ours = "\n---\nkind: GatewayClass\nmetadata: {name: openshift}\nspec: {controllerName: example.com/controller}\n"
    names = {"gateway_class": "openshift-default", "gateway_controller": "example.com/controller"}
    assert controller("openshift-default", **names) == GATEWAY_CONTROLLER
    assert controller("openshift", ours, **names) == GATEWAY_CONTROLLER
    assert controller("plain", theirs, **names) == controller("istio", **names) == ""
