"""Debug pages over HTTP: who may see them, `/debug` as a list for browsers, one address for each page.

In: a console, the rules, what authenticates callers. Out: routes of an aiohttp application. A caller from this machine
is never asked who it is. Source: operations 2, 3.1.
"""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from aiohttp import web

from ca.authn.caller import Call
from ca.errors import UnauthenticatedError
from ca.secret import Secret
from pilot.debug.access import Access, Refused
from pilot.debug.console import Answer, Console, Entry, Question
from pilot.debug.web import is_local

Authenticate = Callable[[Call], Awaitable[tuple[str, ...]]]
"""Whose call it is. Raises: UnauthenticatedError."""
_BEARER: Final = "Bearer "
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Debug pages</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2em}}td,th{{padding:.2em 1.5em .2em 0;text-align:left}}
:root{{color-scheme:light dark}}</style></head>
<body><h1>Debug pages</h1><p>Add <code>pretty</code> to the query to have JSON indented.</p>
<table><tr><th>Page</th><th>What it shows</th></tr>
{rows}
</table></body></html>
"""


async def nobody(_: Call) -> tuple[str, ...]:
    """While there is nothing that could prove who calls. Raises: UnauthenticatedError."""
    raise UnauthenticatedError((("debug", "nobody can be authenticated yet"),))


class DebugFront:
    """The pages of a console for HTTP. `authenticate` may be set when there is something that can."""

    def __init__(self, console: Console, access: Access, authenticate: Authenticate = nobody) -> None:
        self._console, self._access = console, access
        self.authenticate = authenticate

    def add_to(self, application: web.Application) -> None:
        """Adds the pages, unless they are switched off."""
        if self._access.settings.enabled:
            application.router.add_get("/debug", self._index)
            application.router.add_get("/debug/", self._index)
            application.router.add_get("/debug/{page}", self._serve)
            application.router.add_post("/debug/{page:diff}", self._serve)

    async def refusal(self, request: web.Request) -> int:
        """0 for callers who may see everything; else the status that says no."""
        if not self._access.settings.enabled:
            return 404
        status, _ = await self._admit(request, None)
        return status

    async def _admit(self, request: web.Request, entry: Entry | None) -> tuple[int, str]:
        """The status that says no, or 0; the namespace that the caller is held to."""
        if is_local(request):
            return 0, ""
        try:
            return 0, self._access.admit(entry, await self.authenticate(_call(request)))
        except UnauthenticatedError:
            return 401, ""
        except Refused:
            return 403, ""

    async def _index(self, _: web.Request) -> web.Response:
        rows = "\n".join(
            f'<tr><td><a href="/debug/{escape(name)}">/debug/{escape(name)}</a></td><td>{escape(summary)}</td></tr>'
            for name, summary in self._console.rows()
        )
        return web.Response(text=_PAGE.format(rows=rows), content_type="text/html")

    async def _serve(self, request: web.Request) -> web.Response:
        name = request.match_info["page"]
        status, namespace = await self._admit(request, self._console.find(name))
        if status:
            return web.Response(status=status)
        found = await self._console.answer(name, Question(dict(request.query), namespace, await request.text()))
        return _response(found)


def _response(found: Answer) -> web.Response:
    return web.Response(body=found.body, status=found.status, headers={"Content-Type": found.content_type})


def _call(request: web.Request) -> Call:
    """What a request says of its caller.

    Whoever is not on this machine has to prove something, as over TLS: nothing here is let in because it is plaintext.
    """
    token = request.headers.get("Authorization", "")
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return Call(
        peer=str(peer[0]) if peer else "",
        is_secure=True,
        bearer=Secret(token.removeprefix(_BEARER)) if token.startswith(_BEARER) else None,
        cluster_id=request.headers.get("ClusterID", ""),
    )
