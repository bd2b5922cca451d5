"""The dashboard over HTTP: who may see it, one route a page. It answers GET and HEAD alone.

In: where to look, what a proxy is to have, who admits callers. Out: routes of an aiohttp application. Gathers on the
event loop and makes pages in a thread.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from pilot.debug.console import in_slices
from pilot.debug.dashboard import answers, pages, proxy_pages, push_page, script, style
from pilot.debug.dashboard.answers import Explain, Why
from pilot.debug.dashboard.explained import explain
from pilot.debug.dashboard.frame import POLICY, SCRIPT, STYLE
from pilot.debug.dashboard.gathering import Sources, gather, proxy_row
from pilot.debug.dashboard.markup import Content, tag
from pilot.debug.dashboard.rows import Picture
from pilot.debug.web import is_local
from pilot.resources import ResourceSet
from pilot.type_urls import TypeUrl
from pilot.view.proxy import Proxy
from pilot.xds.discovery import Connection

Held = Callable[[Connection], Mapping[TypeUrl, ResourceSet]]
"""What a proxy is to have now, by type."""
Admit = Callable[[web.Request], Awaitable[int]]
"""Whether a caller may see everything: 0, or the status that says no."""
Page = Callable[[Picture, web.Request], str]

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGES: Final[Mapping[str, Page]] = {
    "/": lambda picture, _: pages.overview(picture),
    "/proxies": lambda picture, asked: proxy_pages.proxies(picture, asked.query.get("state", ""), _number(asked)),
    "/services": lambda picture, asked: pages.services(picture, asked.query.get("namespace", "")),
    "/problems": lambda picture, _: pages.problems(picture),
    "/certificates": lambda picture, _: pages.certificates(picture),
    "/search": lambda picture, asked: pages.search(picture, asked.query.get("q", "").strip()),
}


async def only_local(request: web.Request) -> int:
    """Callers from this machine."""
    return 0 if is_local(request) else 403


class Dashboard:
    """The pages. `sources` and `admit` may be replaced while it is served."""

    def __init__(
        self,
        sources: Sources,
        held: Held,
        admit: Admit = only_local,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.sources = sources
        self.admit = admit
        self.explain: Explain | None = None
        """What would happen to a request; may be set."""
        self.why: Why | None = None
        """What was pushed lately; may be set."""
        self._held = held
        self._now = now

    def add_to(self, application: web.Application) -> None:
        """Adds the routes."""
        for path, page in _PAGES.items():
            application.router.add_get(path, self._serving(page))
        application.router.add_get("/pushes", self._pushes)
        application.router.add_get("/proxies/{connection}", self._proxy)
        application.router.add_get(STYLE, _constant(style.TEXT, "text/css"))
        application.router.add_get(SCRIPT, _constant(script.TEXT, "text/javascript"))

    def _serving(self, page: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            refused = await self._refusal(request)
            if refused is not None:
                return refused
            make = gather(self.sources, self._now())
            return _html(await asyncio.to_thread(lambda: page(make(), request)))

        return serve

    async def _proxy(self, request: web.Request) -> web.Response:
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        wanted, filtered = request.match_info["connection"], request.query.get("q", "").strip()
        found = next((each for each in self.sources.connections() if each.id == wanted), None)
        if found is None or not isinstance(found.proxy, Proxy):
            return _html(proxy_pages.unknown(wanted), 404)
        row, held, now = proxy_row(found), self._held(found), self._now()
        questions = await self._questions(found, request.query.get("url", "").strip())
        return _html(await asyncio.to_thread(lambda: proxy_pages.proxy(row, explain(held), now, filtered, questions)))

    async def _pushes(self, request: web.Request) -> web.Response:
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        make, told = gather(self.sources, self._now()), self._pushed("", "The last ones, and why")
        return _html(await asyncio.to_thread(lambda: push_page.pushes(make(), *told)))

    def _pushed(self, connection: str, title: str) -> list[Content]:
        """On the event loop: what was pushed goes on."""
        if self.why is None:
            return []
        return [tag("h2", title), answers.pushed(self.why(connection, answers.MOST), self._now())]

    async def _questions(self, found: Connection, url: str) -> list[Content]:
        made: list[Content] = []
        if self.explain is not None:
            made += [tag("h2", "What would happen to a request?", id="request"), answers.question(found.id, url)]
            made += [answers.explanation(await in_slices(self.explain(found.proxy, url)))] if url else []
        return made + self._pushed(found.id, "What it was sent lately, and why")

    async def _refusal(self, request: web.Request) -> web.Response | None:
        if is_local(request) and not is_safe_host(request.host):
            return web.Response(status=421, text="the dashboard is served under an address or localhost only\n")
        status = await self.admit(request)
        return web.Response(status=status, text="the dashboard is for this machine only\n") if status else None


def is_safe_host(host: str) -> bool:
    """Whether a browser on this machine was told to go to us: somebody else's name may have been pointed at it.

    Who proves an identity may use any name. Names inside of a cluster end in `.svc` or have no dot.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name or name.endswith((".localhost", ".svc", ".svc.cluster.local"))
    return True


def _number(request: web.Request) -> int:
    text = request.query.get("page", "1")
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _constant(text: str, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind, headers=HEADERS)

    return serve
