"""Keeps the addresses of host names fresh, in the background: nobody waits for an answer.

In: the names that the mesh needs. Out: events with their addresses. Each is asked for again when what was said is not
good any more, at most every 30 s; where nobody answers, the last good addresses stay.
Source: xDS behaviour 2.6; Kubernetes controllers behaviour 7.3.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from pilot.model.host_addresses import HostAddresses, host_addresses
from pilot.model.objects import Event, ObjectKey
from pilot.sources.dns import Answer, LookUpError, look_up

SHORTEST: Final = 30.0
"""Seconds between two questions about a name at least, as with istiod."""
_LONGEST: Final = 3600.0
_RETRY_FIRST, _RETRY_MOST = 1.0, 60.0
"""Seconds until the second attempt, and between attempts at most; twice as long after each. Arbitrary."""
AT_ONCE: Final = 8
_log = logging.getLogger("dns")

Apply = Callable[[tuple[Event, ...]], None]
LookUp = Callable[[str], Awaitable[Answer]]
Pause = Callable[[float], Awaitable[None]]


class NameKeeper:
    """Looks up names that are wanted, again and again."""

    def __init__(self, ask: LookUp = look_up, pause: Pause = asyncio.sleep) -> None:
        self._ask, self._pause = ask, pause
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._known: dict[str, tuple[str, ...]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def want(self, names: frozenset[str]) -> None:
        """From now on these are kept fresh, and no others."""
        if names != self._wanted:
            self._wanted = names
            self._changed.set()

    async def serve(self, apply: Apply) -> None:
        """Says what it finds; ends only by cancellation."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await self._changed.wait()
                self._changed.clear()
                gone = running.keys() - self._wanted
                for name in gone:
                    running.pop(name).cancel()
                    self._known.pop(name, None)
                if gone:
                    apply(tuple(Event(ObjectKey(HostAddresses.KIND, "", name), None) for name in sorted(gone)))
                for name in sorted(self._wanted - running.keys()):
                    running[name] = group.create_task(self._keep(name, apply))

    async def _keep(self, name: str, apply: Apply) -> None:
        failures = 0
        while True:
            try:
                async with self._slots:
                    found = await self._ask(name)
            except LookUpError as error:
                if not failures:
                    _log.warning(f"{error}; what was known of it stays")
                wait = min(_RETRY_FIRST * 2.0 ** min(failures, 16), _RETRY_MOST)
                failures += 1
            else:
                failures = 0
                self._take(name, found, apply)
                wait = min(max(found.ttl, SHORTEST), _LONGEST)
            await self._pause(wait * random.uniform(1.0, 1.1))

    def _take(self, name: str, found: Answer, apply: Apply) -> None:
        known = self._known.get(name)
        if not found.addresses and known:
            _log.warning(f"{name}: there is no such name any more; what was known of it stays")
        elif found.addresses != known:
            self._known[name] = found.addresses
            _log.info(f"{name}: {', '.join(found.addresses) or 'no such name'}")
            apply((Event(ObjectKey(HostAddresses.KIND, "", name), host_addresses(name, found.addresses)),))
