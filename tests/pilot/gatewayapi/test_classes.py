"""Whose Gateways are ours."""

from pilot.gatewayapi.classes import BUILT_IN, controller_of
from pilot.gatewayapi.gateway import KubernetesGateway
from tests.pilot.gatewayapi.worlds import gateway, world


def controller(class_name: str, *documents: str) -> str:
    """Of a Gateway of that class."""
    found = world(gateway("[]").replace("gatewayClassName: istio", f"gatewayClassName: {class_name}"), *documents)
    (declared,) = found.seen.of(KubernetesGateway)
    return controller_of(declared, found.seen)


def test_built_in_classes_need_not_be_declared() -> None:
    assert {name: controller(name) for name in BUILT_IN} == dict(BUILT_IN)
    assert controller("nobody") == ""


def test_what_is_declared_counts() -> None:
    declared = "\n---\nkind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: example.com/theirs}\n"
    assert controller("istio", declared) == "example.com/theirs"
