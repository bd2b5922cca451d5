from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.xds.admission import DEFAULT_RATE, Admission

NOW = timedelta(0)


def test_burst_is_let_in_and_the_rest_queues() -> None:
    gate = Admission(rate=10, burst=3)
    waits = [gate.reserve(50.0).total_seconds() for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_pause_restores_the_burst_and_no_more() -> None:
    gate = Admission(rate=10, burst=2)
    for _ in range(5):
        gate.reserve(50.0)
    waits = [gate.reserve(1000.0).total_seconds() for _ in range(3)]
    assert waits == pytest.approx([0, 0, 0.1])


def test_rate_of_zero_lets_everybody_in() -> None:
    gate = Admission(rate=0)
    assert {gate.reserve(1.0) for _ in range(1000)} == {NOW}


def test_default_lets_two_thousand_in_within_twenty_seconds() -> None:
    assert DEFAULT_RATE > 0
    gate = Admission()
    assert max(gate.reserve(0.0) for _ in range(2000)) < timedelta(seconds=12)


@given(st.lists(st.floats(0, 20), max_size=80), st.sampled_from([1.0, 7.0]), st.integers(1, 5))
def test_no_second_lets_more_in_than_rate_and_burst(times: list[float], rate: float, burst: int) -> None:
    gate = Admission(rate, burst)
    let_in = sorted(now + gate.reserve(now).total_seconds() for now in sorted(times))
    for start in let_in:
        assert sum(start <= each < start + 1 for each in let_in) <= rate + burst
