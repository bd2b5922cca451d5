"""How late the event loop is: what each task that holds it costs everybody else.

In: a loop. Out: seconds by which it missed the times it was asked for, one figure twenty times a second.
"""

import asyncio
from collections.abc import Callable

INTERVAL = 0.05


async def serve_lag_reports(report: Callable[[float], None], interval: float = INTERVAL) -> None:
    """Reports for ever; ends only by cancellation."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        report(max(0.0, loop.time() - due))
