import pytest

from pilot.resources import Resource, resource_set
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE
from pilot.xds.requests import FrontEnd, Request
from pilot.xds.session import Response
from pilot.xds.warming import endpoints_behind
from tests.pilot.xds.conversations import DELTA, SOTW, Conversation, brief, names, synced
from tests.pilot.xds.envoys import TYPES
from tests.pilot.xds.worlds import anything, cluster, endpoints, static_cluster

both = pytest.mark.parametrize("front", [SOTW, DELTA], ids=["sotw", "delta"])


def test_updated_clusters_wait_for_endpoints_of_their_name() -> None:
    clusters = resource_set([cluster("a"), cluster("b"), static_cluster("c")])
    assert endpoints_behind(clusters, ("a", "c")) == {"a"}


def test_cluster_may_ask_for_endpoints_under_another_name() -> None:
    assert endpoints_behind(resource_set([cluster("a", endpoints="x")]), ("a",)) == {"x"}


def test_removed_cluster_waits_for_nothing() -> None:
    assert not endpoints_behind(resource_set([]), ("a",))


def test_cluster_that_cannot_be_read_counts_as_waiting() -> None:
    assert endpoints_behind(resource_set([Resource("a", b"\xff\xff", "1")]), ("a",)) == {"a"}


# --- sessions ---


@both
def test_endpoints_follow_an_updated_cluster_though_they_did_not_change(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(CLUSTER, cluster("a", "2"))
    sent = ("a", "b") if front is SOTW else ("a",)
    assert brief(talk.answers((CLUSTER,))) == [(CLUSTER, sent), (ENDPOINT, ("a",))]
    assert talk.answers(TYPES) == []


@both
def test_endpoints_follow_a_cluster_that_was_removed_and_added_again(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.drop(CLUSTER, "a")
    talk.answers(TYPES)
    talk.world.put(CLUSTER, cluster("a", "1"))
    assert brief(talk.answers(TYPES))[1:] == [(ENDPOINT, ("a",))]


@both
def test_endpoints_follow_under_the_name_that_the_cluster_asks_for(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(CLUSTER, cluster("c", endpoints="b"))
    assert brief(talk.answers(TYPES))[1:] == [(ENDPOINT, ("b",))]


@both
def test_new_cluster_without_a_watch_of_its_endpoints_owes_nothing(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(CLUSTER, cluster("c", "1"))
    assert [each.type_url for each in talk.answers(TYPES)] == [CLUSTER]
    assert not talk.session.owes(ENDPOINT)


# --- what leads to new clusters waits until they are warm ---


def with_a_new_cluster(front: FrontEnd) -> tuple[Conversation, Response]:
    """A cluster and a route to it came together; the cluster has been sent."""
    talk = synced(front)
    talk.world.put(CLUSTER, cluster("new", "1"))
    talk.world.put(ENDPOINT, endpoints("new", "1"))
    talk.world.put(ROUTE, anything(ROUTE, "r", "to new"))
    (response,) = talk.answers(pushed=(CLUSTER,))
    return talk, response


@both
def test_routes_wait_until_the_endpoints_of_a_new_cluster_were_sent(front: FrontEnd) -> None:
    talk, response = with_a_new_cluster(front)
    assert [talk.session.holds(each) for each in (CLUSTER, ENDPOINT, LISTENER, ROUTE)] == [False, False, True, True]
    talk.ack(response)
    assert talk.session.holds(ROUTE), "that it has the cluster is not enough"
    held = talk.session.wanted(ENDPOINT).names if front is SOTW else ()
    assert brief(talk.say(ENDPOINT, *held, "new", nonce=talk.session.watches[ENDPOINT].nonce)) == [(ENDPOINT, ("new",))]
    assert not talk.session.holds(ROUTE)
    assert not talk.session.holds(LISTENER)


@both
def test_what_a_client_asks_for_never_waits(front: FrontEnd) -> None:
    talk, _ = with_a_new_cluster(front)
    known = ("r", "s") if front is SOTW else ()
    talk.session.receive(Request(ROUTE, nonce=talk.session.watches[ROUTE].nonce or "", names=names(*known, "more")))
    assert not talk.session.holds(ROUTE)
    assert talk.session.holds(LISTENER)


@both
def test_nothing_waits_for_a_cluster_that_was_refused(front: FrontEnd) -> None:
    talk, response = with_a_new_cluster(front)
    talk.say(CLUSTER, nonce=response.nonce, error="no")
    assert not talk.session.holds(ROUTE)


@both
def test_nothing_waits_for_a_cluster_that_went_again(front: FrontEnd) -> None:
    talk, _ = with_a_new_cluster(front)
    talk.world.drop(CLUSTER, "new")
    talk.answers(pushed=(CLUSTER,))
    assert not talk.session.holds(ROUTE)


@both
def test_nothing_waits_longer_than_it_is_let(front: FrontEnd) -> None:
    talk, _ = with_a_new_cluster(front)
    talk.session.release()
    assert not talk.session.holds(ROUTE)


@both
def test_updated_clusters_and_clusters_without_endpoints_hold_nothing_back(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(CLUSTER, cluster("a", "2"), static_cluster("plain"))
    assert brief(talk.answers(pushed=(CLUSTER,)))[-1] == (ENDPOINT, ("a",)), "known endpoints are sent again at once"
    assert not talk.session.holds(ROUTE)
