"""Waits for the real world: asks again and again, but not for ever."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(ask: Callable[[], Coroutine[Any, Any, T]], within: float = 15.0) -> T: ...


@overload
async def eventually(ask: Callable[[], T], within: float = 15.0) -> T: ...


async def eventually(ask: Callable[[], Any], within: float = 15.0) -> Any:
    """The first true answer. An AssertionError names the last one where none comes `within` these seconds."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while True:
        answer = ask()
        found = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found
        assert clock() < deadline, f"not within {within:g} s; the last answer was {found!r}"
        await asyncio.sleep(0.02)
