"""Refusals, verdicts and sets against the quarantine, without a stream."""

from pilot.resources import EMPTY, Origin, Resource, ResourceSet, resource_of_bytes, resource_set
from pilot.type_urls import LISTENER
from pilot.xds import quarantine
from pilot.xds.quarantine import LIMIT, PATIENCE, TERM, Quarantine, Refusal

PLACE = ("gateways", LISTENER)
ORIGIN = Origin("EnvoyFilter", "shop", "bad")


def made(**values: str) -> ResourceSet:
    """A set of these names and contents."""
    return resource_set(each(name, value) for name, value in values.items())


def each(name: str, value: str) -> Resource:
    return resource_of_bytes(LISTENER, name, value.encode(), (ORIGIN,))


def refuse(
    ward: Quarantine, words: str, sent: ResourceSet, good: ResourceSet, by: str = "p-1", last: bool = True
) -> frozenset[str] | None:
    return ward.refused(Refusal(PLACE, by, words, sent, good, tuple(sent), last), 0.0)


def serve(ward: Quarantine, wanted: ResourceSet, by: str = "p-1", now: float = 0.0) -> dict[str, str]:
    """Versions by name, of what a connection is sent."""
    found = ward.served(PLACE, by, None, wanted, now)
    return {name: resource.version for name, resource in found.resources.items()}


def versions(of: ResourceSet) -> dict[str, str]:
    return {name: resource.version for name, resource in of.resources.items()}


GOOD, BAD = made(a="1", b="1"), made(a="2", b="2")


def test_what_the_words_name_is_withheld_and_the_rest_flows() -> None:
    ward = Quarantine()
    assert ward.is_idle
    assert refuse(ward, "Error updating listener a: no", BAD, GOOD) == frozenset("a")
    assert serve(ward, BAD) == versions(made(b="2", a="1"))
    assert serve(ward, BAD, "p-2") == versions(made(b="2", a="1"))
    (entry,) = ward.entries()
    assert (entry.resource.name, entry.origins, entry.refused_by) == ("a", (ORIGIN,), {"p-1"})
    assert not ward.is_idle


def test_another_version_ends_it() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    serve(ward, BAD)
    later = made(a="3", b="2")
    assert serve(ward, later) == versions(later)
    assert ward.is_idle
    assert ward.entries() == ()


def test_a_resource_that_is_gone_ends_it() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    assert serve(ward, made(b="2")) == versions(made(b="2"))
    assert ward.is_idle


def test_what_was_not_asked_for_is_not_gone() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    ward.served(PLACE, "p-1", frozenset(("b",)), made(b="2"), 0.0)
    assert not ward.is_idle


def test_a_proxy_that_is_meant_another_version_does_not_end_it_for_others() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    other = made(a="other", b="2")
    assert serve(ward, other, "p-2") == versions(other)
    assert serve(ward, BAD)["a"] == GOOD["a"].version


def test_without_a_good_version_it_is_left_out() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, EMPTY)
    assert serve(ward, BAD) == versions(made(b="2"))


def test_a_good_version_of_another_proxy_is_served() -> None:
    ward = Quarantine()
    ward.refused(Refusal(PLACE, "p-1", "a", BAD, EMPTY), 0.0, lambda name: GOOD[name])
    assert serve(ward, BAD)["a"] == GOOD["a"].version


def test_the_next_bad_version_keeps_the_good_one() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    served = ward.served(PLACE, "p-1", None, BAD, 0.0)
    worse = made(a="worse", b="2")
    serve(ward, worse)
    refuse(ward, "a", worse, served)
    assert serve(ward, worse)["a"] == GOOD["a"].version


def test_equal_sets_are_replaced_by_one_object() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    assert ward.served(PLACE, "p-1", None, BAD, 0.0) is ward.served(PLACE, "p-2", None, BAD, 0.0)


def test_a_class_that_refused_nothing_is_sent_everything() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    assert ward.served(("sidecars", LISTENER), "s-1", None, BAD, 0.0) is BAD


def test_words_that_name_nothing_begin_a_search() -> None:
    ward = Quarantine()
    good, wanted = made(a="1", b="1", c="1"), made(a="2", b="2", c="2")
    assert refuse(ward, "no reason", wanted, good) == frozenset("abc")
    first = ward.served(PLACE, "p-1", None, wanted, 0.0)
    assert versions(first) == versions(made(c="1", a="2", b="2"))
    assert serve(ward, wanted, "p-2") == versions(good)  # others wait
    assert refuse(ward, "no reason", first, good) is not None
    second = ward.served(PLACE, "p-1", None, wanted, 0.0)
    assert versions(second) == versions(made(b="1", c="1", a="2"))
    assert ward.accepted(PLACE, "p-1", second, 0.0)
    third = ward.served(PLACE, "p-1", None, wanted, 0.0)
    refuse(ward, "no reason", third, second)
    fourth = ward.served(PLACE, "p-1", None, wanted, 0.0)
    assert versions(fourth) == versions(made(a="2", b="1", c="2"))
    assert ward.accepted(PLACE, "p-1", fourth, 0.0)
    assert [entry.resource.name for entry in ward.entries()] == ["b"]
    assert ward.over == {LISTENER}
    assert not ward.is_searching
    assert serve(ward, wanted, "p-2") == versions(made(a="2", c="2", b="1"))


