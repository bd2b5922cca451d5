"""The application's metrics, from a small application."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pilot.agent import application_metrics
from pilot.agent.application_metrics import VARIABLE, ApplicationMetrics, metrics_url


@asynccontextmanager
async def application(text: str, status: int = 200) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept"].startswith("text/plain;version=0.0.4")
        return web.Response(text=text, status=status)

    served = web.Application()
    served.router.add_get("/metrics", answer)
    async with TestServer(served) as server:
        yield str(server.make_url("/metrics"))


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"scrape": "true", "path": "/stats", "port": "9090"}, "http://127.0.0.1:9090/stats"),
        ({"scrape": "true", "path": "stats", "port": ""}, "http://127.0.0.1:80/stats"),
        ({"scrape": "true", "path": "", "port": "9090"}, "http://127.0.0.1:9090/metrics"),
        ({"scrape": "", "path": "/stats", "port": "9090"}, ""),
        ({"scrape": "true", "port": "1@example.com:80"}, ""),
        ([], ""),
    ],
)
def test_injection_says_where_they_are(told: object, url: str) -> None:
    assert metrics_url({VARIABLE: json.dumps(told)}) == url


def test_without_a_word_there_are_none() -> None:
    assert metrics_url({}) == metrics_url({VARIABLE: "{"}) == ""


async def test_their_text_ends_so_that_more_can_follow() -> None:
    async with application("app_up 1\n# EOF\n") as url:
        lines = (await ApplicationMetrics(url).read()).decode().splitlines()
    assert lines[0] == "app_up 1"
    assert "# EOF" not in lines
    assert lines[-1] == "meshpilot_agent_scrape_failures 0"


async def test_an_application_that_fails_is_counted() -> None:
    async with application("no", 500) as url:
        metrics = ApplicationMetrics(url)
        await metrics.read()
        assert (await metrics.read()).decode().splitlines()[-1] == "meshpilot_agent_scrape_failures 2"


async def test_too_much_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application_metrics, "LARGEST", 8)
    async with application("app_up 1\n") as url:
        assert b"app_up" not in await ApplicationMetrics(url).read()


async def test_nothing_is_asked_where_there_is_nothing() -> None:
    assert await ApplicationMetrics("").read() == b""
