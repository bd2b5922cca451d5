import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER
from pilot.xds.pushes import Change, Debounce, PushQueue, Timers

FULL = Change(reasons=("config",))
URGENT = Change(frozenset((ENDPOINT,)), ("endpoint",))


class Bell:
    """A call that a test's clock will make."""

    def __init__(self, callback: Callable[[], Any]) -> None:
        self.callback = callback

    def cancel(self) -> None:
        self.callback = lambda: None


class Clock:
    """An event loop's clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.bells: list[tuple[float, int, Bell]] = []
        self.count = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], Any], /) -> Bell:
        bell = Bell(callback)
        heapq.heappush(self.bells, (when, next(self.count), bell))
        return bell

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.bells and self.bells[0][0] <= end:
            self.now, _, bell = heapq.heappop(self.bells)
            bell.callback()
        self.now = end


def debounce(clock: Clock) -> tuple[Debounce, list[tuple[float, Change]]]:
    released: list[tuple[float, Change]] = []
    made = Debounce(lambda change: released.append((round(clock.now, 3), change)), clock)
    return made, released


def at(clock: Clock, *reasons: str) -> Change:
    return Change(reasons=reasons, since=clock.now)


# --- changes ---


def test_merged_changes_have_the_types_and_reasons_of_both() -> None:
    one = Change(frozenset((CLUSTER,)), ("config", "service"), since=5.0)
    two = Change(frozenset((LISTENER,)), ("service", "proxy"), since=4.0)
    assert one.merge(two) == Change(frozenset((CLUSTER, LISTENER)), ("config", "service", "proxy"), 4.0)
    assert one.merge(FULL).types is None


def test_only_endpoints_alone_are_urgent() -> None:
    assert URGENT.is_urgent
    assert not FULL.is_urgent
    assert not URGENT.merge(FULL).is_urgent


def test_change_affects_its_types_or_all() -> None:
    assert FULL.affects(CLUSTER)
    assert URGENT.affects(ENDPOINT)
    assert not URGENT.affects(CLUSTER)


def test_change_happens_now_unless_it_says_when() -> None:
    assert FULL.at(5.0).since == 5.0
    assert FULL.at(5.0).at(6.0).since == 5.0


# --- debounce ---


def test_change_is_released_when_it_was_quiet() -> None:
    clock = Clock()
    gate, released = debounce(clock)
    gate.submit(at(clock, "config"))
    clock.advance(0.099)
    assert released == []
    clock.advance(0.002)
    assert released == [(100.1, Change(reasons=("config",), since=100.0))]


def test_changes_that_keep_coming_are_merged_and_released_at_last() -> None:
    clock = Clock()
    gate, released = debounce(clock)
    for _ in range(150):
        gate.submit(at(clock, "config"))
        clock.advance(0.09)
    assert [when for when, _ in released] == [110.0]
    clock.advance(1)
    assert len(released) == 2
    assert not clock.bells


def test_storm_of_changes_sets_one_timer() -> None:
    clock = Clock()
    gate, released = debounce(clock)
    for _ in range(1000):
        gate.submit(at(clock, "config"))
    assert len(clock.bells) == 1
    clock.advance(1)
    assert len(released) == 1


def test_urgent_change_passes_and_does_not_disturb_what_waits() -> None:
    clock = Clock()
    gate, released = debounce(clock)
    gate.submit(at(clock, "config"))
    clock.advance(0.05)
    gate.submit(URGENT)
    assert released == [(100.05, URGENT.at(100.05))]
    clock.advance(0.05)
    assert [when for when, _ in released] == [100.05, 100.1]


def test_closed_debounce_releases_nothing() -> None:
    clock = Clock()
    gate, released = debounce(clock)
    gate.submit(at(clock, "config"))
    gate.close()
    gate.close()
    clock.advance(1)
    assert released == []


def test_times_can_be_set() -> None:
    clock, released = Clock(), list[Change]()
    gate = Debounce(released.append, clock, timedelta(seconds=1), timedelta(seconds=1.5))
    gate.submit(at(clock, "config"))
    clock.advance(0.9)
    gate.submit(at(clock, "config"))
    clock.advance(0.5)
    assert not released
    clock.advance(0.1)
    assert len(released) == 1


async def test_event_loop_is_a_clock() -> None:
    loop: Timers = asyncio.get_running_loop()
    done = asyncio.Event()
    gate = Debounce(lambda _: done.set(), loop, timedelta(milliseconds=1))
    gate.submit(Change(since=loop.time()))
    await asyncio.wait_for(done.wait(), 5)


# --- queue ---


def test_streams_have_their_turns_in_order() -> None:
    queue = PushQueue[str]()
    for key in ("a", "b", "a"):
        queue.put(key, FULL)
    assert len(queue) == 2
    assert [queue.take(), queue.take(), queue.take()] == [("a", FULL), ("b", FULL), None]


def test_stream_that_is_busy_gets_its_next_turn_later_and_only_one() -> None:
    queue = PushQueue[str]()
    queue.put("a", FULL)
    queue.take()
    queue.put("a", Change(frozenset((CLUSTER,)), ("service",)))
    queue.put("a", Change(frozenset((LISTENER,)), ("config",)))
    queue.put("b", FULL)
    assert queue.take() == ("b", FULL)
    assert queue.take() is None
    queue.done("a")
    assert queue.take() == ("a", Change(frozenset((CLUSTER, LISTENER)), ("service", "config")))
    queue.done("a")
    queue.done("b")
    assert len(queue) == 0
    assert not queue._pending


def test_endpoints_overtake_full_pushes() -> None:
    queue = PushQueue[str]()
    queue.put("a", FULL)
    queue.put("b", FULL)
    queue.put("b", URGENT)
    assert [queue.take(), queue.take()] == [("b", URGENT), ("a", FULL)]
    assert queue.take() is None  # b is busy
    queue.done("b")
    assert queue.take() == ("b", FULL)


def test_endpoints_overtake_the_full_push_of_their_stream_only_once() -> None:
    queue = PushQueue[str]()
    queue.put("a", FULL)
    queue.put("a", URGENT)
    queue.take()
    queue.put("a", URGENT)
    queue.done("a")
    assert queue.take() == ("a", FULL.merge(URGENT))


def test_stream_that_is_gone_has_no_turn() -> None:
    queue = PushQueue[str]()
    queue.put("a", FULL)
    queue.put("b", URGENT)
    queue.take()
    queue.forget("a")
    queue.forget("b")
    queue.done("b")
    assert queue.take() is None
    assert not queue._pending


KEYS = st.sampled_from("abc")


@given(st.lists(st.tuples(st.sampled_from(["full", "urgent", "take", "done", "forget"]), KEYS), max_size=60))
def test_nothing_is_lost_and_no_stream_has_two_turns(steps: list[tuple[str, str]]) -> None:
    queue = PushQueue[str]()
    wants: dict[str, set[str]] = {}
    busy: set[str] = set()
    for step, key in steps:
        if step in ("full", "urgent"):
            queue.put(key, FULL if step == "full" else URGENT)
            wants.setdefault(key, set()).add(step)
        elif step == "take":
            turn = queue.take()
            ready = {each for each, wanted in wants.items() if wanted and each not in busy}
            assert (turn is None) == (not ready)
            if turn is not None:
                taken, change = turn
                assert taken in ready
                busy.add(taken)
                if change.is_urgent:
                    assert "urgent" in wants[taken]
                    wants[taken].discard("urgent")
                else:
                    assert "full" in wants[taken]
                    wants[taken] -= {"full"} | ({"urgent"} if "endpoint" in change.reasons else set())
        elif step == "done" and key in busy:
            busy.discard(key)
            queue.done(key)
        elif step == "forget":
            busy.discard(key)
            wants.pop(key, None)
            queue.forget(key)
    for key in list(busy):
        queue.done(key)
    while (turn := queue.take()) is not None:
        key, change = turn
        wants[key] -= {"urgent"} if change.is_urgent else {"full"}
        if "endpoint" in change.reasons:
            wants[key].discard("urgent")
        queue.done(key)
    assert not any(wants.values())
