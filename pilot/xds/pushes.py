"""When a change is pushed, and to whom next: debounce, two lanes, at most one pending push per stream.

In: changes, and a clock that can call back (an event loop, or a test's). Out: merged changes, one stream at a time.
Decides nothing about content: what a stream lacks is found when its turn comes.

Changes of endpoints alone take the fast lane: they are not debounced and overtake waiting full pushes. A push in the
fast lane overtakes the full push of its own stream once; the next one joins it. So neither lane can starve the other.

Source: xDS behaviour 1.10 (push pipeline); operations 7.3 (PILOT_DEBOUNCE_*).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from pilot.type_urls import BY_KEY, ENDPOINT, TypeUrl

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened in the mesh."""

    types: frozenset[TypeUrl] | None = None
    """Types of resources that it can have changed; None: any."""
    reasons: tuple[str, ...] = ()
    """istiod's words (`config`, `service`, `endpoint`, ...), for metrics; each once."""
    since: float = 0.0
    """Time of the first event on the loop's clock, seconds; zero: not yet known."""
    causes: tuple[str, ...] = ()
    """Objects that changed, as people name them; for who asks why."""

    @property
    def is_urgent(self) -> bool:
        """Endpoints alone, or workloads."""
        return self.types is not None and self.types <= _ENDPOINTS

    def affects(self, type_url: TypeUrl) -> bool:
        """Whether resources of this type can have changed."""
        return self.types is None or type_url in self.types

    def at(self, now: float) -> "Change":
        """The same change, happening now unless it is known when it did."""
        return self if self.since else replace(self, since=now)

    def merge(self, later: "Change") -> "Change":
        """Both."""
        types = self.types | later.types if self.types is not None and later.types is not None else None
        reasons = tuple(dict.fromkeys((*self.reasons, *later.reasons)))
        causes = tuple(dict.fromkeys((*self.causes, *later.causes))) if later.causes else self.causes
        return Change(types, reasons, min(self.since, later.since), causes)


_ENDPOINTS = BY_KEY | {ENDPOINT}


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """It does not."""
        ...


class Timers(Protocol):
    """The part of an event loop that debouncing needs."""

    def time(self) -> float:
        """Seconds, steadily rising."""
        ...

    def call_at(self, when: float, callback: Callable[[], Any], /) -> Timer:
        """Calls back at that time."""
        ...


class Debounce:
    """Gathers changes until it was quiet for `after`, at most for `maximum`; urgent ones pass at once."""

    def __init__(
        self,
        release: Callable[[Change], None],
        timers: Timers,
        after: timedelta = timedelta(milliseconds=100),
        maximum: timedelta = timedelta(seconds=10),
    ) -> None:
        self._release = release
        self._timers = timers
        self._after = after.total_seconds()
        self._maximum = maximum.total_seconds()
        self._gathered: Change | None = None
        self._last = 0.0
        self._timer: Timer | None = None

    def submit(self, change: Change) -> None:
        """A change happened, now unless it says when."""
        change = change.at(self._timers.time())
        if change.is_urgent:
            self._release(change)
            return
        self._last = self._timers.time()
        self._gathered = self._gathered.merge(change) if self._gathered else change
        if self._timer is None:
            self._timer = self._timers.call_at(self._due(self._gathered), self._look)

    def close(self) -> None:
        """Forgets what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._gathered = None

    def _due(self, gathered: Change) -> float:
        return min(self._last + self._after, gathered.since + self._maximum)

    def _look(self) -> None:
        """One timer for any number of changes: it is set anew only when it rings too early."""
        gathered, self._timer = self._gathered, None
        if gathered is None:
            return
        due = self._due(gathered)
        if self._timers.time() < due:
            self._timer = self._timers.call_at(due, self._look)
            return
        self._gathered = None
        self._release(gathered)


@dataclass(slots=True)
class _Pending:
    urgent: Change | None = None
    full: Change | None = None
    overtaken: bool = False
    busy: bool = False


class PushQueue(Generic[K]):
    """Whose turn is next. Bounded by itself: a stream holds one place a lane, whatever happens while it waits."""

    def __init__(self) -> None:
        self._pending: dict[K, _Pending] = {}
        self._urgent: dict[K, None] = {}  # dictionaries as ordered sets
        self._full: dict[K, None] = {}

    def __len__(self) -> int:
        """Streams whose turn can come."""
        return len(self._urgent.keys() | self._full.keys())

    def __bool__(self) -> bool:
        return bool(self._urgent or self._full)

    def put(self, key: K, change: Change) -> None:
        """A stream is to be pushed; merges with what already waits for it."""
        pending = self._pending.setdefault(key, _Pending())
        if change.is_urgent and not (pending.full and pending.overtaken):
            pending.urgent = pending.urgent.merge(change) if pending.urgent else change
        else:
            pending.full = pending.full.merge(change) if pending.full else change
        self._enqueue(key, pending)

    def take(self) -> tuple[K, Change] | None:
        """The next turn, or None. The stream gets no other one before `done`."""
        if self._urgent:
            key = next(iter(self._urgent))
            pending = self._pending[key]
            change, pending.urgent = pending.urgent, None
            pending.overtaken = pending.full is not None
        elif self._full:
            key = next(iter(self._full))
            pending = self._pending[key]
            change, pending.full, pending.overtaken = pending.full, None, False
        else:
            return None
        assert change is not None
        self._urgent.pop(key, None)
        self._full.pop(key, None)
        pending.busy = True
        return key, change

    def done(self, key: K) -> None:
        """A stream has had its turn; what came meanwhile waits at the end."""
        pending = self._pending.get(key)
        if pending is None:
            return
        pending.busy = False
        if pending.urgent or pending.full:
            self._enqueue(key, pending)
        else:
            del self._pending[key]

    def forget(self, key: K) -> None:
        """A stream is gone."""
        self._pending.pop(key, None)
        self._urgent.pop(key, None)
        self._full.pop(key, None)

    def _enqueue(self, key: K, pending: _Pending) -> None:
        if pending.busy:
            return
        if pending.urgent:
            self._urgent[key] = None
        if pending.full:
            self._full[key] = None
