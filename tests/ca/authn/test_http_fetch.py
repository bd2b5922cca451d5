from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ca.authn import http_fetch
from ca.authn.http_fetch import HttpFetch
from ca.errors import KeySetError


@asynccontextmanager
async def site() -> AsyncIterator[str]:
    async def good(_: web.Request) -> web.Response:
        return web.Response(text="body")

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("/good")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 2000)

    application = web.Application()
    application.add_routes([web.get("/good", good), web.get("/away", away), web.get("/large", large)])
    runner = web.AppRunner(application)
    await runner.setup()
    served = web.TCPSite(runner, "127.0.0.1", 0)
    await served.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_body_is_fetched() -> None:
    async with site() as base:
        fetch = HttpFetch()
        assert await fetch(f"{base}/good") == b"body"
        await fetch.close()


@pytest.mark.parametrize(
    ("path", "said"), [("/absent", "got 404"), ("/away", "got 302"), ("/large", "at most 1000 bytes")]
)
async def test_anything_else_is_an_error(monkeypatch: pytest.MonkeyPatch, path: str, said: str) -> None:
    monkeypatch.setattr(http_fetch, "MAX_BYTES", 1000)
    async with site() as base:
        fetch = HttpFetch()
        with pytest.raises(KeySetError, match=said):
            await fetch(base + path)
        await fetch.close()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "http://127.0.0.1:1/", "http://[", "https://"])
async def test_address_that_leads_nowhere_is_an_error(url: str) -> None:
    fetch = HttpFetch()
    with pytest.raises(KeySetError):
        await fetch(url)
    await fetch.close()
