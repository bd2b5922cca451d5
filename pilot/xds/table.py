"""The xDS protocol as a table: (state, verdict, wish) -> (next state, what to announce).

Comes in: nothing. Goes out: `TABLE`, which is total: every state meets every kind of request. Everything that affects a
transition stands here; what the wishes of a request are is read by `sotw.py` and `delta.py`.

Source: xDS behaviour 1.8 (state of the world), 1.9 (delta): the numbers at the rows. "Recorded": istiod does so too.
"""

from collections.abc import Mapping
from enum import Enum, auto

from pilot.xds.events import Acked, Nacked, Stale, Subscribed, Unsubscribed


class State(Enum):
    """Of one type on one stream."""

    NEW = auto()
    """Not watched."""
    ASKED = auto()
    """An answer is due, whatever there is to say."""
    SENT = auto()
    """Answered or pushed, not yet judged."""
    LIVE = auto()
    """The last response was accepted."""
    REJECTED = auto()
    """The last response was refused; the client keeps what it had."""


class Verdict(Enum):
    """What a request says of our responses."""

    NONE = auto()
    """Nothing: it has no nonce."""
    ACK = auto()
    """The last one is accepted."""
    NACK = auto()
    """One is refused."""
    STALE = auto()
    """It speaks of one that is not the last."""


class Wish(Enum):
    """What a request wants."""

    SAME = auto()
    """Nothing new; perhaps less than before."""
    MORE = auto()
    """Something that must be answered."""
    NOTHING = auto()
    """The type is no longer watched."""


Announced = tuple[type[Acked] | type[Nacked] | type[Stale] | type[Subscribed] | type[Unsubscribed], ...]
"""An `Unsubscribed` without names is not announced."""

NEW, ASKED, SENT, LIVE, REJECTED = State
NONE, ACK, NACK, STALE = Verdict
SAME, MORE, NOTHING = Wish
HELD = (ASKED, SENT, LIVE, REJECTED)
KEEP = None

_ROWS: tuple[tuple[tuple[State, ...], tuple[Verdict, ...], tuple[Wish, ...], State | None, Announced], ...]
_ROWS = (
    # 1.8.3, 1.9.2: the first request of a type; a nonce is of an earlier stream and means nothing (recorded).
    ((NEW,), (NONE, ACK, STALE), (SAME, MORE), ASKED, (Subscribed,)),
    # A refusal carried over from an earlier stream is a first request all the same: else it would never be answered.
    ((NEW,), (NACK,), (SAME, MORE), ASKED, (Nacked, Subscribed)),
    # 1.8.2: giving up what is not watched.
    ((NEW,), (NONE, ACK, NACK, STALE), (NOTHING,), NEW, ()),
    # 1.9.4: delta, without nonce and without news: no answer (recorded). Names given up need none either.
    (HELD, (NONE,), (SAME,), KEEP, (Unsubscribed,)),
    # 1.8.3: state of the world begins anew. 1.9.4: delta asks for more.
    (HELD, (NONE,), (MORE,), ASKED, (Unsubscribed, Subscribed)),
    # 1.8.5, 1.9.4: accepted. An answer that is due for an earlier request stays due.
    ((SENT, LIVE, REJECTED), (ACK,), (SAME,), LIVE, (Acked, Unsubscribed)),
    ((ASKED,), (ACK,), (SAME,), ASKED, (Acked, Unsubscribed)),
    (HELD, (ACK,), (MORE,), ASKED, (Acked, Unsubscribed, Subscribed)),
    # 1.8.1, 1.9.1: refused: no answer, the last good state stays. Names it asks for besides are answered: it will not
    # repeat them (istiod ignores them until its next full push).
    ((SENT, LIVE, REJECTED), (NACK,), (SAME,), REJECTED, (Nacked, Unsubscribed)),
    ((ASKED,), (NACK,), (SAME,), ASKED, (Nacked, Unsubscribed)),
    (HELD, (NACK,), (MORE,), ASKED, (Nacked, Unsubscribed, Subscribed)),
    # 1.8.4, 1.9.3: sent before the last response arrived: no verdict. Delta says each wish only once: see delta.py.
    (HELD, (STALE,), (SAME,), KEEP, (Stale, Unsubscribed)),
    (HELD, (STALE,), (MORE,), ASKED, (Stale, Unsubscribed, Subscribed)),
    # 1.8.2: an empty list of a type asked for by name ends the watch, whatever else the request says (recorded).
    (HELD, (NONE, STALE), (NOTHING,), NEW, (Unsubscribed,)),
    (HELD, (ACK,), (NOTHING,), NEW, (Acked, Unsubscribed)),
    (HELD, (NACK,), (NOTHING,), NEW, (Nacked, Unsubscribed)),
)  # fmt: skip

TABLE: Mapping[tuple[State, Verdict, Wish], tuple[State, Announced]] = {
    (state, verdict, wish): (to or state, announced)
    for states, verdicts, wishes, to, announced in _ROWS
    for state in states
    for verdict in verdicts
    for wish in wishes
}
