"""All statuses of a mesh."""

from pilot.model.objects import ObjectKey
from pilot.status.statuses import statuses
from tests.pilot.gatewayapi.worlds import HTTP, route, world
from tests.pilot.model.meshes import edit


def test_the_same_snapshot_says_the_same() -> None:
    found = world(HTTP, route("HTTPRoute", "rules: []"))
    assert statuses(found) == statuses(found)
    assert ObjectKey("HTTPRoute", "app", "r") in statuses(found)


def test_a_change_is_seen() -> None:
    before = world(route("HTTPRoute", "rules: []"))
    assert ObjectKey("HTTPRoute", "app", "r") not in statuses(before)
    after, _ = edit(before, HTTP)
    assert ObjectKey("HTTPRoute", "app", "r") in statuses(after)
