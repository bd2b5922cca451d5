import asyncio
import threading
from functools import partial

import pytest

from ca.signing_threads import SigningThreads


async def test_results_and_errors_come_back() -> None:
    with SigningThreads(2) as threads:
        results = await asyncio.gather(*(threads.run(partial(pow, number, 2)) for number in range(200)))
        assert results == [number * number for number in range(200)]
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        assert await threads.run(lambda: threading.current_thread().name.partition("-")[0]) == "signer"


async def test_loop_goes_on_while_threads_are_busy() -> None:
    release = threading.Event()
    with SigningThreads(1) as threads:
        waiting = asyncio.create_task(threads.run(lambda: release.wait(10)))
        await asyncio.sleep(0)
        release.set()  # the loop could do this only because it was not held
        assert await waiting


async def test_cancelled_call_harms_nobody() -> None:
    release = threading.Event()
    with SigningThreads(1) as threads:
        waiting = asyncio.create_task(threads.run(lambda: release.wait(10)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()
        assert await threads.run(lambda: "next") == "next"


async def test_queued_work_is_finished_at_the_end() -> None:
    with SigningThreads(1) as threads:
        waiting = [asyncio.create_task(threads.run(partial(abs, number))) for number in range(10)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == list(range(10))
    assert not [each for each in threading.enumerate() if each.name.startswith("signer-")]


async def test_threads_that_do_not_run_refuse_work() -> None:
    with pytest.raises(RuntimeError, match="enter them first"):
        await SigningThreads(1).run(lambda: None)
