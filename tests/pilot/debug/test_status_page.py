"""`/debug/status`."""

from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pilot.debug.status_page import add_status_page
from pilot.mesh import Mesh
from pilot.type_urls import LISTENER, ROUTE
from pilot.xds.discovery import Connection, WatchRow
from tests.pilot.gatewayapi.worlds import HTTP, world
from tests.pilot.view.proxies import proxy

NOW = datetime(2024, 1, 1, tzinfo=UTC)
PROXY = proxy("a", "gws", "10.1.1.1", "router", LABELS={"gateway.networking.k8s.io/gateway-name": "main"})


def page(*watches: WatchRow, mesh: Mesh | None = None) -> web.Application:
    """The page of a mesh with one gateway proxy."""
    application = web.Application()
    connection = Connection("a.gws-1", "", "", "delta", NOW, PROXY, watches)
    add_status_page(application, mesh or Mesh(world(HTTP)), lambda: (connection,), tuple)
    return application


async def test_everything_or_what_is_asked_for() -> None:
    async with TestClient(TestServer(page())) as client:
        everything = await (await client.get("/debug/status")).json()
        assert [each["kind"] for each in everything] == ["Gateway", "GatewayClass", "GatewayClass"]
        (found,) = await (await client.get("/debug/status?kind=gateway&name=main&namespace=gws")).json()
        assert found["proxies"] == {"connected": 1, "acknowledged": 1}
        assert await (await client.get("/debug/status?name=nobody")).json() == []


async def test_current_is_what_the_mesh_answers() -> None:
    mesh = Mesh(world(HTTP))
    names = frozenset(("http.80",))
    listeners, routes = mesh.resources_for(PROXY, LISTENER, None), mesh.resources_for(PROXY, ROUTE, names)
    assert listeners is not None
    assert routes is not None
    good = WatchRow(LISTENER, frozenset(), True, listeners.version, "1", NOW, listeners.version, "1", "")
    old = WatchRow(ROUTE, names, False, "old", "1", NOW, "old", "1", "")
    async with TestClient(TestServer(page(good, old, mesh=mesh))) as client:
        (found, *_) = await (await client.get("/debug/status")).json()
        assert found["proxies"]["behind"] == [{"proxy": "a.gws-1", "types": ["RDS"], "reason": "pending"}]


async def test_strangers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot.debug.status_page.is_local", lambda _: False)
    async with TestClient(TestServer(page())) as client:
        assert (await client.get("/debug/status")).status == 403
