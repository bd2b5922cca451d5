import dataclasses
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilot.errors import MissingNode
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import BY_NAME, CLUSTER, ENDPOINT, HEALTH, LISTENER, NAME_TABLE, ROUTE, TypeUrl
from pilot.xds.events import Acked, Event, HealthReported, Nacked, Nonce, Queried, Stale, Subscribed, Unsubscribed
from pilot.xds.requests import FrontEnd, Request
from pilot.xds.responses import Responses
from pilot.xds.session import Session
from pilot.xds.table import State, Verdict, Wish
from pilot.xds.watch import Watch
from tests.pilot.xds.conversations import (
    DELTA,
    SOTW,
    Conversation,
    brief,
    counted,
    names,
    small_world,
    synced,
)
from tests.pilot.xds.envoys import TYPES
from tests.pilot.xds.recordings import (
    APP,
    DEBUG,
    DIFFERENT,
    SHORT,
    UNKNOWN,
    Istiodlike,
    as_recorded,
    recorded,
    recorded_world,
    to_request,
)
from tests.pilot.xds.trouble import Trouble
from tests.pilot.xds.worlds import World, anything, cluster, endpoints, node

FIELDS = tuple(each.name for each in dataclasses.fields(Watch))
both = pytest.mark.parametrize("front", [SOTW, DELTA], ids=["sotw", "delta"])


# --- requests that have no business with resources ---


@both
def test_first_request_must_say_who_asks(front: FrontEnd) -> None:
    session = Session(front, Responses(), counted())
    with pytest.raises(MissingNode, match=r"^missing node information$"):
        session.receive(Request(CLUSTER))
    with pytest.raises(MissingNode):
        session.receive(Request(CLUSTER, node=type(node())()))
    assert not session.watches
    assert session.receive(Request(CLUSTER, node=node())) == (Subscribed(CLUSTER, names("*")),)
    session.receive(Request(ENDPOINT))  # later ones need no node


