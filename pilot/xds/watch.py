"""What one stream knows of one type: what is wanted, what was sent, what was said about it.

In: requests, as the session hands them on. Out: verdicts and events. Changed by the session, and by its stream where a
response was refused; everybody else reads.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from pilot.resources import EMPTY, Resource, ResourceSet, revise
from pilot.xds.events import Acked, Event, Nacked, Nonce, Stale, Subscribed, Unsubscribed
from pilot.xds.requests import NO_CLAIMS, Request
from pilot.xds.subscription import NO_NAMES, Step, Subscription
from pilot.xds.table import Announced, State, Verdict

UNJUDGED = 8
"""Responses whose names are remembered until the client judges them. Arbitrary: Envoy judges each as it comes."""


@dataclass(slots=True)
class Watch:
    """One type on one stream."""

    state: State = State.NEW
    wanted: Subscription = field(default_factory=Subscription)
    sent: ResourceSet = EMPTY
    """The set that the client has once it accepts the last response."""
    good: ResourceSet = EMPTY
    """The set that it accepted last."""
    nonce: Nonce | None = None
    """Of the last response."""
    asked: frozenset[str] = NO_NAMES
    """Owed to the client though they may be unchanged."""
    claims: Mapping[str, str] = field(default_factory=lambda: NO_CLAIMS)
    """What the client said to have, until it is answered."""
    claimed: frozenset[str] = NO_NAMES
    """The names in `claims`, until it has accepted something."""
    is_continued: bool = False
    """The client said to have accepted something on an earlier stream, but not what (state of the world)."""
    unjudged: tuple[tuple[Nonce, tuple[str, ...]], ...] = ()
    """What was new in the last responses that were neither accepted nor refused."""
    acked: Nonce | None = None
    acked_version: str = ""
    """Version of the set that was accepted last."""
    error: str = ""
    """Why a response was refused, until a later one is accepted."""

    def verdict(self, request: Request) -> Verdict:
        """What a request says of our responses. Source: xDS behaviour 1.8 and 1.9, in the order of their rules."""
        if request.error is not None:
            return Verdict.NACK
        if not request.nonce:
            return Verdict.NONE
        return Verdict.ACK if request.nonce == self.nonce else Verdict.STALE

    def events(self, request: Request, step: Step, kinds: Announced) -> tuple[Event, ...]:
        """The events of these kinds, as far as there is anything to tell."""
        made = (self._event(kind, request, step) for kind in kinds)
        return tuple(event for event in made if event is not None)

    def _event(
        self, kind: type[Acked | Nacked | Stale | Subscribed | Unsubscribed], request: Request, step: Step
    ) -> Event | None:
        type_url, nonce = request.type_url, Nonce(request.nonce)
        if kind is Subscribed:
            return Subscribed(type_url, step.asked)
        if kind is Unsubscribed:
            return Unsubscribed(type_url, step.dropped) if step.dropped else None
        if kind is Acked:
            return Acked(type_url, nonce)
        if kind is Stale:
            return Stale(type_url, nonce)
        return Nacked(type_url, nonce, self._refused(request), request.error or "", request.error_code)

    def _refused(self, request: Request) -> tuple[str, ...]:
        """Names that the message speaks of, of those in the refused response; all of these if it speaks of none."""
        names = next((names for nonce, names in self.unjudged if nonce == request.nonce), ())
        return tuple(name for name in names if speaks_of(request.error or "", name)) or names

    def judge(self, request: Request, verdict: Verdict) -> None:
        """Remembers what was accepted or refused, and forgets what that response held."""
        if verdict is Verdict.ACK:
            self.acked, self.acked_version, self.error = self.nonce, self.sent.version, ""
            self.good, self.claimed = self.sent, NO_NAMES
        elif verdict is Verdict.NACK:
            self.error = request.error or "refused without a reason"
        nonces = [nonce for nonce, _ in self.unjudged]
        if request.nonce in nonces:
            self.unjudged = self.unjudged[nonces.index(Nonce(request.nonce)) + 1 :]

    def retract(self, withheld: Set[str]) -> None:
        """What was refused counts as never sent, but for what will not be sent again: of that the client has its own.

        Of the rest it may have taken some: each is sent again, or told as gone. Where it has accepted nothing on this
        stream, it may still have what it came with, and an answer is due that says what there is.
        """
        sent, good = self.sent.resources, self.good.resources
        refused = {
            name: Resource(name, b"", "refused")
            for name, each in sent.items()
            if name not in withheld and (name not in good or good[name].version != each.version)
        }
        self.sent = revise(self.good, refused) if refused else self.good
        self.asked |= self.claimed - withheld
        if self.is_continued and self.acked is None:
            self.state = State.ASKED

    def sending(self, nonce: Nonce, names: tuple[str, ...]) -> None:
        """A response is on its way."""
        self.nonce, self.state = nonce, State.SENT
        self.unjudged = (*self.unjudged[1 - UNJUDGED :], (nonce, names))


def speaks_of(message: str, name: str) -> bool:
    """Whether the name stands in the message by itself: `80` is not meant by `outbound|80||web`."""
    if not name or name not in message:  # nearly always: no pattern is compiled then
        return False
    return re.search(rf"(?<![\w|./:*-]){re.escape(name)}(?![\w|/*-])", message) is not None
