"""Pushes over time."""

from datetime import timedelta

from pilot.debug.dashboard.push_page import BARS, pushes, slots
from pilot.debug.dashboard.rows import Picture, Sample
from tests.pilot.debug.dashboard.scenes import NOW

SECONDS = timedelta(seconds=1)


def samples(length: int) -> tuple[Sample, ...]:
    """One each five seconds; every one has one response of 10 bytes more than the one before."""
    return tuple(Sample(NOW - 5 * SECONDS * (length - 1 - i), {"cds": i}, 10 * i, 0, i, 2) for i in range(length))


def test_slots_add_up_to_all_that_was_counted() -> None:
    found = slots(samples(25))  # two minutes
    assert [sum(each.responses.values()) for each in found] == [6, 6, 6, 6]
    assert sum(each.size for each in found) == 240


def test_there_are_no_more_slots_than_bars() -> None:
    assert len(slots(samples(500))) == BARS


def test_what_began_within_a_slot_counts_too() -> None:
    assert [sum(each.responses.values()) for each in slots(samples(3))] == [2]
    assert slots(samples(1)) == []
    assert slots(()) == []


def test_every_bar_says_its_numbers_and_refusals_stand_out() -> None:
    some = samples(13)
    bad = (*some[:-1], Sample(NOW, {"cds": 12}, 120, 1, 12, 2))
    made = pushes(Picture(NOW, samples=bad))
    assert made.count("<rect") == 2
    assert "0 s ago: 6 responses, 60 B, 1 refused" in made
    assert 'class="bar bad"' in made
    assert "CDS 12" in made


def test_nothing_sent_is_said_in_words() -> None:
    made = pushes(Picture(NOW))
    assert "Nothing was sent." in made
    assert "<rect" not in made
