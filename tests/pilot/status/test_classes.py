"""Status of GatewayClasses."""

from pilot.status.statuses import statuses
from tests.pilot.gatewayapi.worlds import world
from tests.pilot.status.worlds import brief, status

OWN = "\n---\nkind: GatewayClass\nmetadata: {name: own, generation: 3}\nspec: {controllerName: CONTROLLER}\n"


def test_classes_of_ours_are_accepted() -> None:
    found = status("GatewayClass", "own", OWN.replace("CONTROLLER", "istio.io/gateway-controller"))
    assert brief(found["conditions"]) == {"Accepted": "True Accepted"}
    assert found["conditions"][0]["observedGeneration"] == 3
    assert status("GatewayClass", "own", OWN.replace("CONTROLLER", "example.com/x")) is None


def test_built_in_classes_are_there_anyway() -> None:
    assert {key.name for key in statuses(world())} == {"istio", "istio-remote"}
    assert {key.name for key in statuses(world(ambient=True))} == {"istio", "istio-remote", "istio-waypoint"}
    everything = {key.name for key in statuses(world(ambient=True, ambient_multi_network=True))}
    assert everything == {"istio", "istio-remote", "istio-waypoint", "istio-east-west"}
    assert not statuses(world(gateway_api=False))
