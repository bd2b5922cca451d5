"""Several control planes that share a root in a Secret: one conducts its change, and knows what all have issued.

Each replica writes a report of its ledger, at once while the root is being changed, else now and then. Who conducts
(an election, passed in) goes on when every replica has taken the present stage over and nobody lags in any report. Of
two replicas that know the same workload the newer certificate counts, and the word of the one that it reports to.

A replica that ended in good order has said everything, and what it issued counts until it expires. Of one that died,
the certificates after its last report are unknown, until the longest of them can have expired. One that is silent is
waited for for GONE. Comes in: the local ledger, an API server. Goes out: what `Conductor` asks of a ledger, of
followers and of a seat.

Source: issue "certificate authority", part 5.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from ca.bundle import Bundle
from ca.errors import CaError, KubernetesError, RolloverError
from ca.kubernetes_api import KubernetesApi
from ca.rollover import reports
from ca.rollover.holders import Holder, Holding, Laggard
from ca.rollover.ledger import Ledger
from ca.rollover.reports import Report
from ca.rollover.stages import Rollover

IDLE, BUSY = timedelta(seconds=60), timedelta(seconds=10)
"""The longest pause between two reports, without a change of root and with one; a ledger that changed is told at the
next look while there is one."""
GONE = timedelta(minutes=5)
_LAST_WORD = 3.0

_log = logging.getLogger("ca")


class Reporting(Protocol):
    """Our own followers: see `ca.rollover.following`."""

    def connected(self) -> Iterable[Holder]: ...


class Replicas:
    """This replica among the others. `join` first; it is then ledger, followers and seat of a conductor."""

    is_shared = True
    pause = timedelta(seconds=2)

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        replica: str,
        ledger: Ledger,
        longest: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """`longest`: lifetime of a certificate."""
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._replica = replica
        self._ledger = ledger
        self._longest = longest
        self._clock = clock
        self._others: tuple[Report, ...] = ()
        self._told: Report | None = None
        self._own: Reporting | None = None
        self._leads: Callable[[], bool] = lambda: False

    async def join(self, bundle: Bundle) -> None:
        """Opens the ledger: what others have counted before, and we in an earlier life, is known.

        Raises: KubernetesError, StateError.
        """
        now, found = self._clock(), await self._read()
        was_counted = await asyncio.to_thread(
            self._ledger.open, bundle, self._longest, now, is_counted_elsewhere=bool(found)
        )
        own = next((each for each in found if each.replica == self._replica), None)
        if own is not None and not was_counted:
            for identity, instance, each in own.holdings:
                self._ledger.put(Holder(identity, instance), each)
            self._ledger.forgot(self._unknown(own))
        self._others = tuple(each for each in found if each.replica != self._replica)
        await self._tell(self._report(None))  # before anything is issued: who conducts waits for us from now on

    def take_seat(self, own: Reporting, leads: Callable[[], bool]) -> None:
        """`own`: our followers; `leads`: whether we were elected."""
        self._own, self._leads = own, leads

    # What a conductor asks of a ledger.

    @property
    def holdings(self) -> Mapping[Holder, Holding]:
        """Of all replicas."""
        now, following = self._clock(), frozenset(self._following())
        best: dict[Holder, tuple[tuple[bool, int], Holding]] = {}
        for report in self._others:
            told = frozenset(report.following) if self._is_heard(report) else frozenset()
            for identity, instance, each in report.holdings:
                holder = Holder(identity, instance)
                rank = (holder in told, each.expiry)
                if each.is_in_use(now) and (holder not in best or rank > best[holder][0]):
                    best[holder] = (rank, each)
        for holder, each in self._ledger.holdings.items():
            rank = (holder in following, each.expiry)
            if holder not in best or rank >= best[holder][0]:
                best[holder] = (rank, each)
        return {holder: each for holder, (_, each) in best.items()}

    @property
    def unknown_until(self) -> datetime | None:
        """Of all replicas."""
        own = self._ledger.unknown_until
        found = [int(own.timestamp())] if own else []
        found += [each.unknown_until if self._is_heard(each) else self._unknown(each) for each in self._others]
        latest = max(found, default=0)
        return datetime.fromtimestamp(latest, UTC) if latest > self._clock().timestamp() else None

    def flush(self) -> None:
        """Raises: StateError."""
        self._ledger.flush()

    def compact(self, now: datetime) -> None:
        """Raises: StateError."""
        self._ledger.compact(now)

    def close(self) -> None:
        """Lets go of the journal."""
        self._ledger.close()

    def connected(self) -> frozenset[Holder]:
        """Followers of all replicas that are heard of."""
        others = (each.following for each in self._others if self._is_heard(each))
        return frozenset(self._following()).union(*others)

    # What it asks of a seat.

    def is_leading(self) -> bool:
        """Whether we were elected."""
        return self._leads()

    def check_may_act(self) -> None:
        """Every replica may be told what is wanted: what is saved decides."""

    async def refresh(self, rollover: Rollover | None) -> None:
        """Tells the others of us where that is due, and reads what they tell.

        Raises: KubernetesError, RolloverError.
        """
        is_busy = rollover is not None and not rollover.is_over
        told, made = self._told, self._report(rollover)
        age = made.at - told.at if told is not None else 1 << 40
        is_new = told is None or msgspec.structs.replace(made, at=told.at) != told
        is_due = age >= (BUSY if is_busy else IDLE).total_seconds() or (is_busy and is_new)
        if is_due:
            await self._tell(made)
        if is_busy or is_due:
            found = await self._read()
            self._others = tuple(each for each in found if each.replica != self._replica)
            if self._leads():
                await self._sweep()

    def missing(self, rollover: Rollover) -> tuple[Laggard, ...]:
        """Replicas that have not taken the stage over."""
        wanted = _name(rollover)
        return tuple(
            Laggard(
                f"control plane {each.replica}",
                "has not taken over the present stage",
                datetime.fromtimestamp(each.at, UTC) + GONE,
            )
            for each in self._others
            if self._is_heard(each) and each.stage != wanted
        )

    async def leave(self) -> None:
        """The last word: everything that was issued here is known to the others."""
        last = msgspec.structs.replace(self._report(None), is_closed=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD):
                try:
                    await self._tell(last)
                except CaError as error:
                    _log.error(f"what was issued here is not known to other control planes: {error}")

    def _following(self) -> Iterable[Holder]:
        return self._own.connected() if self._own is not None else ()

    def _is_heard(self, report: Report) -> bool:
        """By clocks of two machines, which may differ by far less than that."""
        return not report.is_closed and self._clock().timestamp() - report.at < GONE.total_seconds()

    def _unknown(self, report: Report) -> int:
        """When the last certificate can expire that the last report of one that is gone does not list."""
        if report.is_closed:
            return report.unknown_until
        return max(report.unknown_until, report.at + int((IDLE + GONE + self._longest).total_seconds()))

    def _report(self, rollover: Rollover | None) -> Report:
        now, own = self._clock(), self._ledger.unknown_until
        return Report(
            replica=self._replica,
            stage=_name(rollover) if rollover is not None else "",
            unknown_until=int(own.timestamp()) if own else 0,
            at=int(now.timestamp()),
            holdings=tuple((*holder, each) for holder, each in self._ledger.holdings.items() if each.is_in_use(now)),
            following=tuple(sorted(self._following())),
        )

    async def _tell(self, report: Report) -> None:
        body = reports.encode(report)
        name = body["metadata"]["name"]
        try:
            await self._api.call("PUT", f"{self._path}/{name}", body)
        except KubernetesError as error:
            if error.status != 404:
                raise
            await self._api.call("POST", self._path, body)
        self._told = report

    async def _read(self) -> tuple[Report, ...]:
        """All reports. One that cannot be read is an error: it must not be taken for one that says nothing."""
        answer = await self._api.call("GET", f"{self._path}?labelSelector={reports.LABEL}%3Dtrue")
        found = []
        for each in answer.get("items") or ():
            try:
                found.append(reports.decode(each))
            except RolloverError as error:
                raise RolloverError(f"ConfigMap {each['metadata']['name']}: {error}") from error
        return tuple(found)

    async def _sweep(self) -> None:
        """Removes reports that say nothing any more."""
        now = self._clock()
        for each in self._others:
            until = self._unknown(each)
            is_over = until <= now.timestamp() and not any(held.is_in_use(now) for *_, held in each.holdings)
            if is_over and not self._is_heard(each):
                with suppress(KubernetesError):
                    await self._api.call("DELETE", f"{self._path}/{reports.PREFIX}{each.replica}")


def _name(rollover: Rollover) -> str:
    return f"{rollover.stage} {rollover.entered.isoformat()}"
