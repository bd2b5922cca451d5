"""How many new streams are let in a second: a token bucket whose late comers queue instead of being refused.

In: the clock's time at which a stream asks. Out: how long it has to wait. Does not wait itself.

After a restart thousands of proxies come back at once. Refusing them (as istiod does after a second) makes them try
again, with growing pauses; letting them queue here costs an idle stream each and brings all of them in at a steady
pace, in the order in which they came. Source: xDS behaviour 1.2, step 3; operations 7.3.
"""

from datetime import timedelta

DEFAULT_RATE = 400.0
"""Streams a second. Two thousand proxies must be back within twenty seconds of a restart: four times that pace, as the
restart takes some of them."""

DEFAULT_BURST = 50
"""Streams let in without waiting after a quiet time. Arbitrary: a quarter of a second's worth."""


class Admission:
    """`rate` streams a second, `burst` of them at once after a pause. A rate of zero or less lets everybody in."""

    def __init__(self, rate: float = DEFAULT_RATE, burst: int = DEFAULT_BURST) -> None:
        self._interval = 1 / rate if rate > 0 else 0.0
        self._credit = self._interval * (burst - 1)
        self._next = float("-inf")

    def reserve(self, now: float) -> timedelta:
        """Takes the next token, for a stream that came at `now` (seconds); how long until it may go on."""
        self._next = max(self._next, now - self._credit)
        wait = self._next - now
        self._next += self._interval
        return timedelta(seconds=max(0.0, wait))
