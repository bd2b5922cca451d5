"""Who waits for something to change. Nothing is queued: who wakes late finds the newest state.

In: that something changed. Out: an event for each watcher, set by it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Watchers:
    """Everybody who waits."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """An event that is set by each change from now on; the watcher clears it before it reads."""
        event = asyncio.Event()
        self._events.add(event)
        try:
            yield event
        finally:
            self._events.discard(event)

    def wake(self) -> None:
        """Something changed."""
        for each in self._events:
            each.set()