def test_one_new_resource_is_to_blame_without_a_search() -> None:
    ward = Quarantine()
    refuse(ward, "no reason", made(a="2", b="1"), GOOD)
    assert [entry.resource.name for entry in ward.entries()] == ["a"]
    assert not ward.is_searching


def test_nothing_new_is_nobodys_fault() -> None:
    ward = Quarantine()
    assert refuse(ward, "no reason", GOOD, GOOD) is None
    assert ward.is_idle


def test_a_verdict_on_what_was_sent_before_a_search_is_none_on_its_group() -> None:
    ward = Quarantine()
    refuse(ward, "no reason", BAD, GOOD)
    assert refuse(ward, "no reason", BAD, GOOD, last=False) is None
    assert not ward.accepted(PLACE, "p-1", GOOD, 0.0)
    assert not ward.accepted(PLACE, "p-2", BAD, 0.0)
    assert ward.entries() == ()


def test_words_in_a_search_are_believed() -> None:
    ward = Quarantine()
    wanted, good = made(a="2", b="2", c="2"), made(a="1", b="1", c="1")
    refuse(ward, "no reason", wanted, good)
    refuse(ward, "listener b is wrong", ward.served(PLACE, "p-1", None, wanted, 0.0), good)
    assert [entry.resource.name for entry in ward.entries()] == ["b"]
    assert serve(ward, wanted)["b"] == good["b"].version


def test_what_changes_during_a_search_is_no_suspect() -> None:
    ward = Quarantine()
    refuse(ward, "no reason", BAD, GOOD)
    later = made(a="3", b="2", c="1")
    assert serve(ward, later) == versions(made(a="1", b="2")), "what is new meanwhile waits: it would share the blame"
    assert [len(suspects) for _, _, suspects in ward.searches()] == [1]
    assert ward.accepted(PLACE, "p-1", made(a="1", b="2"), 0.0)
    assert serve(ward, later) == versions(later)


def test_a_search_ends_with_its_connection() -> None:
    ward = Quarantine()
    refuse(ward, "no reason", BAD, GOOD)
    ward.left("p-1")
    assert ward.is_idle
    assert ward.over == {LISTENER}


def test_a_search_without_verdicts_is_given_up() -> None:
    ward = Quarantine()
    refuse(ward, "no reason", BAD, GOOD)
    assert serve(ward, BAD, "p-2", PATIENCE + 1) == versions(BAD)


def test_what_is_withheld_is_tried_again_in_time() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    assert serve(ward, BAD, now=TERM + 1) == versions(BAD)


def test_the_oldest_entries_go() -> None:
    ward = Quarantine()
    names = [f"n{number}" for number in range(LIMIT + 3)]
    refuse(ward, " ".join(names), made(**dict.fromkeys(names, "bad")), EMPTY)
    assert len(ward.entries()) == LIMIT
    assert ward.entries()[0].resource.name == "n3"


def test_searches_are_few() -> None:
    ward = Quarantine()
    for number in range(quarantine.SEARCHES + 1):
        ward.refused(Refusal((number, LISTENER), f"p-{number}", "no reason", BAD, GOOD), 0.0)
    assert len(list(ward.searches())) == quarantine.SEARCHES


def test_what_a_proxy_brought_from_an_earlier_stream_is_not_taken_away() -> None:
    ward, words = Quarantine(), "Error adding/updating listener(s) a: no"
    refusal = Refusal(PLACE, "p-1", words, BAD, EMPTY, holds_unknown=True)
    assert ward.refused(refusal, 0.0) is None  # it took b, and keeps its own a
    assert serve(ward, BAD) == versions(BAD)
    assert serve(ward, BAD, "p-2") == versions(made(b="2"))
    (entry,) = ward.entries()
    assert entry.fate == "what proxies have of it stays"
    silent = Refusal(("others", LISTENER), "o-1", "no reason", BAD, EMPTY, holds_unknown=True)
    assert ward.refused(silent, 0.0) is None  # a search would take things away
    assert not ward.is_searching


def test_what_is_refused_again_is_not_sent_again() -> None:
    ward = Quarantine()
    refuse(ward, "a", BAD, GOOD)
    served = ward.served(PLACE, "p-1", None, BAD, 0.0)
    assert refuse(ward, "no reason", GOOD, GOOD) is None
    assert refuse(ward, "no reason", served, served) is None
