"""Debug pages over HTTP: who gets them."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from ca.authn.caller import Call
from ca.errors import UnauthenticatedError
from pilot.debug import front
from pilot.debug.access import Access
from pilot.debug.console import Console, Entry
from pilot.debug.front import DebugFront
from pilot.operating import DebugSettings

TOKENS = {"root": "spiffe://td/ns/istio-system/sa/kiali", "shop": "spiffe://td/ns/shop/sa/web"}


async def by_token(call: Call) -> tuple[str, ...]:
    if call.bearer is None or call.bearer.reveal() not in TOKENS:
        raise UnauthenticatedError((("test", "no"),))
    return (TOKENS[call.bearer.reveal()],)


def application(**settings: Any) -> web.Application:
    console = Console()
    console.add(
        Entry("configz", "All of it.", lambda _: [1]),
        Entry("edsz", "Endpoints.", lambda asked: {"held to": asked.namespace}, open_to_all=True),
        Entry("diff", "A change.", lambda asked: {"sent": asked.body}),
    )
    made = web.Application()
    DebugFront(console, Access(DebugSettings(**settings), lambda: "istio-system"), by_token).add_to(made)
    return made


@pytest.fixture
def from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers are not on this machine."""
    monkeypatch.setattr(front, "is_local", lambda _: False)


async def test_this_machine_is_never_asked_who_it_is() -> None:
    async with TestClient(TestServer(application())) as client:
        answer = await client.get("/debug/configz?pretty")
        assert (answer.status, await answer.text()) == (200, "[\n  1\n]")
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("from_afar")
@pytest.mark.parametrize(
    ("token", "page", "status"),
    [("", "configz", 401), ("bad", "configz", 401), ("root", "configz", 200), ("shop", "configz", 403),
     ("shop", "edsz", 200), ("shop", "nothing", 403), ("root", "nothing", 404)],
)  # fmt: skip
async def test_others_prove_who_they_are(token: str, page: str, status: int) -> None:
    async with TestClient(TestServer(application())) as client:
        answer = await client.get(f"/debug/{page}", headers={"Authorization": f"Bearer {token}"} if token else {})
        assert answer.status == status
        if status in (401, 403):
            assert await answer.read() == b""
        if (token, page) == ("shop", "edsz"):
            assert await answer.json() == {"held to": "shop"}


async def test_something_is_sent_to_one_page_only() -> None:
    async with TestClient(TestServer(application())) as client:
        assert await (await client.post("/debug/diff", data="kind: Service")).json() == {"sent": "kind: Service"}
        assert await (await client.get("/debug/diff")).json() == {"sent": ""}
        assert (await client.post("/debug/configz", data="kind: Service")).status == 405


@pytest.mark.usefixtures("from_afar")
@pytest.mark.parametrize(("token", "status"), [("", 401), ("shop", 403), ("root", 200)])
async def test_who_sends_something_proves_who_they_are(token: str, status: int) -> None:
    async with TestClient(TestServer(application())) as client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert (await client.post("/debug/diff", data="x", headers=headers)).status == status


@pytest.mark.usefixtures("from_afar")
async def test_before_there_is_a_root_nobody_is_believed() -> None:
    made, console = web.Application(), Console()
    DebugFront(console, Access(DebugSettings(), lambda: "istio-system")).add_to(made)
    async with TestClient(TestServer(made)) as client:
        assert (await client.get("/debug/list")).status == 401


async def test_the_list_for_browsers_has_links() -> None:
    async with TestClient(TestServer(application())) as client:
        text = await (await client.get("/debug")).text()
        assert '<a href="/debug/configz">/debug/configz</a></td><td>All of it.' in text


@pytest.mark.usefixtures("from_afar")
@pytest.mark.parametrize(("token", "status"), [("", 401), ("bad", 401), ("shop", 403), ("root", 0)])
async def test_what_shows_everything_is_for_who_may_see_everything(token: str, status: int) -> None:
    made = DebugFront(Console(), Access(DebugSettings(), lambda: "istio-system"), by_token)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert await made.refusal(make_mocked_request("GET", "/", headers=headers)) == status


async def test_switched_off_even_this_machine_is_refused() -> None:
    made = DebugFront(Console(), Access(DebugSettings(enabled=False), lambda: "istio-system"), by_token)
    assert await made.refusal(make_mocked_request("GET", "/")) == 404


async def test_switched_off_there_is_nothing() -> None:
    async with TestClient(TestServer(application(enabled=False))) as client:
        assert (await client.get("/debug")).status == 404
        assert (await client.get("/debug/configz")).status == 404
