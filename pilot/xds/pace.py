"""How much all streams together may do before the event loop gets to read, write and look at the clock again.

In: seconds of work, as they are spent. Out: whose turn it is. Each stream holds the loop for some milliseconds only,
but a thousand of them that are ready at once would hold it for seconds.
"""

import asyncio
from collections import deque

SLICE = 0.005
"""Seconds of work in one round of the loop: a quarter of what a task may take, as the last one may well exceed it."""


class Pace:
    """Lets streams work one after the other, in the order in which they came, where there is more work than time."""

    def __init__(self, slice_seconds: float = SLICE) -> None:
        self._slice = slice_seconds
        self._spent = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_counting = False

    @property
    def is_spent(self) -> bool:
        """There is no time left in this round."""
        return self._spent >= self._slice

    async def turn(self) -> None:
        """Waits until there is time; at once if there is."""
        while self._spent >= self._slice:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def spend(self, seconds: float) -> None:
        """So much was spent in this round."""
        self._spent += seconds
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next_round)

    def _next_round(self) -> None:
        """One of those who wait goes on in each round; what it spends brings the next round."""
        self._spent = 0.0
        self._is_counting = False
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():  # else its stream has ended
                waiting.set_result(None)
                self.spend(0.0)
                return
