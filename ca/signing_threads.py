"""Runs signatures on threads of their own, so that the event loop goes on meanwhile.

Comes in: functions without arguments. Goes out: what they return or raise, to whoever awaits it on the event loop. Does
what `run_in_executor` does with a third of its work on the loop: one future instead of two that are chained, and one
wake-up for all the results that have come since the last one (under load they come many at a time).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class SigningThreads:
    """A fixed number of threads for one event loop. Use it as a context manager, on that loop.

    The queue has no limit of its own: it holds one entry for each call that the gRPC server has let in.
    """

    def __init__(self, threads: int) -> None:
        """`threads`: as many as cores, since each signature keeps one busy."""
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_waking = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"signer-{number}", daemon=True) for number in range(threads)
        ]

    def __enter__(self) -> "SigningThreads":
        self._loop = asyncio.get_running_loop()
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the threads after the work that is queued; its results go to whoever still waits."""
        for _each in self._threads:
            self._jobs.put(None)
        for each in self._threads:
            each.join()
        self._deliver()

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; raises what it raises. Cancelled, the result is thrown away."""
        if self._loop is None:
            raise RuntimeError("signing threads are not running: enter them first")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((work, future))
        return await future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            try:
                self._done.append((future, work(), None))
            except BaseException as error:
                self._done.append((future, None, error))
            # Read after the append: a delivery that is under way clears the flag before it empties the queue.
            if not self._is_waking:
                self._is_waking = True
                assert self._loop is not None, "threads start when the loop is known"
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_waking = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():  # cancelled
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
