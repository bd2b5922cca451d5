"""Remembers what tokens proved, so that a token shown again costs a look-up instead of a verification.

Comes in: tokens, what they proved, until when. Goes out: the same again while it holds. Tokens themselves are not
kept, only their SHA-256. Failures are not remembered: whoever sends garbage pays for it, and a key that is published
a moment late does no lasting harm.

Source: issue "certificate authority" (results cached by token hash until expiry).
"""

import hashlib
from datetime import datetime, timedelta

from ca.authn.caller import Caller

MOST = 10_000
"""Tokens; about 400 bytes each. Beyond it the oldest are forgotten."""


class VerifiedTokens:
    """Callers by token, until the token expires, and not longer than `longest`."""

    def __init__(self, longest: timedelta | None = None, most: int = MOST) -> None:
        """`longest`: how long a token is believed whose account or pod may be gone before it expires."""
        self._longest = longest
        self._most = most
        self._callers: dict[bytes, tuple[Caller, float]] = {}

    def __len__(self) -> int:
        return len(self._callers)

    def find(self, token: str, cluster_id: str, now: datetime) -> Caller | None:
        """Whom the token was found to speak for, in that cluster; None where that is not known, or no longer."""
        key = _key(token, cluster_id)
        found = self._callers.get(key)
        if found is None:
            return None
        caller, until = found
        if now.timestamp() < until:
            return caller
        del self._callers[key]
        return None

    def remember(self, token: str, cluster_id: str, caller: Caller, expiry: float, now: datetime) -> None:
        """`expiry`: of the token, in seconds of Unix time."""
        if self._longest is not None:
            expiry = min(expiry, (now + self._longest).timestamp())
        while len(self._callers) >= self._most:
            del self._callers[next(iter(self._callers))]
        self._callers[_key(token, cluster_id)] = (caller, expiry)

    def forget(self) -> None:
        """Everything: the keys that vouched for it have changed."""
        self._callers.clear()


def _key(token: str, cluster_id: str) -> bytes:
    return hashlib.sha256(f"{cluster_id}\0{token}".encode("utf-8", "surrogatepass")).digest()
