from itertools import product

import pytest

from pilot.xds.events import Acked, Nacked, Stale, Subscribed
from pilot.xds.table import TABLE, State, Verdict, Wish

EVERY = list(product(State, Verdict, Wish))


def test_every_state_meets_every_kind_of_request() -> None:
    assert set(TABLE) == set(EVERY)
    assert len(TABLE) == 60


@pytest.mark.parametrize(("state", "verdict", "wish"), EVERY)
def test_an_answer_becomes_due_only_when_something_is_asked_for(state: State, verdict: Verdict, wish: Wish) -> None:
    after, announced = TABLE[state, verdict, wish]
    if after is State.ASKED:
        assert wish is Wish.MORE or state in (State.NEW, State.ASKED)
    assert (Subscribed in announced) == (after is State.ASKED and (wish is Wish.MORE or state is State.NEW))


@pytest.mark.parametrize(("state", "verdict", "wish"), EVERY)
def test_an_answer_that_is_due_stays_due_until_the_watch_ends(state: State, verdict: Verdict, wish: Wish) -> None:
    if state is State.ASKED:
        assert TABLE[state, verdict, wish][0] is (State.NEW if wish is Wish.NOTHING else State.ASKED)


@pytest.mark.parametrize(("state", "verdict", "wish"), EVERY)
def test_a_verdict_is_announced_once_and_as_what_it_is(state: State, verdict: Verdict, wish: Wish) -> None:
    announced = TABLE[state, verdict, wish][1]
    expected = {Verdict.ACK: Acked, Verdict.NACK: Nacked, Verdict.STALE: Stale}.get(verdict)
    judged = [kind for kind in announced if kind in (Acked, Nacked, Stale)]
    unwatched = state is State.NEW and verdict is not Verdict.NACK
    ending = wish is Wish.NOTHING and (verdict is Verdict.STALE or state is State.NEW)
    assert judged == ([] if expected is None or unwatched or ending else [expected])


def test_stale_request_without_wish_changes_nothing() -> None:
    for state in (State.ASKED, State.SENT, State.LIVE, State.REJECTED):
        assert TABLE[state, Verdict.STALE, Wish.SAME][0] is state


def test_a_refusal_is_not_answered() -> None:
    for state in (State.SENT, State.LIVE, State.REJECTED):
        assert TABLE[state, Verdict.NACK, Wish.SAME][0] is State.REJECTED
