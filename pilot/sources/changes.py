"""Says when something below a directory may have changed.

In: directories. Out: paths that the kernel reported, as they come, and from time to time nothing at all, so that a
directory whose changes nobody reports (network mounts, targets of links) is looked at as well. Reads no file.
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import watchfiles

log = logging.getLogger(__name__)

QUIET_MS = 50
"""Changes are said when there was none for so long, as istiod does."""
AT_MOST_MS = 400
"""... but not later than this after the first one."""
POLL_SECONDS = 2.0
FALLBACK_SECONDS = 0.5
"""Where nothing is reported: watches used up, or not supported."""


async def watch_changes(
    *directories: str, recursive: bool = True, poll: float = POLL_SECONDS
) -> AsyncGenerator[frozenset[str], None]:
    """Paths that changed; the first set is empty and says that from now on no change is missed.

    Never ends by itself: a directory that disappears is looked for until it is back.
    """
    while True:
        watched = _identities(directories)
        reported = watchfiles.awatch(
            *directories,
            watch_filter=None,
            step=QUIET_MS,
            debounce=AT_MOST_MS,
            rust_timeout=max(1, int(poll * 1000)),
            yield_on_timeout=True,
            recursive=recursive,
            ignore_permission_denied=True,
        )
        async with aclosing(reported):
            pending = asyncio.ensure_future(anext(reported))
            try:
                await asyncio.sleep(0)  # lets it set its watches, which it does before it first waits
                yield frozenset()
                while _identities(directories) == watched:  # else the kernel still reports on what stood there before
                    yield frozenset(path for _, path in await pending)
                    pending = asyncio.ensure_future(anext(reported))
            except (OSError, RuntimeError, StopAsyncIteration) as error:
                log.debug(f"no change reports for {', '.join(directories)}: {error}")
                await asyncio.sleep(min(poll, FALLBACK_SECONDS))
            finally:
                pending.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await pending


def _identities(directories: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Device and inode of each, zeros where it does not exist."""
    found = []
    for directory in directories:
        try:
            status = os.stat(directory)
            found.append((status.st_dev, status.st_ino))
        except OSError:
            found.append((0, 0))
    return tuple(found)
