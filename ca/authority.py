"""The bundle in force, the clock, and the source of serial numbers: what every issued certificate shares.

Comes in: a bundle, later its replacement. Goes out: the current one, and word to whoever waits for a change (the
control plane's own certificate, the distribution of roots). Signs nothing itself.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

from ca.authn.local_issuer import utc_now
from ca.bundle import Bundle
from ca.errors import NotReadyError
from ca.template import SERIAL_BITS, LifetimePolicy


def random_serial() -> int:
    """A positive number of at most 128 random bits. Source: CA behaviour 1.6."""
    return 1 + secrets.randbelow((1 << SERIAL_BITS) - 1)


class Authority:
    """Who signs, at this moment. One event loop uses it; worker threads are handed the bundle they need."""

    def __init__(
        self,
        bundle: Bundle | None,
        policy: LifetimePolicy | None = None,
        clock: Callable[[], datetime] = utc_now,
        new_serial: Callable[[], int] = random_serial,
    ) -> None:
        self._bundle = bundle
        self._changed = asyncio.Event()
        self.policy = policy or LifetimePolicy()
        self.clock = clock
        self.new_serial = new_serial

    @property
    def bundle(self) -> Bundle:
        """The bundle in force. Raises: NotReadyError where there is none yet."""
        if self._bundle is None:
            raise NotReadyError("certificate authority has no signing certificate yet")
        return self._bundle

    def replace(self, bundle: Bundle) -> None:
        """From now on this one signs; everybody in `changed_from` wakes up."""
        self._bundle = bundle
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed_from(self, seen: Bundle) -> None:
        """Returns when another bundle than `seen` is in force; at once if it is already."""
        while self._bundle is seen:
            await self._changed.wait()
