import dataclasses

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from pilot.resources import EMPTY, ResourceSet, resource_set
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER
from pilot.xds import wire
from pilot.xds.responses import TURNS, Difference, Responses, claimed, version_on_wire
from pilot.xds.subscription import NO_NAMES, Subscription
from tests.pilot.xds.worlds import cluster, endpoints

ALL = Subscription(wildcard=True)


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


def clusters(**contents: str) -> ResourceSet:
    return resource_set(cluster(name, content) for name, content in contents.items())


def test_difference_names_what_changed_and_what_is_gone() -> None:
    old, new = clusters(a="1", b="1", z="1", y="1"), clusters(c="1", b="2", a="1")
    assert Responses().difference(old, new) == Difference(("c", "b"), ("y", "z"))


def test_equal_content_is_no_difference_though_the_objects_differ() -> None:
    assert Responses().difference(clusters(a="1"), clusters(a="1")) == Difference((), ())


def test_delta_body_holds_what_changed_and_what_is_gone() -> None:
    old, new = clusters(a="1", b="1", z="1"), clusters(a="1", b="2", c="1")
    body = Responses().delta(CLUSTER, old, new, NO_NAMES, ALL)
    assert (body.names, body.removed, body.updated) == (("b", "c"), ("z",), ("b", "c"))
    message = discovery_pb2.DeltaDiscoveryResponse.FromString(body.data)
    assert [(each.name, each.version) for each in message.resources] == [(n, new[n].version) for n in ("b", "c")]
    assert list(message.removed_resources) == ["z"]
    assert message.system_version_info == new.version


def test_delta_body_repeats_an_unchanged_name_that_is_asked_for() -> None:
    held = clusters(a="1", b="1")
    body = Responses().delta(CLUSTER, held, held, names("b"), ALL)
    assert (body.names, body.removed) == (("b",), ())


def test_delta_body_repeats_everything_for_the_star() -> None:
    held = clusters(a="1", b="1")
    assert Responses().delta(CLUSTER, held, held, names("*"), ALL).names == ("a", "b")


def test_delta_body_tells_that_an_asked_name_does_not_exist_only_once() -> None:
    old, new = resource_set([endpoints("a")]), resource_set([])
    body = Responses().delta(ENDPOINT, old, new, names("a", "b"), Subscription(names("a", "b")))
    assert body.removed == ("a", "b")  # Envoy refuses a response that has a name twice


def test_delta_body_does_not_remove_what_was_given_up() -> None:
    old, new = resource_set([endpoints("a"), endpoints("b")]), resource_set([])
    body = Responses().delta(ENDPOINT, old, new, NO_NAMES, Subscription(names("b")))
    assert body.removed == ("b",)


def test_delta_body_finds_an_asked_name_among_aliases() -> None:
    known = resource_set([dataclasses.replace(cluster("a"), aliases=("x",))])
    body = Responses().delta(CLUSTER, EMPTY, known, names("x"), ALL)
    assert (body.names, body.removed) == (("a",), ())


def test_sotw_body_is_complete_for_a_wildcard_type() -> None:
    old, new = clusters(a="1", b="1"), clusters(a="1", b="2")
    body = Responses().sotw(CLUSTER, old, new, NO_NAMES)
    assert (body.names, body.updated) == (("a", "b"), ("b",))
    assert len(discovery_pb2.DiscoveryResponse.FromString(body.data).resources) == 2


def test_sotw_body_is_empty_if_nothing_changed() -> None:
    held = clusters(a="1")
    assert Responses().sotw(CLUSTER, held, held, NO_NAMES).is_empty
    assert Responses().sotw(CLUSTER, held, clusters(a="1"), NO_NAMES).is_empty


def test_sotw_body_says_that_the_last_resource_is_gone() -> None:
    body = Responses().sotw(LISTENER, clusters(a="1"), EMPTY, NO_NAMES)
    assert not body.is_empty
    assert body.removed == ("a",)
    assert not discovery_pb2.DiscoveryResponse.FromString(body.data).resources


def test_sotw_body_is_partial_for_a_type_asked_for_by_name() -> None:
    old = resource_set([endpoints("a"), endpoints("b", "1"), endpoints("c")])
    new = resource_set([endpoints("a"), endpoints("b", "2"), endpoints("d")])
    body = Responses().sotw(ENDPOINT, old, new, names("a", "x"))
    assert (body.names, body.removed) == (("a", "b", "d"), ())


def test_sotw_body_cannot_say_that_endpoints_are_gone() -> None:
    assert Responses().sotw(ENDPOINT, resource_set([endpoints("a")]), EMPTY, NO_NAMES).is_empty


def test_bodies_of_one_class_are_one_object() -> None:
    responses, old, new = Responses(), clusters(a="1"), clusters(a="2")
    first = responses.delta(CLUSTER, old, new, names("x", "y"), Subscription(names("x", "y", "a")))
    second = responses.delta(CLUSTER, old, new, names("y", "x"), Subscription(names("a", "x", "y")))
    assert first is second
    assert responses.sotw(CLUSTER, old, new, NO_NAMES) is responses.sotw(CLUSTER, old, new, NO_NAMES)


def test_streams_that_gave_up_different_names_do_not_share() -> None:
    responses, old = Responses(), resource_set([endpoints("a"), endpoints("b")])
    first = responses.delta(ENDPOINT, old, EMPTY, NO_NAMES, Subscription(names("a")))
    second = responses.delta(ENDPOINT, old, EMPTY, NO_NAMES, Subscription(names("b")))
    assert (first.removed, second.removed) == (("a",), ("b",))


