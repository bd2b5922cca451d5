"""Fetches small documents over HTTP(S), with limits: what the other side does costs a bounded time and memory.

Comes in: a URL from our own settings. Goes out: the body, or a `KeySetError`. Redirects are not followed: keys come
from where they were looked for.
"""

import ssl
from datetime import timedelta

import aiohttp

from ca.errors import KeySetError

MAX_BYTES = 1 << 20
TIMEOUT = timedelta(seconds=10)


class HttpFetch:
    """One client for all fetches; `close` it."""

    def __init__(self, context: ssl.SSLContext | None = None, headers: dict[str, str] | None = None) -> None:
        """`context`: whom to trust, the system's roots where it is None. Call it on the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context if context is not None else True),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT.total_seconds()),
            headers=headers,
        )

    async def __call__(self, url: str) -> bytes:
        """The body of a 200. Raises: KeySetError."""
        if not url.startswith(("https://", "http://")):
            raise KeySetError(f"{url[:200]!r}: expected an http or https URL")
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise KeySetError(f"{url}: expected status 200, got {response.status}")
                body = bytearray()
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > MAX_BYTES:
                        raise KeySetError(f"{url}: expected at most {MAX_BYTES} bytes, got more")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise KeySetError(f"{url}: {str(error) or type(error).__name__}") from error
        return bytes(body)

    async def close(self) -> None:
        """Closes its connections."""
        await self._session.close()
