from pilot.generators import routes
from pilot.resources import EMPTY
from tests import recordings
from tests.pilot.generators.worlds import REVIEWS, gateway, sidecar, view

NAMES = frozenset({"80", "8080", "http_proxy", "what is this"})


def test_every_name_that_is_asked_for_has_an_answer() -> None:
    assert set(routes.build(view(REVIEWS), NAMES)) == NAMES
    assert set(routes.build(view(REVIEWS, gateway()), NAMES)) == NAMES


def test_only_what_is_asked_for_is_made() -> None:
    assert not routes.build(view(REVIEWS), frozenset())


def test_proxies_that_see_the_same_share_their_routes() -> None:
    snapshot = recordings.snapshot_of(REVIEWS)
    first = routes.build(recordings.view_of(snapshot, sidecar()), NAMES)
    second = routes.build(recordings.view_of(snapshot, sidecar(ip="10.9.0.7")), frozenset(NAMES))

    assert second is first


def test_other_kinds_of_proxies_have_their_own_generators() -> None:
    waypoint = {**sidecar(), "id": "waypoint~10.9.0.1~w.default~default.svc.cluster.local"}

    assert routes.build(view(REVIEWS, waypoint), NAMES) is EMPTY
