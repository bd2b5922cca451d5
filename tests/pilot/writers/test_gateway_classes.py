"""The built-in GatewayClasses."""

from pilot.model.features import Features
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.writers.gateway_classes import DESCRIPTIONS, select_missing
from tests.pilot.model.meshes import objects


def test_those_that_are_missing_are_made_waypoints_only_with_ambient() -> None:
    assert set(select_missing(Snapshot.empty())) == {"istio", "istio-remote"}
    assert "istio-waypoint" in select_missing(Snapshot.empty(features=Features(ambient=True)))
    several = Features(ambient=True, ambient_multi_network=True)
    assert "istio-east-west" in select_missing(Snapshot.empty(features=several))
    assert not select_missing(Snapshot.empty(features=Features(gateway_api=False)))


def test_one_that_is_there_is_left_alone_whatever_it_says() -> None:
    text = "kind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: somebody.else/x}"
    mesh = Snapshot.empty().apply(Event(each.key, each) for each in objects(text))[0]
    assert set(select_missing(mesh)) == {"istio-remote"}


def test_the_api_server_takes_the_descriptions() -> None:
    assert all(len(each) <= 64 for each in DESCRIPTIONS.values())
