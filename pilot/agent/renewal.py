"""When a certificate is renewed, and how long to wait after a failure: pure arithmetic.

In: times, an attempt's number and a random number between 0 and 1 that the caller draws. Out: a delay.
Does not wait, and knows no clock.
"""

from datetime import datetime, timedelta

from pilot.agent.options import Renewal

ATTEMPTS = 5
"""Retries of one request before the agent pauses. Source: CA behaviour 1.1."""

FIRST_BACKOFF = timedelta(milliseconds=100)
LAST_BACKOFF = timedelta(seconds=1.6)
BACKOFF_JITTER = 0.1

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)


def renewal_delay(received: datetime, not_after: datetime, renewal: Renewal, draw: float) -> timedelta:
    """How long after `received` to ask for the next certificate.

    Counted from receipt, not from the certificate's notBefore, which lies in the past to allow for clock skew: a
    certificate of a few seconds would otherwise be due at once, for ever. Never negative.
    """
    life = max(not_after - received, timedelta(0))
    return life * (renewal.fraction * (1 + renewal.jitter * (2 * draw - 1)))


def backoff(attempt: int, draw: float) -> timedelta:
    """The wait before retry number `attempt` (from 0): 100 ms, doubling to 1.6 s, give or take a tenth."""
    delay = min(FIRST_BACKOFF * (1 << min(attempt, 10)), LAST_BACKOFF)
    return delay * (1 + BACKOFF_JITTER * (2 * draw - 1))


def pause(remaining: timedelta, is_refused: bool) -> timedelta:
    """The wait after a request failed for good or all its retries did.

    `remaining` is the life left of the certificate in use (zero or less: none). A refusal rarely heals by itself: it
    waits longest. Otherwise a tenth of what remains, so that a short-lived certificate is tried for often enough.
    """
    if is_refused and remaining <= timedelta(0):
        return LONGEST_PAUSE / 2
    return min(max(remaining / 10, SHORTEST_PAUSE), LONGEST_PAUSE)