@both
def test_health_is_heard_after_the_first_request_and_never_answered(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    assert talk.session.receive(Request(HEALTH, node=node())) == ()
    talk.say(CLUSTER)
    assert talk.say(HEALTH) == []
    assert talk.events == (HealthReported(True, ""),)
    talk.say(HEALTH, error="unwell")
    assert talk.events == (HealthReported(False, "unwell"),)
    assert HEALTH not in talk.session.watches


@both
def test_debug_question_is_answered_once_and_not_watched(front: FrontEnd) -> None:
    talk = Conversation(front)
    assert talk.say(DEBUG, "syncz") == []
    assert talk.events == (Queried(DEBUG, names("syncz")),)
    world = World()
    world.put(DEBUG, anything(DEBUG, "syncz", "text"))
    answer = talk.session.answer(DEBUG, world.all(DEBUG))
    assert (answer.type_url, answer.nonce, answer.body.names) == (DEBUG, "1", ("syncz",))
    assert not talk.session.watches


# --- both protocols ---


@both
def test_first_answer_is_given_even_if_it_is_empty(front: FrontEnd) -> None:
    (response,) = Conversation(front).say(UNKNOWN)
    assert response.body.is_empty


@both
def test_ack_is_not_answered(front: FrontEnd) -> None:
    talk = synced(front)
    assert {talk.state(each) for each in TYPES} == {State.LIVE}
    watch = talk.session.watches[CLUSTER]
    assert (watch.acked, watch.acked_version) == (watch.nonce, talk.world.all(CLUSTER).version)


@both
def test_push_of_unchanged_resources_is_silent(front: FrontEnd) -> None:
    talk = synced(front)
    assert talk.answers(TYPES) == []
    talk.world._sets.clear()  # equal content in other objects
    assert talk.answers(TYPES) == []


@both
def test_push_tells_what_changed_in_order(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(ROUTE, anything(ROUTE, "s", "2"))
    talk.world.put(ENDPOINT, endpoints("b", "2"))
    talk.world.put(LISTENER, anything(LISTENER, "l", "2"))
    assert brief(talk.answers(TYPES)) == [(ENDPOINT, ("b",)), (LISTENER, ("l",)), (ROUTE, ("s",))]
    assert talk.answers(TYPES) == []


@both
def test_refusal_is_announced_with_names_and_not_answered(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(LISTENER, anything(LISTENER, "l", "2"))
    (response,) = talk.answers(TYPES)
    assert talk.say(LISTENER, nonce=response.nonce, error="l: no such filter") == []
    assert talk.events == (Nacked(LISTENER, response.nonce, ("l",), "l: no such filter"),)
    assert talk.state(LISTENER) is State.REJECTED
    assert talk.answers(TYPES) == []  # not sent again until it changes
    assert talk.session.watches[LISTENER].error == "l: no such filter"
    talk.world.put(LISTENER, anything(LISTENER, "l", "1"))
    (response,) = talk.answers(TYPES)  # back to what it was: the client is told
    assert talk.ack(response) == []
    assert talk.state(LISTENER) is State.LIVE
    assert talk.session.watches[LISTENER].error == ""


@both
def test_stale_nonce_is_no_verdict(front: FrontEnd) -> None:
    talk = synced(front)
    assert talk.say(CLUSTER, nonce="of old") == []
    assert talk.events == (Stale(CLUSTER, Nonce("of old")),)
    assert talk.state(CLUSTER) is State.LIVE


@both
def test_nonce_of_an_earlier_stream_is_a_first_request(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    assert brief(talk.say(ENDPOINT, "a", nonce="of old")) == [(ENDPOINT, ("a",))]
    assert talk.events == (Subscribed(ENDPOINT, names("a")),)


@both
def test_refusal_of_an_earlier_stream_is_a_first_request_and_not_answered_twice(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    (response,) = talk.say(CLUSTER, error="no")
    assert talk.events == (Nacked(CLUSTER, Nonce(""), (), "no"), Subscribed(CLUSTER, names("*")))
    assert talk.say(CLUSTER, nonce=response.nonce, error="no") == []
    assert talk.say(CLUSTER, error="no") == []


@both
def test_names_that_a_refusal_asks_for_are_answered(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    (response,) = talk.say(ENDPOINT, "a")
    wanted = ("a", "b") if front is SOTW else ("b",)
    assert brief(talk.say(ENDPOINT, *wanted, nonce=response.nonce, error="no")) == [(ENDPOINT, ("b",))]
    assert talk.events == (Nacked(ENDPOINT, response.nonce, ("a",), "no"), Subscribed(ENDPOINT, names("b")))


@both
def test_type_that_is_not_served_stays_owed(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    talk.world.unserved.add(CLUSTER)
    assert talk.say(CLUSTER) == []
    assert talk.session.owes(CLUSTER)
    talk.world.unserved.clear()
    assert brief(talk.answers()) == [(CLUSTER, ("a", "b"))]


@both
def test_types_without_a_place_in_the_order_come_last(front: FrontEnd) -> None:
    talk = Conversation(front, small_world())
    for type_url in (UNKNOWN, NAME_TABLE, ROUTE, CLUSTER):
        talk.say(type_url, *(["r"] if type_url == ROUTE else []))
    assert talk.session.watched() == (CLUSTER, ROUTE, NAME_TABLE, UNKNOWN)


@both
def test_response_to_what_is_not_watched_is_none(front: FrontEnd) -> None:
    talk = synced(front)
    assert talk.session.respond(NAME_TABLE, EMPTY) is None
    assert not talk.session.owes(NAME_TABLE)
    assert talk.session.wanted(NAME_TABLE).is_empty


@both
def test_streams_of_a_class_share_their_bytes(front: FrontEnd) -> None:
    responses, world, known = Responses(), small_world(), dict[frozenset[str], frozenset[str]]()
    sent = []
    for _ in range(2):
        session = Session(front, responses, counted(), lambda each: known.setdefault(each, each))
        session.receive(Request(ENDPOINT, names=names("a", "b"), node=node()))
        wanted = session.wanted(ENDPOINT)
        response = session.respond(ENDPOINT, world.all(ENDPOINT, wanted.names))
        assert response is not None
        sent.append((response.body, wanted.names, session.watches[ENDPOINT].sent))
    (first, one, held), (second, two, also) = sent
    assert first is second
    assert one is two
    assert held is also


# --- state of the world ---


def test_sotw_list_is_complete_but_endpoints_are_not() -> None:
    talk = synced(SOTW)
    talk.world.put(CLUSTER, cluster("c", "1"))
    talk.world.put(ENDPOINT, endpoints("a", "2"))
    assert brief(talk.answers(TYPES)) == [(CLUSTER, ("a", "b", "c")), (ENDPOINT, ("a",))]


def test_sotw_empty_list_ends_the_watch() -> None:
    talk = synced(SOTW)
    watch = talk.session.watches[ROUTE]
    assert talk.say(ROUTE, nonce=watch.nonce) == []
    assert talk.events == (Acked(ROUTE, watch.nonce or Nonce("")), Unsubscribed(ROUTE, names("r", "s")))
    assert ROUTE not in talk.session.watches
    assert talk.say(ROUTE, nonce=watch.nonce) == []
    assert brief(talk.say(ROUTE, "r", nonce=watch.nonce)) == [(ROUTE, ("r",))]


def test_sotw_names_beside_a_stale_nonce_wait_for_the_next_ack() -> None:
    talk = Conversation(SOTW, small_world())
    (first,) = talk.say(ENDPOINT, "a")
    talk.world.put(ENDPOINT, endpoints("a", "2"))
    (second,) = talk.answers(TYPES)
    assert talk.say(ENDPOINT, "a", "b", nonce=first.nonce) == []
    assert talk.events == (Stale(ENDPOINT, first.nonce),)
    assert brief(talk.say(ENDPOINT, "a", "b", nonce=second.nonce)) == [(ENDPOINT, ("b",))]


def test_sotw_name_given_up_beside_a_stale_nonce_and_wanted_back_is_sent_again() -> None:
    talk = Conversation(SOTW, small_world())
    (first,) = talk.say(ENDPOINT, "a", "b")
    talk.world.put(ENDPOINT, endpoints("a", "2"))
    (second,) = talk.answers(TYPES)
    assert talk.say(ENDPOINT, "a", nonce=first.nonce) == []
    assert brief(talk.say(ENDPOINT, "a", "b", nonce=second.nonce)) == [(ENDPOINT, ("b",))]


# --- delta ---


def test_delta_push_names_what_is_gone() -> None:
    talk = synced(DELTA)
    talk.world.drop(CLUSTER, "b")
    (response,) = talk.answers((CLUSTER,))
    assert (response.body.names, response.body.removed) == ((), ("b",))


def test_delta_name_given_up_is_neither_sent_nor_removed() -> None:
    talk = synced(DELTA)
    assert talk.say(ENDPOINT, unsubscribe=names("b")) == []
    assert talk.events == (Unsubscribed(ENDPOINT, names("b")),)
    talk.world.put(ENDPOINT, endpoints("b", "2"))
    talk.world.drop(ENDPOINT, "a")
    (response,) = talk.answers(TYPES)
    assert (response.body.names, response.body.removed) == ((), ("a",))


def test_delta_name_given_up_and_wanted_again_is_sent() -> None:
    talk = synced(DELTA)
    talk.say(ENDPOINT, unsubscribe=names("b"))
    assert brief(talk.say(ENDPOINT, "b")) == [(ENDPOINT, ("b",))]


def test_delta_name_asked_for_and_given_up_before_the_answer_is_not_answered() -> None:
    talk = synced(DELTA)
    talk.session.receive(Request(ENDPOINT, names=names("x")))
    assert talk.say(ENDPOINT, unsubscribe=names("x"))[0].body.is_empty


def test_delta_name_that_does_not_exist_is_told_as_removed() -> None:
    (response,) = synced(DELTA).say(ENDPOINT, "nowhere")
    assert (response.body.names, response.body.removed) == ((), ("nowhere",))


def test_delta_client_that_comes_back_gets_what_differs() -> None:
    talk = Conversation(DELTA, small_world())
    held = talk.world.all(CLUSTER)
    claims = {"a": held["a"].version, "b": "older", "gone": "1"}
    (response,) = talk.say(CLUSTER, claims=claims)
    assert (response.body.names, response.body.removed) == (("b",), ("gone",))


def test_delta_client_that_comes_back_in_sync_gets_an_empty_answer() -> None:
    talk = synced(DELTA)
    again = Conversation(DELTA, talk.world)
    for type_url, wanted in ((CLUSTER, ()), (ENDPOINT, ("a", "b")), (LISTENER, ()), (ROUTE, ("r", "s"))):
        claims = dict(sent_versions(talk, type_url))
        (response,) = again.say(type_url, *wanted, claims=claims)
        assert response.body.is_empty, type_url
    assert again.answers(TYPES) == []


def sent_versions(talk: Conversation, type_url: TypeUrl) -> Iterator[tuple[str, str]]:
    """What a client remembers: versions as they stood on the wire."""
    fresh = Conversation(DELTA, talk.world)
    fresh.say(CLUSTER)
    response = fresh.session.watches.get(type_url)
    if type_url != CLUSTER:
        (made,) = fresh.say(type_url, *talk.session.wanted(type_url).names)
    else:
        assert response is not None
        (made,) = Conversation(DELTA, talk.world).say(CLUSTER)
    for each in discovery_pb2.DeltaDiscoveryResponse.FromString(made.data).resources:
        yield each.name, each.version


def test_delta_endpoints_come_again_if_the_stream_broke_before_they_reached_an_updated_cluster() -> None:
    talk = synced(DELTA)
    claims = dict(sent_versions(talk, ENDPOINT))
    talk.world.put(CLUSTER, cluster("a", "2"))
    # The client got the cluster, and the stream broke before the endpoints came.
    again = Conversation(DELTA, talk.world)
    held = talk.world.all(CLUSTER)
    (response,) = again.say(CLUSTER, claims={name: held[name].version for name in held})
    assert response.body.is_empty
    assert brief(again.say(ENDPOINT, "a", "b", claims=claims)) == [(ENDPOINT, ("a",))]


def shown(talk: Conversation, type_url: TypeUrl) -> tuple[object, ...] | None:
    """All that a session knows of a type, comparable."""
    watch = talk.session.watches.get(type_url)
    if watch is None:
        return None
    return tuple(
        each.version if isinstance(each, ResourceSet) else each for each in map(watch.__getattribute__, FIELDS)
    )


@both
def test_accepting_and_nothing_else_is_what_the_table_says(front: FrontEnd) -> None:
    """The short cut of `receive` against the long way, for everything a client may say beside a current nonce."""
    for type_url, (wanted, gone, error) in product(
        (CLUSTER, ENDPOINT), product(((), ("a",), ("b",), ("a", "b"), ("*",), ("c",)), ((), ("a",)), (None, "no"))
    ):
        short, long = synced(front), synced(front)
        long.session._is_plain_ack = lambda *_: False  # type: ignore[method-assign]
        for talk in (short, long):
            nonce = talk.session.watches[type_url].nonce or ""
            unsubscribe = names(*gone) if front is DELTA else names()
            talk.say(type_url, *wanted, nonce=nonce, error=error, unsubscribe=unsubscribe)
        assert short.events == long.events
        assert shown(short, type_url) == shown(long, type_url)


@both
def test_new_listener_does_not_repeat_routes(front: FrontEnd) -> None:
    talk = synced(front)
    talk.world.put(LISTENER, anything(LISTENER, "l", "2"))
    assert [each.type_url for each in talk.answers(TYPES)] == [LISTENER]


# --- every (state, request) ---


WISHES: Mapping[str, Mapping[str, Any]] = {
    "same": {},
    "more": {"names": names("a", "b", "c")},
    "less": {"names": names("a"), "unsubscribe": names("b")},
    "nothing": {"unsubscribe": names("a", "b", "c", "*")},
    "star": {"names": names("*")},
}


@both
@pytest.mark.parametrize("type_url", [CLUSTER, ENDPOINT])
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("nonce", "error"), list(product(["", "last", "stale"], [None, "no"])))
@pytest.mark.parametrize("wish", WISHES)
def test_every_state_takes_every_request(
    front: FrontEnd, type_url: TypeUrl, state: State, nonce: str, error: str | None, wish: str
) -> None:
    talk = Conversation(front, small_world())
    talk.say(LISTENER)
    bring_to(talk, type_url, state)
    last = talk.session.watches[type_url].nonce if type_url in talk.session.watches else None
    owed = talk.session.owes(type_url)
    spoken = {"": "", "last": last or "", "stale": "of old"}[nonce]
    events = talk.session.receive(Request(type_url, spoken, error, **WISHES[wish]))
    asked = any(isinstance(event, Subscribed) for event in events)
    refused = any(isinstance(event, Nacked) for event in events)
    assert refused or error is None or type_url not in talk.session.watches
    if front is SOTW and spoken == "of old" and state is not State.NEW:
        assert talk.session.owes(type_url) == (owed and type_url in talk.session.watches)
    assert talk.session.owes(type_url) == (type_url in talk.session.watches and (owed or asked))
    responses = talk.answers()
    assert bool(responses) == (owed or asked) or type_url not in talk.session.watches
    assert not talk.answers()  # no answer calls for another
    assert not talk.answers(TYPES)


def bring_to(talk: Conversation, type_url: TypeUrl, state: State) -> None:
    """Steers one type into a state; a and b are wanted then, or everything."""
    wanted = names("a", "b") if type_url in BY_NAME else names()
    if state is State.NEW:
        return
    if state is State.ASKED:
        talk.session.receive(Request(type_url, names=wanted))
        return
    (response,) = talk.say(type_url, *wanted)
    if state is State.LIVE:
        talk.ack(response)
    if state is State.REJECTED:
        given = wanted if talk.front is SOTW else ()
        talk.say(type_url, *given, nonce=response.nonce, error="no")
    assert talk.state(type_url) is state


def test_every_row_of_the_table_can_happen() -> None:
    """Nothing in the table is dead but what no request can be: an ACK of a type that was never sent."""
    seen = set[tuple[State, Verdict, Wish]]()
    for front, type_url, state, wish in product([SOTW, DELTA], [CLUSTER, ENDPOINT], State, WISHES.values()):
        for nonce, error in product(["", "last", "stale"], [None, "no"]):
            talk = Conversation(front, small_world())
            talk.say(LISTENER)
            bring_to(talk, type_url, state)
            if state is State.ASKED:  # asked again, after an answer
                talk.answers()
                bring_to(talk, type_url, state)
            watch = talk.session.watches.get(type_url)
            last = watch.nonce if watch else None
            request = Request(type_url, {"": "", "last": last or "", "stale": "of old"}[nonce], error, **wish)
            step = front.step(request, watch.wanted if watch else None, nonce != "stale")
            verdict = watch.verdict(request) if watch else Verdict.NACK if error else Verdict.STALE
            seen.add((state, verdict, Wish.NOTHING if step.ends else Wish.MORE if step.asked else Wish.SAME))
    impossible = {(State.NEW, verdict, wish) for verdict, wish in product((Verdict.NONE, Verdict.ACK), Wish)}
    assert set(product(State, Verdict, Wish)) - seen - impossible == set()


# --- a model of Envoy, all kinds of trouble ---


class TroubleSotw(Trouble):
    front = SOTW


class TroubleDelta(Trouble):
    front = DELTA


LONG = settings(max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
TestTroubleSotw = TroubleSotw.TestCase
TestTroubleSotw.settings = LONG
TestTroubleDelta = TroubleDelta.TestCase
TestTroubleDelta.settings = LONG


@both
@settings(max_examples=200, deadline=None)
@given(
    requests=st.lists(
        st.builds(
            Request,
            type_url=st.sampled_from([*TYPES, NAME_TABLE, HEALTH, DEBUG, UNKNOWN]),
            nonce=st.sampled_from(["", "1", "2", "3", "4", "x"]),
            error=st.sampled_from([None, None, "", "a is bad"]),
            names=st.frozensets(st.sampled_from(["a", "b", "c", "*", ""])),
            unsubscribe=st.frozensets(st.sampled_from(["a", "b", "*"])),
            claims=st.dictionaries(st.sampled_from(["a", "b", "z"]), st.sampled_from(["", "1"])),
            node=st.sampled_from([None, node()]),
        ),
        max_size=12,
    )
)
def test_no_request_breaks_a_session(front: FrontEnd, requests: list[Request]) -> None:
    talk = Conversation(front, small_world())
    knows_node = False
    for request in requests:
        if not knows_node and request.type_url != HEALTH and request.node is None:
            with pytest.raises(MissingNode):
                talk.session.receive(request)
            continue
        knows_node = knows_node or request.type_url != HEALTH
        events: tuple[Event, ...] = talk.session.receive(request)
        assert all(isinstance(event, Event) for event in events)
        talk.answers()
        assert not talk.answers()


# --- conversations with istiod ---


@pytest.mark.shared
@pytest.mark.parametrize(
    "name", ["sotw", "sotw-reconnect", "sotw-unknown-type", "delta", "delta-reconnect", "delta-unknown-type"]
)
def test_conversation_with_istiod_goes_as_recorded(name: str) -> None:
    steps = recorded(name)
    delta = name.startswith("delta")
    talk = Conversation(DELTA if delta else SOTW, recorded_world(steps))
    everything = sorted(talk.world.all(CLUSTER))
    for step in steps:
        request = to_request(step, talk.session, delta)
        events = talk.session.receive(request)
        said = [as_recorded(response, delta) for response in talk.answers()]
        if request.type_url == DEBUG:  # refused by the server: see test_server.py
            assert events == (Queried(DEBUG, request.names),)
        elif (name, step["step"]) in DIFFERENT:
            expected = [(kind, everything if n == ["all"] else n) for kind, n in DIFFERENT[name, step["step"]]]
            assert [(each["type"], each["resources"]) for each in said] == expected, step["step"]
            assert said != step["receive"], f"{step['step']}: no longer different"
        else:
            assert said == step["receive"], step["step"]


@pytest.mark.shared
def test_stream_without_node_ends_as_recorded() -> None:
    (step,) = recorded("sotw-no-node")
    with pytest.raises(MissingNode) as caught:
        Conversation(SOTW).session.receive(to_request(step, Session(SOTW, Responses(), counted()), False))
    assert step["receive"] == [{"end": f"{caught.value.code}: {caught.value}"}]


@pytest.mark.shared
@pytest.mark.parametrize("front", [SOTW, DELTA], ids=["sotw", "delta"])
def test_changes_push_less_than_istiod_does(front: FrontEnd) -> None:
    """The recordings name resources, not contents: what appears is new, what they remove is gone, the rest is equal."""
    steps = recorded("changes-delta" if front is DELTA else "changes-sotw")
    later = {name for step in steps[1:] for message in step["receive"] for name in message["resources"]}
    first = {message["type"]: message["resources"] for message in steps[0]["receive"]}
    talk = Conversation(front, Istiodlike({each: {} for each in SHORT.values()}))
    for kind in ("CDS", "LDS"):
        talk.world.put(SHORT[kind], *(anything(SHORT[kind], name) for name in first[kind]))
    watched = {
        CLUSTER: (),
        ENDPOINT: [f"outbound|9080||{n}.{APP}" for n in ("details", "reviews")],
        LISTENER: (),
        ROUTE: ("80", "9080"),
    }
    for type_url, wanted in watched.items():
        (response,) = talk.say(type_url, *wanted)
        talk.ack(response)
    assert later
    for step in steps[1:]:
        told = {message["type"]: message for message in step["receive"]}
        gone = {kind: told.get(kind, {}).get("removed", []) for kind in ("CDS", "LDS")}
        for kind in ("CDS", "LDS"):
            type_url, message = SHORT[kind], told.get(kind)
            if message is None:
                continue
            known = set(talk.world.resources[type_url])
            talk.world.put(type_url, *(anything(type_url, n) for n in message["resources"] if n not in known))
            if front is SOTW:
                gone[kind] = sorted(known - set(message["resources"]))
            talk.world.drop(type_url, *gone[kind])
        for response in talk.answers(TYPES):
            said = as_recorded(response, front is DELTA)
            recorded_one = told[said["type"]]
            assert set(said["resources"]) <= set(recorded_one["resources"]), step["step"]
            if front is DELTA:
                assert said["removed"] == recorded_one["removed"] == gone[said["type"]], step["step"]
            talk.ack(response)
