"""How many bytes may be on their way to all clients together: what is sent and not yet taken lies in our memory.

In: sizes of responses that are about to be written, and that were. Out: whose turn it is. A thousand proxies that
connect at once are owed some megabytes each: copies for all of them would be gigabytes. Small responses need no room.

A client that does not read keeps its room for a moment only: it must not hold up the others.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

BYTES = 64 << 20
"""Arbitrary: twenty full answers of a large mesh, far more than sockets take at once."""
SMALL = 64 << 10
"""Bytes of a response that need no room: a client's window takes them at once."""
PATIENCE = 0.5
"""Seconds that a response keeps its room. Arbitrary: many times what a client that reads needs."""


@dataclass(eq=False, slots=True)
class Place:
    """The room of one response."""

    size: int
    is_taken: bool = True


class Room:
    """Bytes on their way. First come, first served."""

    def __init__(self, size: int = BYTES, patience: float = PATIENCE) -> None:
        self._size = size
        self._patience = patience
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, size: int) -> Place:
        """Waits until there is room for a response of `size` bytes. `leave` the place when it is written."""
        loop, is_first = asyncio.get_running_loop(), not self._waiting
        while not is_first or (self._taken and self._taken + size > self._size):
            waiting = loop.create_future()
            if is_first:
                self._waiting.appendleft(waiting)
            else:
                self._waiting.append(waiting)
            try:
                await waiting
            except asyncio.CancelledError:
                self._wake()  # this one may have been woken in place of another
                raise
            is_first = True
        self._taken += size
        place = Place(size)
        loop.call_later(self._patience, self.leave, place)
        self._wake()  # there may be room for more
        return place

    def leave(self, place: Place) -> None:
        """The response is written, or never will be, or its time is over."""
        if place.is_taken:
            place.is_taken = False
            self._taken -= place.size
            self._wake()

    def _wake(self) -> None:
        while self._waiting and self._taken < self._size:
            waiting = self._waiting.popleft()
            if not waiting.done():  # else its stream has ended
                waiting.set_result(None)
                return
