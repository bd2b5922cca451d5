"""Remembers who was given which certificate, over restarts: a change of root must not forget a proxy.

Comes in: each certificate issued, and reports of agents. Goes out: `Holding`s by holder. Each entry is one line that is
appended to a journal in the state directory, so that a process that is killed has written it already; the journal is
written anew when most of it is outdated. A journal that cannot be written costs a log line, never a certificate.

Source: issue "certificate authority", part 5.
"""

import logging
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from ca.bundle import Bundle
from ca.errors import StateError
from ca.rollover.holders import Holder, Holding, fingerprint_of, signer_of
from ca.state_directory import StateDirectory

JOURNAL = "issued.jsonl"
_SLACK = 4096
"""Outdated lines that are let be; arbitrary."""

_log = logging.getLogger("ca")


class _Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    """The first line: certificates that are older are not in the journal; the last of them expires then."""

    unknown_until: int


class _Entry(msgspec.Struct, frozen=True, array_like=True, tag="holds"):
    identity: str
    instance: str
    holding: Holding


class Ledger:
    """What is known of holders. One event loop uses it. `open` it first."""

    def __init__(self, state: StateDirectory | None = None) -> None:
        """Without a state directory it forgets everything at the end."""
        self._state = state
        self._holdings: dict[Holder, Holding] = {}
        self._unknown_until = 0
        self._descriptor = -1
        self._lines = 0
        self._is_broken = False
        self._decoder: msgspec.json.Decoder[_Begin | _Entry] = msgspec.json.Decoder(_Begin | _Entry)
        self._seen: tuple[Bundle, str, tuple[str, ...]] | None = None
        self.reporting: Counter[Holder] = Counter()
        """Who tells what it has taken over: what was issued to such a one counts when it says so."""

    def open(self, bundle: Bundle, longest: timedelta, now: datetime, *, is_counted_elsewhere: bool = False) -> bool:
        """Reads the journal, or begins one: then whatever `bundle` signed before is unknown for the `longest` lifetime.

        `is_counted_elsewhere`: what was signed before is known to others. Whether there was a journal.
        Raises: StateError.
        """
        content = self._state.read(JOURNAL) if self._state else None
        if content is None:
            is_new = is_counted_elsewhere or now - bundle.certificate.not_valid_before_utc < timedelta(minutes=1)
            self._unknown_until = 0 if is_new else int((now + longest).timestamp())
        else:
            self._read(content)
        self.compact(now)
        return content is not None

    def forgot(self, unknown_until: int) -> None:
        """Certificates that expire until then, in seconds of Unix time, were issued here and are not known."""
        self._unknown_until = max(self._unknown_until, unknown_until)

    @property
    def holdings(self) -> Mapping[Holder, Holding]:
        """Everything known; some of it may have expired."""
        return self._holdings

    @property
    def unknown_until(self) -> datetime | None:
        """When the last certificate expires that was issued before counting began; None: all are known."""
        return datetime.fromtimestamp(self._unknown_until, UTC) if self._unknown_until else None

    def issued(self, holder: Holder, bundle: Bundle, expiry: datetime) -> None:
        """A certificate of `bundle` is on its way to a workload, with its roots."""
        seen = self._seen
        seen = self._seen
        if seen is None or seen[0] is not bundle:
            roots = tuple(map(fingerprint_of, bundle.root_certificates))
            self._seen = seen = (bundle, signer_of(bundle), roots)
        if holder not in self.reporting:
            self.put(holder, Holding(seen[1], seen[2], int(expiry.timestamp())))

    def put(self, holder: Holder, holding: Holding) -> None:
        """What a holder has from now on."""
        if self._holdings.get(holder) == holding:
            return
        self._holdings[holder] = holding
        if self._descriptor < 0:
            return
        try:
            os.write(self._descriptor, msgspec.json.encode(_Entry(*holder, holding)) + b"\n")
            self._lines += 1
            self._is_broken = False
        except OSError as error:
            if not self._is_broken:
                _log.error(f"{JOURNAL}: what is issued is not written down: {error.strerror}")
            self._is_broken = True

    def flush(self) -> None:
        """Everything is on the disk when it returns. Raises: StateError."""
        if self._descriptor < 0:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise StateError(f"{JOURNAL}: cannot be written: {error.strerror}") from error

    def compact(self, now: datetime) -> None:
        """Forgets what has expired, and writes the journal anew where that is worth it. Raises: StateError."""
        expired = [holder for holder, each in self._holdings.items() if not each.is_in_use(now)]
        for each in expired:
            del self._holdings[each]
        if self._unknown_until <= now.timestamp():
            self._unknown_until = 0
        is_worth_it = self._is_broken or self._lines > 2 * len(self._holdings) + _SLACK
        if self._state is None or (self._descriptor >= 0 and not is_worth_it):
            return
        lines = [msgspec.json.encode(_Begin(self._unknown_until))]
        lines += (msgspec.json.encode(_Entry(*holder, each)) for holder, each in self._holdings.items())
        self._state.write(JOURNAL, b"\n".join(lines) + b"\n")
        self.close()
        self._descriptor = self._state.open_journal(JOURNAL)
        self._lines, self._is_broken = len(lines), False

    def close(self) -> None:
        """Lets go of the journal."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _read(self, content: bytes) -> None:
        """Lines that are no entries are left out: the last one may be half written."""
        bad = 0
        for line in content.splitlines():
            try:
                found = self._decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                bad += 1
                continue
            if isinstance(found, _Begin):
                self._unknown_until = found.unknown_until
            else:
                self._holdings[Holder(found.identity, found.instance)] = found.holding
        if bad:
            _log.warning(f"{JOURNAL}: {bad} unreadable lines are left out")
