"""Searching for what a client refuses, with clients that refuse chosen names."""

from hypothesis import given
from hypothesis import strategies as st

from pilot.xds import bisection
from pilot.xds.bisection import ROUNDS, Bisection


def search(names: tuple[str, ...], bad: frozenset[str]) -> Bisection:
    left = bisection.begin(names)
    while not left.is_over:
        left = left.refused() if left.trying & bad else left.accepted()
    return left


@given(st.sets(st.integers(0, 60).map(str), min_size=2), st.data())
def test_exactly_what_is_refused_is_found(names: set[str], data: st.DataObject) -> None:
    bad = data.draw(st.frozensets(st.sampled_from(sorted(names))))
    assert set(search(tuple(sorted(names)), bad).culprits) == bad


def test_one_name_alone_is_to_blame() -> None:
    assert bisection.begin(("a",)) == Bisection((), ("a",))


def test_one_bad_resource_among_many_costs_few_rounds() -> None:
    left = search(tuple(map(str, range(1000))), frozenset(("777",)))
    assert left.culprits == ("777",)
    assert left.rounds <= 2 * 10


def test_a_search_that_takes_too_long_blames_what_is_left() -> None:
    names = tuple(map(str, range(1000)))
    left = search(names, frozenset(names))
    assert left.rounds == ROUNDS
    assert set(left.culprits) == set(names)


def test_what_is_judged_elsewhere_is_not_sent_again() -> None:
    left = bisection.begin(("a", "b", "c", "d")).without(("a", "b", "c"))
    assert (left.trying, left.suspects) == (frozenset("d"), frozenset("d"))
    assert left.without(("d",)).is_over
