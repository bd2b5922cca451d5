"""What a request of a proxy meant: the events that a session answers to `receive`.

Comes in: nothing. Goes out: frozen values. The server logs and counts them; what is due to the proxy is asked from the
session, not read from events.
"""

from dataclasses import dataclass
from typing import NewType

from pilot.type_urls import TypeUrl

Nonce = NewType("Nonce", str)
"""Names one response on one stream."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The proxy asks for `names` that it is now owed; `*` stands for everything there is for it."""

    type_url: TypeUrl
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The proxy gave up `names`; `*` stands for everything it did not name."""

    type_url: TypeUrl
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Acked:
    """The proxy accepted the last response."""

    type_url: TypeUrl
    nonce: Nonce


@dataclass(frozen=True, slots=True)
class Nacked:
    """The proxy refused a response. `names`: what the message names of it, else all that was in it."""

    type_url: TypeUrl
    nonce: Nonce
    names: tuple[str, ...]
    message: str
    code: int = 0
    """A number of gRPC's."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The request speaks of a response that is not the last one."""

    type_url: TypeUrl
    nonce: Nonce


@dataclass(frozen=True, slots=True)
class HealthReported:
    """A virtual machine tells whether its application is well. Source: xDS behaviour 1.12."""

    healthy: bool
    message: str


@dataclass(frozen=True, slots=True)
class Queried:
    """A debug question: to be answered once by `Session.answer`, nothing is remembered. Source: operations 3.3."""

    type_url: TypeUrl
    names: frozenset[str]


Event = Subscribed | Unsubscribed | Acked | Nacked | Stale | HealthReported | Queried
