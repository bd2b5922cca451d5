"""How the process treats its memory: when the garbage collector looks, and how many heaps the allocator keeps.

In: nothing. Out: settings of the process, made at start by the composition root, and a task that returns what is
free. Knows nothing about what is stored.

Snapshots, resources and cached results are immutable and free of cycles: reference counts free them. The collector is
there for what ends with a stream or a task, but each of its full rounds walks through all the rest and holds the event
loop for as long. So what exists once everything is read is taken out of its sight, and it looks at young objects only.
"""

import asyncio
import ctypes
import gc
import sys

_YOUNG = 20_000
_ROUNDS = 20
"""Arbitrary: a round over (young x rounds) objects takes some 10 ms, half of what a task may."""
_OLD = 1_000
"""Rounds of the second generation between full ones; these follow only if a quarter of all objects is new."""
RETURN_EVERY = 1.0
"""Seconds. Arbitrary: a look costs 0.2 ms where there is nothing to return."""
_M_ARENA_MAX = -8
_ARENAS = 2


def prepare() -> None:
    """Before threads start and anything is read: two heaps for all threads, not eight for each core, and no collector.

    Reading everything makes millions of objects that stay; looking through them again and again takes a third of it.
    """
    gc.disable()
    if sys.platform == "linux":
        _glibc_call("mallopt", _M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """Everything is read and stays: collects once, then never looks at it again; freed pages go back to the system."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _ROUNDS, _OLD)
    gc.enable()
    if sys.platform == "linux":
        _glibc_call("malloc_trim", 0)


async def serve_returns() -> None:
    """Gives pages that nothing uses any more back to the system, for ever; ends only by cancellation.

    What is on its way to proxies lies in the heap, between what stays: the allocator would keep the holes of a burst.
    """
    while sys.platform == "linux":
        await asyncio.sleep(RETURN_EVERY)
        await asyncio.to_thread(_glibc_call, "malloc_trim", 0)
    await asyncio.Event().wait()


def _glibc_call(name: str, *arguments: int) -> None:
    """Calls it where it exists: other C libraries have nothing of the kind."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
