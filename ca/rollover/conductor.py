"""Carries a change of root out: waits until nobody lags, enters the next stage, and does what its operator says.

Comes in: the authority, the store, the ledger, actions. Goes out: another bundle in the authority at each stage. A
stage begins when it is saved; if that fails, nothing has changed. Whoever is started again after any death goes on.
Several control planes on one store: one of them conducts, the others follow what is saved (`ca.rollover.seats`).

Source: issue "certificate authority", part 5.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from ca import bundle, signer, template, validate
from ca.authority import Authority
from ca.bundle import Bundle
from ca.errors import CaError, RolloverError
from ca.rollover import stages
from ca.rollover.holders import Holder, Holding, Laggard, find_laggards
from ca.rollover.stages import Action, Rollover, Stage

TICK = timedelta(milliseconds=500)
SETTLE = timedelta(seconds=2)
"""Nobody may have lagged for so long: handshakes under way when the last proxy took over are done. Arbitrary."""
_COMPACT = timedelta(minutes=10)

_log = logging.getLogger("ca")


class Store(Protocol):
    """Where a change of root is written down: see `ca.rollover.store`."""

    async def load(self) -> Rollover | None: ...
    async def save(self, rollover: Rollover) -> None: ...
    async def bring_in_line(self, rollover: Rollover) -> None: ...
    async def forget(self) -> None: ...


class Issued(Protocol):
    """Who holds what: see `ca.rollover.ledger`, or `ca.rollover.replicas` for those of all control planes."""

    @property
    def holdings(self) -> Mapping[Holder, Holding]: ...
    @property
    def unknown_until(self) -> datetime | None: ...
    def flush(self) -> None: ...
    def compact(self, now: datetime) -> None: ...
    def close(self) -> None: ...


class Seat(Protocol):
    """Whether we are the one who conducts, of several control planes."""

    is_shared: bool
    """Others may change what is saved as well; else only who conducts."""
    pause: timedelta
    """Between two looks, at least."""

    def is_leading(self) -> bool: ...
    def check_may_act(self) -> None: ...
    async def refresh(self, rollover: Rollover | None) -> None: ...
    def missing(self, rollover: Rollover) -> tuple[Laggard, ...]: ...
    async def leave(self) -> None: ...


class Following(Protocol):
    """Proxies that report: see `ca.rollover.following`."""

    def connected(self) -> Collection[Holder]: ...


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where it stands, for people."""

    stage: str
    """Of `Stage`; `none` where no root was ever changed."""
    is_paused: bool = False
    entered: datetime | None = None
    signing: str
    """PEM of the certificate that signs."""
    trusted: tuple[str, ...]
    """PEM."""
    leaving: str = ""
    """PEM of the root that is to go, while one is."""
    holders: int
    """Workloads with a certificate in use."""
    following: int
    """Proxies that report what they trust."""
    lagging: int
    laggards: tuple[Laggard, ...] = ()
    """The first of them."""
    latest_expiry: datetime | None = None
    """Of all certificates in use: nothing has to be waited for longer."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conductor works with."""

    authority: Authority
    store: Store
    ledger: Issued
    followers: Following
    root_lifetime: timedelta
    rsa_bits: int = 2048


