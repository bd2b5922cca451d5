from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.agent.options import Renewal
from pilot.agent.renewal import backoff, pause, renewal_delay

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DRAWS = st.floats(0, 1)


@pytest.mark.parametrize(("draw", "hours"), [(0.5, 12), (0, 10.8), (1, 13.2)])
def test_a_day_is_renewed_after_half_of_it_give_or_take_a_tenth(draw: float, hours: float) -> None:
    assert renewal_delay(NOW, NOW + timedelta(hours=24), Renewal(), draw) == timedelta(hours=hours)


def test_a_life_of_seconds_is_not_due_at_once() -> None:
    assert renewal_delay(NOW, NOW + timedelta(seconds=4), Renewal(), 0.5) == timedelta(seconds=2)


def test_an_expired_certificate_is_due_now() -> None:
    assert renewal_delay(NOW, NOW - timedelta(hours=1), Renewal(), 0.5) == timedelta(0)


@given(DRAWS, st.floats(0.05, 0.9), st.timedeltas(timedelta(seconds=1), timedelta(days=90)))
def test_a_renewal_always_comes_before_the_end(draw: float, fraction: float, life: timedelta) -> None:
    assert timedelta(0) < renewal_delay(NOW, NOW + life, Renewal(fraction, 0.1), draw) < life


def test_retries_double_from_100_ms_to_1600_ms() -> None:
    assert [backoff(n, 0.5) / timedelta(milliseconds=1) for n in range(6)] == [100, 200, 400, 800, 1600, 1600]


@given(st.integers(0, 10_000), DRAWS)
def test_jitter_of_a_retry_is_a_tenth(attempt: int, draw: float) -> None:
    middle = backoff(attempt, 0.5)
    assert middle * 0.899 <= backoff(attempt, draw) <= middle * 1.101


def test_a_pause_is_a_tenth_of_what_is_left_within_bounds() -> None:
    seconds = [pause(timedelta(seconds=left), is_refused=False).total_seconds() for left in (-5, 0, 5, 50, 86400)]
    assert seconds == [1, 1, 1, 5, 10]


def test_a_refused_start_waits_longer_than_one_that_found_nobody() -> None:
    assert pause(timedelta(0), is_refused=True) == timedelta(seconds=5)