def test_bodies_of_classes_that_differ_in_little_share_most_of_their_bytes() -> None:
    common = [cluster(f"c{number}", "x" * 100) for number in range(500)]
    responses = Responses()
    one, other = (resource_set([*common, cluster("own", content)]) for content in "ab")
    first, second = (responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL) for held in (one, other))
    shared = {id(chunk) for chunk in first.chunks} & {id(chunk) for chunk in second.chunks}
    assert len(shared) >= len(first.chunks) - 2  # all but the frame and the last
    message = discovery_pb2.DeltaDiscoveryResponse.FromString(second.data)
    assert [each.name for each in message.resources] == list(other)
    full = discovery_pb2.DiscoveryResponse.FromString(responses.sotw(CLUSTER, EMPTY, other, NO_NAMES).data)
    assert [each.SerializeToString(deterministic=True) for each in full.resources] == [
        each.body for each in other.resources.values()
    ]


def test_endpoints_are_shared_by_classes_that_have_the_same_clusters_for_them() -> None:
    held = resource_set([endpoints("a"), endpoints("b")])
    one, same, different = clusters(a="1", b="1", c="1"), clusters(a="1", b="1"), clusters(a="1", b="2")
    responses = Responses()
    bodies = [responses.delta(ENDPOINT, EMPTY, held, NO_NAMES, ALL, known) for known in (one, same, different)]
    assert bodies[0].chunks[1] is bodies[1].chunks[1]
    assert bodies[0].data == bodies[1].data != bodies[2].data


def test_memory_is_bounded_and_forgetting_costs_only_time() -> None:
    responses, held = Responses(budget=10_000), clusters(a="x" * 6_000)
    first = responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL)
    assert responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL) is first
    responses.delta(CLUSTER, EMPTY, clusters(a="y" * 6_000), NO_NAMES, ALL)
    again = responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL)
    assert again is not first
    assert again.data == first.data


def test_body_larger_than_the_budget_is_still_made() -> None:
    assert Responses(budget=1).delta(CLUSTER, EMPTY, clusters(a="x" * 600), NO_NAMES, ALL).names == ("a",)


def test_claims_that_hold_are_not_sent_again() -> None:
    new = clusters(a="1", b="2", c="1")
    claims = {"a": new["a"].version, "b": "other", "z": "any"}
    body = claimed(CLUSTER, claims, new, NO_NAMES, ALL)
    assert (body.names, body.removed) == (("b", "c"), ("z",))


def test_claimed_name_that_is_not_wanted_is_not_removed() -> None:
    assert claimed(ENDPOINT, {"z": "1"}, EMPTY, NO_NAMES, Subscription()).is_empty


def test_endpoints_remember_the_cluster_they_were_sent_for() -> None:
    """A cluster that changed while its stream was broken waits for endpoints that did not change."""
    held = resource_set([endpoints("a"), endpoints("b")])
    before, after = clusters(a="1", b="1"), clusters(a="2", b="1")
    sent = Responses().delta(ENDPOINT, EMPTY, held, NO_NAMES, Subscription(names("a", "b")), before)
    message = discovery_pb2.DeltaDiscoveryResponse.FromString(sent.data)
    claims = {each.name: each.version for each in message.resources}
    assert claims == {name: version_on_wire(held[name], before) for name in ("a", "b")}
    wanted = Subscription(names("a", "b"))
    assert claimed(ENDPOINT, claims, held, NO_NAMES, wanted, before).is_empty
    assert claimed(ENDPOINT, claims, held, NO_NAMES, wanted, after).names == ("a",)


def test_endpoints_whose_cluster_is_unknown_are_always_sent_after_a_reconnect() -> None:
    held = resource_set([endpoints("a")])
    claims = {"a": held["a"].version}
    wanted = Subscription(names("a"))
    assert claimed(ENDPOINT, claims, held, NO_NAMES, wanted, clusters(other="1")).names == ("a",)
    assert claimed(ENDPOINT, claims, held, NO_NAMES, wanted).is_empty  # no clusters on this stream: nothing warms


def test_clusters_wait_for_the_endpoints_of_what_was_updated() -> None:
    responses = Responses()
    old, new = clusters(a="1", b="1"), resource_set([cluster("a", "2"), cluster("b", "1"), cluster("c", endpoints="x")])
    body = responses.delta(CLUSTER, old, new, NO_NAMES, ALL)
    assert responses.endpoints_behind(body, new) == {"a", "x"}
    assert responses.endpoints_behind(body, new) is responses.endpoints_behind(body, new)


def test_what_was_not_needed_for_some_turns_is_forgotten() -> None:
    responses, held = Responses(), clusters(a="1")
    first = responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL)
    responses.turn()
    assert responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL) is first
    for _ in range(TURNS + 1):
        responses.turn()
    again = responses.delta(CLUSTER, EMPTY, held, NO_NAMES, ALL)
    assert again is not first
    assert again.data == first.data


def test_a_first_answer_is_put_together_of_what_was_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    responses, many = Responses(), clusters(**{f"c{number}": "1" for number in range(2000)})
    assert len(list(responses.prepare_delta(many))) > 1
    assert list(responses.prepare_delta(many)) == [], "once for all streams"
    whole = Responses().delta(CLUSTER, EMPTY, many, NO_NAMES, ALL).data
    encoded: list[object] = []
    monkeypatch.setattr(wire, "encode_delta", lambda *args: encoded.append(args))
    assert responses.delta(CLUSTER, EMPTY, many, NO_NAMES, ALL).data == whole
    assert encoded == []
