"""What the ledger remembers, over restarts, half-written lines and full disks."""

import errno
import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.rollover import ledger as ledgers
from ca.rollover.holders import Holder, Holding, fingerprint
from ca.rollover.ledger import JOURNAL, Ledger
from ca.state_directory import StateDirectory
from tests.ca.makers import APP, NOON, ec_key, make_root

ROOT = make_root(ec_key(7))
WEB = Holder(APP, "web-1.demo")
LONGEST = timedelta(days=90)
EXPIRY = NOON + timedelta(hours=24)
HOLDING = Holding(fingerprint(ROOT.roots), (fingerprint(ROOT.roots),), int(EXPIRY.timestamp()))


def opened(directory: Path, now_after: timedelta = timedelta(0)) -> Ledger:
    made = Ledger(StateDirectory(directory))
    made.open(ROOT, LONGEST, NOON + now_after)
    return made


def test_what_was_issued_is_known_after_a_death_without_a_word(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.issued(WEB, ROOT, EXPIRY)
    assert opened(tmp_path).holdings == {WEB: HOLDING}  # nobody closed or flushed the first one
    first.flush()
    first.close()


def test_last_entry_of_a_holder_counts(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.put(WEB, Holding("x", (), 1 << 32))
    first.put(WEB, HOLDING)
    first.close()
    assert opened(tmp_path).holdings == {WEB: HOLDING}


def test_who_reports_counts_when_it_says_so(tmp_path: Path) -> None:
    found = opened(tmp_path)
    found.reporting[WEB] += 1
    found.issued(WEB, ROOT, EXPIRY)
    assert found.holdings == {}


def test_certificates_are_all_known_where_counting_began_with_the_root(tmp_path: Path) -> None:
    assert opened(tmp_path).unknown_until is None


def test_older_root_has_certificates_that_nobody_counted(tmp_path: Path) -> None:
    late = timedelta(days=1)
    assert opened(tmp_path, late).unknown_until == NOON + late + LONGEST
    assert opened(tmp_path, 2 * late).unknown_until == NOON + late + LONGEST  # counting began then, not now
    assert opened(tmp_path, 2 * late + LONGEST).unknown_until is None


@given(st.binary(max_size=200))
def test_garbage_in_the_journal_costs_no_entry(garbage: bytes) -> None:
    found = Ledger()
    line = b'["holds","a","b",["c",["d"],4]]\n'
    found._read(line + garbage + b"\n" + line.replace(b'"b"', b'"e"'))
    assert {Holder("a", "b"), Holder("a", "e")} <= set(found.holdings)


def test_half_written_last_line_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = opened(tmp_path)
    first.put(WEB, HOLDING)
    first.close()
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'["holds","spiffe://clu')
    with caplog.at_level(logging.WARNING):
        assert opened(tmp_path).holdings == {WEB: HOLDING}
    assert "1 unreadable lines" in caplog.text


def test_expired_entries_are_forgotten_and_the_journal_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "_SLACK", 10)
    found = opened(tmp_path)
    for number in range(100):
        found.put(WEB, Holding("x", (), int(NOON.timestamp()) + number))
    size = (tmp_path / JOURNAL).stat().st_size
    found.compact(NOON + timedelta(seconds=10))
    assert (tmp_path / JOURNAL).stat().st_size < size / 10
    found.put(Holder(APP, "other"), HOLDING)
    assert len(opened(tmp_path).holdings) == 2
    found.compact(NOON + timedelta(days=2))
    assert found.holdings == {}


def test_full_disk_costs_a_log_line_and_is_made_good_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = opened(tmp_path)

    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        found.put(WEB, HOLDING)
        found.put(Holder(APP, "other"), HOLDING)
    assert caplog.text.count("No space left") == 1
    assert found.holdings[WEB] == HOLDING
    found.compact(NOON)
    assert set(opened(tmp_path).holdings) == {WEB, Holder(APP, "other")}


def test_journal_is_private(tmp_path: Path) -> None:
    opened(tmp_path).put(WEB, HOLDING)
    assert (tmp_path / JOURNAL).stat().st_mode & 0o777 == 0o600
