"""`GET /debug/status`: what controllers say of objects, and which proxies have accepted it.

In: the mesh, the streams of proxies, problems. Out: a route of an aiohttp application: JSON, a list of entries; `kind`,
`name` and `namespace` in the query choose. For who asks from this machine, as all debug pages.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from aiohttp import web

from pilot.debug.web import Problems, is_local
from pilot.mesh import Mesh
from pilot.status import acknowledgement, report
from pilot.status.report import Entry, Question
from pilot.type_urls import TypeUrl
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection

Connections = Callable[[], Iterable[Connection]]
"""The streams that are open now."""


def add_status_page(application: web.Application, mesh: Mesh, connections: Connections, problems: Problems) -> None:
    """Adds the page."""

    async def answer(request: web.Request) -> web.Response:
        if not is_local(request):
            return web.Response(status=403, text="debug pages are for this machine only\n")
        question = Question(**{name: request.query.get(name, "") for name in ("kind", "name", "namespace")})
        return web.json_response(report.select(_entries(mesh, connections(), problems), question))

    application.router.add_get("/debug/status", answer)


def _entries(mesh: Mesh, connections: Iterable[Connection], problems: Problems) -> tuple[Entry, ...]:
    def current(proxy: Proxy, type_url: TypeUrl, names: frozenset[str] | None) -> str | None:
        found = mesh.resources_for(proxy, type_url, names)
        return found.version if found is not None else None

    progress = acknowledgement.count(mesh.snapshot, connections, current)
    return report.entries(mesh.snapshot, progress, problems(), datetime.now(UTC))
