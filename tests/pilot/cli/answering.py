"""A control plane and an Envoy that answer commands over HTTP, without xDS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from pilot.cli.main import main
from pilot.debug import controlz
from pilot.debug.access import Access
from pilot.debug.front import DebugFront
from pilot.debug.pages import ClusterState, Surroundings, assemble
from pilot.debug.proxies import Streams
from pilot.debug.web import monitoring_application
from pilot.operating import DebugSettings
from tests.pilot.debug.worlds import bookinfo, connections

CLUSTERS = (ClusterState("Kubernetes", "", "synced"), ClusterState("west", "istio-system/west", "timeout"))


async def run(*arguments: str) -> Result:
    """A command, in a thread: somebody serves meanwhile."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))


def control_plane(change: Callable[[list[Any]], list[Any]] = list) -> web.Application:
    """The monitoring port of bookinfo; `change` what is said of its proxies."""
    mesh, made = bookinfo(), monitoring_application(CollectorRegistry())
    rows = change(connections(mesh))
    access = Access(DebugSettings(), lambda: "istio-system")
    pages = assemble(mesh, Streams(lambda: rows), access, Surroundings(clusters=lambda: CLUSTERS))
    DebugFront(pages.console, access).add_to(made)
    return made


@asynccontextmanager
async def answering(application: web.Application | None = None) -> AsyncIterator[str]:
    """Its address."""
    async with TestServer(application or control_plane()) as server:
        yield f"127.0.0.1:{server.port}"


def log_levels() -> web.Application:
    """A ControlZ."""
    return controlz.application(lambda: None)


def envoy(**answers: Any) -> web.Application:
    """An admin port: JSON or text by path; what was posted is in `app["posted"]`."""
    posted: list[str] = []
    made = web.Application()
    made[POSTED] = posted

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            posted.append(request.query_string)
        found = answers.get(request.path.lstrip("/"))
        if found is None:
            return web.Response(status=404, text="no such path")
        return web.Response(text=found) if isinstance(found, str) else web.json_response(found)

    made.router.add_route("*", "/{path:.*}", answer)
    return made


POSTED = web.AppKey("posted", list[str])
