"""Work that is tried again: which objects are due, and when.

In: keys with something to do. Out: each is done, some at a time; one that fails is due again after a pause that grows.
What fails for an object costs no other one anything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from ca.errors import KubernetesError

AT_A_TIME = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds after a first failure; at most."""
CONFLICT, FORBIDDEN, NOT_FOUND = 409, 403, 404
K = TypeVar("K", bound=Hashable)


class Retries(Generic[K]):
    """The objects of one writer that are due."""

    def __init__(self, write: Callable[[K], Awaitable[None]], log: logging.Logger) -> None:
        self._write, self._log = write, log
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        """By key: the time from which on it is to be tried again."""

    async def run(self, keys: Iterable[K]) -> None:
        """Does these, and those whose pause is over."""
        now = asyncio.get_running_loop().time()
        ready = {key for key, due in self._due.items() if due <= now}
        async with asyncio.TaskGroup() as group:
            for key in dict.fromkeys((*keys, *ready)):
                group.create_task(self._try(key))

    @property
    def is_due(self) -> bool:
        """Whether a pause is over."""
        now = asyncio.get_running_loop().time()
        return any(due <= now for due in self._due.values())

    async def _try(self, key: K) -> None:
        try:
            async with self._turns:
                await self._write(key)
        except KubernetesError as error:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
            self._due[key] = asyncio.get_running_loop().time() + pause
            level = logging.DEBUG if error.status == CONFLICT or failures > 1 else logging.WARNING
            self._log.log(level, f"{key}: not written, next attempt in {pause:.1f} s: {error}")
            return
        self._failures.pop(key, None)
        self._due.pop(key, None)