class Conductor:
    """One change of root at a time. `serve` it; everything else answers at once."""

    def __init__(self, parts: Parts, seat: Seat, rollover: Rollover | None) -> None:
        """`rollover`: what `store.recover` found."""
        self._parts = parts
        self._seat = seat
        self._acting = asyncio.Lock()
        self._rollover = rollover
        self._is_in_line = True
        self._quiet_since: float | None = None

    @property
    def is_busy(self) -> bool:
        """The root is being changed: nobody else may."""
        return self._rollover is not None and not self._rollover.is_over

    async def serve(self) -> None:
        """Looks twice a second, or as often as its seat wants; ends only by cancellation."""
        clock = asyncio.get_running_loop().time
        compacted, pause = clock(), max(TICK, self._seat.pause).total_seconds()
        try:
            while True:
                await asyncio.sleep(pause)
                try:
                    async with self._acting:
                        await self._tick(clock())
                    if clock() - compacted > _COMPACT.total_seconds():
                        compacted = clock()
                        self._parts.ledger.compact(self._now())
                except CaError as error:
                    _log.error(f"change of root waits: {error}")
                    self._quiet_since = None
                    await asyncio.sleep(10 * TICK.total_seconds())
        finally:
            await self._seat.leave()
            self._parts.ledger.close()

    def status(self, most: int = 20) -> Status:
        """Where it stands now, with at most so many laggards by name."""
        authority, ledger, rollover = self._parts.authority, self._parts.ledger, self._rollover
        now = self._now()
        in_use = [each for each in ledger.holdings.values() if each.is_in_use(now)]
        laggards = self._laggards()
        latest = max((each.expiry for each in in_use), default=0)
        signing = authority.bundle
        is_busy = rollover is not None and not rollover.is_over
        return Status(
            stage=rollover.stage if rollover else "none",
            is_paused=rollover.is_paused if rollover else False,
            entered=rollover.entered if rollover else None,
            signing=bundle.encode_certificate(signing.certificate),
            trusted=tuple(map(bundle.encode_certificate, signing.root_certificates)),
            leaving=rollover.old.certificate if rollover and is_busy else "",
            holders=len(in_use),
            following=len(self._parts.followers.connected()),
            lagging=len(laggards),
            laggards=laggards[:most],
            latest_expiry=datetime.fromtimestamp(latest, now.tzinfo) if latest else None,
        )

    async def begin(self, *, is_stepwise: bool = False, is_ec: bool | None = None) -> None:
        """Makes a new root, and adds it to what is trusted. `is_ec`: P-256, else RSA; None: as the old one.

        Raises: RolloverError, StateError, KubernetesError; nothing has changed then.
        """
        async with self._acting:
            await self._lead()
            if self.is_busy:
                raise RolloverError("the root is being changed already")
            parts = self._parts
            old = parts.authority.bundle
            if old.chain:
                raise RolloverError("the CA is plugged in: its root is its operator's to change")
            new = await asyncio.to_thread(self._make_root, old, is_ec)
            if parts.authority.bundle is not old:
                raise RolloverError("the root has just been changed by somebody else")
            await self._enter(stages.begin(old, new, now=self._now(), is_stepwise=is_stepwise))

    async def act(self, action: Action) -> None:
        """Pause, resume, roll back, or go on although somebody lags.

        Raises: RolloverError, StateError, KubernetesError.
        """
        async with self._acting:
            await self._act(action)

    async def _act(self, action: Action) -> None:
        await self._lead()
        rollover = self._rollover
        if rollover is None:
            raise RolloverError("the root has never been changed: there is nothing to act on")
        if rollover.stage is Stage.FINISHED and action is Action.ROLL_BACK:
            signing = bundle.encode_certificate(self._parts.authority.bundle.certificate)
            if signing != rollover.new.certificate:
                raise RolloverError("the new root has been renewed since: begin another change of root instead")
        await self._enter(stages.act(rollover, action, now=self._now()))

    async def forget(self) -> None:
        """Removes the key of the root that is no longer trusted; nothing can be rolled back then.

        Raises: RolloverError while the root is being changed, StateError, KubernetesError.
        """
        async with self._acting:
            await self._lead()
            if self.is_busy:
                raise RolloverError("the root is being changed: its keys are still needed")
            await self._parts.store.forget()
            self._rollover = None

    async def _tick(self, now: float) -> None:
        is_leading = self._seat.is_leading()
        if self._seat.is_shared or not is_leading:
            await self._follow()
        await self._seat.refresh(self._rollover)
        rollover = self._rollover
        if not is_leading or rollover is None or rollover.is_over:
            self._quiet_since = None
            return
        if not self._is_in_line:
            await self._bring_in_line(rollover)
        if rollover.is_paused or not self._is_in_line or self._laggards():
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= max(SETTLE, 3 * self._seat.pause).total_seconds():
            await self._act(Action.ADVANCE)

    async def _enter(self, rollover: Rollover) -> None:
        """Saves it, then puts it in force. Raises: CaError; then everything is as before."""
        parts, before = self._parts, self._rollover
        found = stages.bundle_of(rollover, now=self._now())
        if not self._is_in_line and before is not None:
            await parts.store.bring_in_line(before)
        parts.ledger.flush()
        await parts.store.save(rollover)
        self._rollover, self._quiet_since, self._is_in_line = rollover, None, False
        if before is None or stages.is_other(before, rollover):
            parts.authority.replace(found)
            _log.info(f"change of root: {rollover.stage}")
        await self._bring_in_line(rollover)

    async def _bring_in_line(self, rollover: Rollover) -> None:
        """What is saved counts; the files of the root follow, if not now then soon."""
        try:
            await self._parts.store.bring_in_line(rollover)
            self._is_in_line = True
        except CaError as error:
            _log.error(f"change of root: the root's files are not in line with it yet: {error}")

    def _laggards(self) -> tuple[Laggard, ...]:
        if self._rollover is None:
            return ()
        ledger = self._parts.ledger
        missing = () if self._rollover.is_over else self._seat.missing(self._rollover)
        return missing + find_laggards(
            self._rollover,
            ledger.holdings,
            self._parts.followers.connected(),
            unknown_until=ledger.unknown_until,
            now=self._now(),
        )

    def _make_root(self, old: Bundle, is_ec: bool | None) -> Bundle:
        """The same name, another key."""
        key = signer.new_key(old.key.reveal(), self._parts.rsa_bits, is_ec=is_ec)
        now, authority = self._now(), self._parts.authority
        meant = template.build_root(
            template.organization_of(old.certificate),
            key.public_key(),
            self._parts.root_lifetime,
            now=now,
            serial=authority.new_serial(),
        )
        root = signer.sign(meant, key)
        validate.check(root, meant, root)
        pem = bundle.encode_certificate(root).encode()
        return bundle.decode_bundle(pem, bundle.encode_private_key(key), b"", pem, now=now)

    async def _follow(self) -> None:
        """Another process conducts, or was told something: what is saved is in force here as well."""
        found, before = await self._parts.store.load(), self._rollover
        if found == before:
            return
        self._rollover, self._quiet_since = found, None
        if found is None or (found.is_over and (before is None or before.is_over)):
            return
        if before is None or stages.is_other(before, found):
            self._parts.authority.replace(stages.bundle_of(found, now=self._now()))
            _log.info(f"change of root: {found.stage}, as another control plane has saved")

    async def _lead(self) -> None:
        """Raises: RolloverError where another one has to be told. What others have saved is known afterwards."""
        self._seat.check_may_act()
        if self._seat.is_shared:
            await self._follow()

    def _now(self) -> datetime:
        return self._parts.authority.clock()
