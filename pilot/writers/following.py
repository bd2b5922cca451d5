"""Versions of the mesh, for writers: the newest one, whenever they are ready for it.

In: functions that give current values. Out: a sign whenever one of them is another object; what came and went between
two looks is not seen, so that a storm of changes is little work. Never ends by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

LOOK = 0.25
"""Seconds between two looks; arbitrary: nobody waits for a status."""


async def changes(*current: Callable[[], object], due: Callable[[], bool] = lambda: False) -> AsyncIterator[None]:
    """At once, then each time that a value is another object, or that something is `due`."""
    seen: tuple[object, ...] = ()
    while True:
        now = tuple(each() for each in current)
        if not seen or any(a is not b for a, b in zip(now, seen, strict=True)) or due():
            seen = now
            yield
        await asyncio.sleep(LOOK)
