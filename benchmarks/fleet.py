"""Many simulated Envoys in one process: started together, counted together."""

import asyncio
import time
from collections.abc import Callable, Iterable

from benchmarks.envoy import Counts, Envoy

_LOOK = 0.02
"""Seconds between looks at the fleet; times of events come from the Envoys themselves."""


class Fleet:
    """A group of Envoys."""

    def __init__(self, envoys: Iterable[Envoy]) -> None:
        self.envoys = list(envoys)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, first: int = 0, last: int | None = None) -> None:
        """Connects these of them, in the order of the list."""
        self._tasks += [asyncio.create_task(each.serve()) for each in self.envoys[first:last]]

    async def stop(self) -> None:
        """Disconnects all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Forgets what was counted."""
        for each in self.envoys:
            each.counts = Counts()

    async def synced(self, wanted: int, limit: float, progress: Callable[[int], None]) -> bool:
        """Waits until so many have all they asked for. False after `limit` seconds, or if an Envoy gave up."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for task in self._tasks:
                if task.done():
                    task.result()
            done = sum(each.synced.is_set() for each in self.envoys)
            progress(done)
            if done >= wanted:
                return True
            await asyncio.sleep(_LOOK)
        return False

    async def quiet(self, gap: float, limit: float) -> None:
        """Waits until nobody has received anything for `gap` seconds, `limit` seconds at most."""
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + limit:
            last = max((each.counts.last for each in self.envoys), default=0.0)
            if (last and now - last > gap) or (not last and now - begun > max(gap, 2.0)):
                return
            await asyncio.sleep(_LOOK)
