"""A guided change of the mesh's root as a state machine: stages and transitions as data, and what each stage means.

    adding    both roots are trusted, the old one signs      until everybody trusts the new one
    renewing  both roots are trusted, the new one signs      until no certificate of the old one is in use
    dropping  the new root is trusted and signs              until everybody has let go of the old one
    finished                                                 the old key is kept for a rollback until it is forgotten
    withdrawn the old root alone, as before                  the end of a rollback before anything was signed

Rolling back is the same machine in the other direction: old and new change places, at the stage that is safe for what
proxies trust and show at that moment. Comes in: a `Rollover` and an action. Goes out: the next `Rollover`, or the
reason why not. No clock, no I/O.

Source: issue "certificate authority", part 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from ca import bundle
from ca.bundle import Bundle
from ca.errors import RolloverError


class Stage(StrEnum):
    """Where a change of root stands."""

    ADDING = "adding"
    RENEWING = "renewing"
    DROPPING = "dropping"
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What can happen to it."""

    ADVANCE = "advance"
    """What the stage waits for has come, or its operator does not want to wait."""
    ROLL_BACK = "roll-back"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Step:
    """Where a transition leads; `is_turned`: old and new change places."""

    stage: Stage
    is_turned: bool = False


TRANSITIONS: Mapping[tuple[Stage, Action], Step] = {
    (Stage.ADDING, Action.ADVANCE): Step(Stage.RENEWING),
    (Stage.RENEWING, Action.ADVANCE): Step(Stage.DROPPING),
    (Stage.DROPPING, Action.ADVANCE): Step(Stage.FINISHED),
    # Nothing was signed by the new root: nobody misses it.
    (Stage.ADDING, Action.ROLL_BACK): Step(Stage.WITHDRAWN),
    # Everybody trusts both: the old one can sign again at once, and what the new one signed is renewed.
    (Stage.RENEWING, Action.ROLL_BACK): Step(Stage.RENEWING, is_turned=True),
    # Somebody may trust the new one only: the old one is added as if it were new.
    (Stage.DROPPING, Action.ROLL_BACK): Step(Stage.ADDING, is_turned=True),
    (Stage.FINISHED, Action.ROLL_BACK): Step(Stage.ADDING, is_turned=True),
}
"""A pair that is not here is refused."""

ENDED = frozenset({Stage.FINISHED, Stage.WITHDRAWN})


class Pair(msgspec.Struct, frozen=True):
    """A root with its key, PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Pair(<redacted>)"


class Rollover(msgspec.Struct, frozen=True, kw_only=True):
    """One change of root. This is all that a restart needs to know."""

    stage: Stage
    old: Pair
    new: Pair
    others: tuple[str, ...] = ()
    """Roots that are trusted besides, PEM."""
    began: datetime
    entered: datetime
    """When the stage was."""
    is_paused: bool = False
    is_stepwise: bool = False
    """It pauses after each stage."""

    @property
    def is_over(self) -> bool:
        """Nothing is waited for."""
        return self.stage in ENDED

    @property
    def signing(self) -> Pair:
        """Who signs at this stage."""
        return self.old if self.stage in (Stage.ADDING, Stage.WITHDRAWN) else self.new

    @property
    def trusted(self) -> tuple[str, ...]:
        """Roots at this stage, PEM, the signing one first."""
        match self.stage:
            case Stage.ADDING | Stage.RENEWING:
                idle = self.new if self.signing is self.old else self.old
                return (self.signing.certificate, idle.certificate, *self.others)
            case _:
                return (self.signing.certificate, *self.others)


def begin(old: Bundle, new: Bundle, *, now: datetime, is_stepwise: bool = False) -> Rollover:
    """The first stage of a change from one self-signed root to another. Raises: RolloverError."""
    if old.certificate.subject != old.certificate.issuer:
        raise RolloverError("signing certificate: expected a self-signed root, got one that another CA issued")
    others = (each for each in old.root_certificates if each != old.certificate)
    return Rollover(
        stage=Stage.ADDING,
        old=_pair(old),
        new=_pair(new),
        others=tuple(map(bundle.encode_certificate, others)),
        began=now,
        entered=now,
        is_stepwise=is_stepwise,
    )


def act(rollover: Rollover, action: Action, *, now: datetime) -> Rollover:
    """What becomes of it. Raises: RolloverError where the stage does not allow that."""
    if action in (Action.PAUSE, Action.RESUME):
        if rollover.is_over:
            raise RolloverError(f"there is nothing to {action}: the change of root is {rollover.stage}")
        return msgspec.structs.replace(rollover, is_paused=action is Action.PAUSE)
    step = TRANSITIONS.get((rollover.stage, action))
    if step is None:
        raise RolloverError(f"cannot {action}: the change of root is {rollover.stage}")
    old, new = (rollover.new, rollover.old) if step.is_turned else (rollover.old, rollover.new)
    made = msgspec.structs.replace(rollover, stage=step.stage, old=old, new=new, entered=now)
    return msgspec.structs.replace(made, is_paused=made.is_stepwise and not made.is_over)


def bundle_of(rollover: Rollover, *, now: datetime) -> Bundle:
    """What signs and is trusted at this stage. Raises: BundleError, for a root that has expired, say."""
    signing, roots = rollover.signing, "".join(rollover.trusted)
    return bundle.decode_bundle(signing.certificate.encode(), signing.key.encode(), b"", roots.encode(), now=now)


def is_other(before: Rollover, after: Rollover) -> bool:
    """Another root signs or is trusted; else only the way there differs, a pause, say."""
    return before.stage is not after.stage or before.old != after.old or before.new != after.new


def encode(rollover: Rollover) -> bytes:
    """For the store; it holds private keys."""
    return msgspec.json.encode(rollover)


def decode(content: bytes) -> Rollover:
    """From the store. Raises: RolloverError; its text holds nothing of the content."""
    try:
        return msgspec.json.decode(content, type=Rollover)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RolloverError(f"expected a change of root, got {len(content)} unreadable bytes") from error


def _pair(found: Bundle) -> Pair:
    key = bundle.encode_private_key(found.key.reveal())
    return Pair(bundle.encode_certificate(found.certificate), key.decode())
