"""Waits for the real world: asks again and again, but not for ever."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(ask: Callable[[], T | Awaitable[T]], within: float = 15.0) -> T:
    """The first true answer. An AssertionError names the last one where none comes `within` these seconds."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while True:
        answer = ask()
        found: T = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found
        assert clock() < deadline, f"not within {within:g} s; the last answer was {found!r}"
        await asyncio.sleep(0.02)
