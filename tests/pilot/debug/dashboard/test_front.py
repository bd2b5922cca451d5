"""The dashboard over HTTP."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pilot.debug.dashboard.front import Dashboard, is_safe_host
from pilot.debug.dashboard.gathering import Sources
from pilot.debug.questions import explaining
from pilot.memo import Work
from tests.pilot.debug.dashboard import scenes
from tests.pilot.debug.dashboard.test_answers import PUSHED, TOLD

PATHS = (
    "/",
    "/proxies",
    "/services",
    "/problems",
    "/pushes",
    "/certificates",
    "/search?q=web",
    "/proxies/web-0.shop-1",
)


async def nobody(_: web.Request) -> int:
    return 403


async def everybody(_: web.Request) -> int:
    return 0


def shop() -> tuple[Dashboard, web.Application]:
    """The dashboard of the shop."""
    mesh = scenes.mesh()
    sources = Sources(lambda: mesh.snapshot, lambda: (scenes.connection(mesh),), lambda: scenes.PROBLEMS)
    made, application = Dashboard(sources, lambda by: scenes.held(mesh, by), now=lambda: scenes.NOW), web.Application()
    made.add_to(application)
    return made, application


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_html_that_may_run_nothing_of_others(path: str) -> None:
    async with TestClient(TestServer(shop()[1])) as client:
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "</html>" in await answer.text()


async def test_style_and_script_are_ours() -> None:
    async with TestClient(TestServer(shop()[1])) as client:
        for path, kind in (("/dashboard/style.css", "text/css"), ("/dashboard/table.js", "text/javascript")):
            answer = await client.get(path)
            assert (answer.status, answer.content_type) == (200, kind)


@pytest.mark.parametrize("path", PATHS)
async def test_strangers_see_nothing(path: str) -> None:
    made, application = shop()
    made.admit = nobody
    async with TestClient(TestServer(application)) as client:
        answer = await client.get(path)
        assert answer.status == 403
        assert "web-0" not in await answer.text()
        made.admit = everybody
        assert (await client.get(path)).status == 200


async def test_by_itself_it_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot.debug.dashboard.front.is_local", lambda _: False)
    async with TestClient(TestServer(shop()[1])) as client:
        assert (await client.get("/")).status == 403


async def test_nothing_can_be_changed() -> None:
    async with TestClient(TestServer(shop()[1])) as client:
        for path in PATHS:
            assert (await client.post(path)).status == 405


async def test_questions_are_there_where_somebody_can_answer_them() -> None:
    made, application = shop()
    asked: list[object] = []

    def explain(described: Any, url: str) -> Work[dict[str, Any]]:
        yield
        asked.append((described.id, url))
        return TOLD

    async with TestClient(TestServer(application)) as client:
        assert "What would happen" not in await (await client.get("/proxies/web-0.shop-1")).text()
        made.explain, made.why = explain, lambda connection, _: [PUSHED] if connection in ("", "web-0.shop-1") else []
        text = await (await client.get("/proxies/web-0.shop-1")).text()
        assert "What would happen" in text
        assert "RDS 2+ 1-" in text
        assert asked == []
        text = await (await client.get("/proxies/web-0.shop-1", params={"url": "http://reviews:9080/"})).text()
        assert "503 UH" in text
        assert asked == [("web-0.shop", "http://reviews:9080/")]
        assert "RDS 2+ 1-" in await (await client.get("/pushes")).text()


async def test_the_way_of_a_request_is_explained_with_its_objects() -> None:
    made, application = shop()
    made.explain = explaining(scenes.mesh())
    async with TestClient(TestServer(application)) as client:

        async def asked(url: str) -> str:
            return await (await client.get("/proxies/web-0.shop-1", params={"url": url})).text()

        text = await asked("http://reviews:9080/new")
        assert "VirtualService shop/reviews" in text
        assert '<th scope="row">listener</th>' in text
        assert "expected a URL" in await asked("gopher://reviews")


async def test_an_unknown_proxy_and_odd_pages_are_no_errors() -> None:
    async with TestClient(TestServer(shop()[1])) as client:
        assert (await client.get("/proxies/%3Cscript%3E")).status == 404
        for number in ("x", "-1", "0", "99999999999", "²"):
            assert (await client.get("/proxies", params={"page": number})).status == 200


@pytest.mark.parametrize(
    ("host", "safe"),
    [
        ("127.0.0.1:15014", True),
        ("[::1]:15014", True),
        ("[::1]", True),
        ("10.0.0.1", True),
        ("localhost:15014", True),
        ("istiod.istio-system.svc:15014", True),
        ("attacker.example:15014", False),
        ("attacker.example", False),
    ],
)
def test_a_name_that_somebody_pointed_at_this_machine_is_refused(host: str, safe: bool) -> None:
    assert is_safe_host(host) is safe


async def test_a_browser_that_was_lured_here_sees_nothing() -> None:
    async with TestClient(TestServer(shop()[1])) as client:
        answer = await client.get("/", headers={"Host": "attacker.example"})
        assert (answer.status, "proxies" in await answer.text()) == (421, False)
