import pickle
from contextlib import suppress
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration as DurationMessage
from hypothesis import given
from hypothesis import strategies as st

from pilot.model.duration import Duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400),
        ("0.5s", 0.5),
        (".5s", 0.5),
        ("100ms", 0.1),
        ("1.s", 1),
        ("2h45m30.5s", 9930.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("1500ns", 0.0000015),
        ("0s", 0),
        ("0", 0),
        ("-2s", -2),
        ("+2s", 2),
        ("86400s", 86400),
    ],
)
def test_durations_are_read_as_go_and_protobuf_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "1d", "one second", "1h 30m", "--1s", "1s\n", "1e3s", "٣s"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as") as error:
        parse_duration(text)
    assert str(error.value) == f'expected a duration such as "1h30m", "0.5s" or "100ms", got "{text}"'


def test_a_duration_longer_than_any_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="below 10000 years"):
        parse_duration("99999999999999999h")


def test_a_message_never_quotes_more_than_a_line() -> None:
    with pytest.raises(ValueError, match="expected a duration") as error:
        parse_duration("x" * 10_000)
    assert len(str(error.value)) < 200


def test_a_duration_is_a_timedelta_and_fits_protobuf() -> None:
    message = DurationMessage()
    message.FromTimedelta(parse_duration("1.5s"))
    assert (message.seconds, message.nanos) == (1, 500_000_000)
    assert parse_duration("1s") + timedelta(seconds=1) == timedelta(seconds=2)
    assert pickle.loads(pickle.dumps(Duration(seconds=3))) == Duration(seconds=3)


@given(st.integers(min_value=0, max_value=10**14))
def test_what_is_written_reads_back_equal(microseconds: int) -> None:
    duration = Duration(microseconds=microseconds)
    assert parse_duration(str(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_duration(text)
