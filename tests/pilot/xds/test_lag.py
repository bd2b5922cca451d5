import asyncio
import time

from pilot.xds.lag import serve_lag_reports


async def test_a_task_that_holds_the_loop_is_seen() -> None:
    seen: list[float] = []
    watching = asyncio.create_task(serve_lag_reports(seen.append, interval=0.001))
    await asyncio.sleep(0)
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
    deadline = time.monotonic() + 5
    while not seen and time.monotonic() < deadline:  # noqa: ASYNC110 - the real clock is what is tested
        await asyncio.sleep(0.001)
    watching.cancel()
    assert max(seen) > 0.04
