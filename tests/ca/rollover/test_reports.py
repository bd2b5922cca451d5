"""What replicas tell each other: small, complete, and refused where it cannot be read."""

import base64
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.errors import RolloverError
from ca.rollover import reports
from ca.rollover.holders import Holder, Holding
from ca.rollover.reports import Report

HELD = Holding("0" * 32, ("1" * 32, "2" * 32), 1_900_000_000)


def many(count: int) -> Report:
    holdings = tuple(
        (f"spiffe://cluster.local/ns/n{i % 50}/sa/s{i % 300}", f"s-{i * 7919:x}.n{i % 50}", HELD) for i in range(count)
    )
    return Report(replica="one", at=5, holdings=holdings)


@given(st.text(max_size=20), st.booleans(), st.integers(0, 2**40))
def test_report_is_read_as_it_was_written(text: str, is_closed: bool, number: int) -> None:
    made = Report(
        replica="one",
        stage=text,
        at=number,
        unknown_until=number,
        is_closed=is_closed,
        holdings=((text, text, HELD),),
        following=(Holder(text, "x"),),
    )
    assert reports.decode(reports.encode(made)) == made


def test_thirty_thousand_proxies_fit_and_more_than_fits_is_refused() -> None:
    assert len(reports.decode(reports.encode(many(30_000))).holdings) == 30_000
    with pytest.raises(RolloverError, match="expected at most"):
        reports.encode(many(300_000))


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"binaryData": None},
        {"binaryData": {"report": "!"}},
        {"binaryData": {"report": base64.b64encode(b"x").decode()}},
        {"binaryData": {"report": base64.b64encode(zlib.compress(b"x")).decode()}},
        {"binaryData": {"report": base64.b64encode(zlib.compress(bytes(65 << 20))).decode()}},
    ],
)
def test_what_is_no_report_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(RolloverError):
        reports.decode(found)
