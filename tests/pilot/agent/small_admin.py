"""An admin endpoint with fixed answers, in Envoy's place."""

import json
import re
from typing import Any, Self

from aiohttp import web

from pilot.agent.options import Address

READY = {
    "server.state": 0,
    "listener_manager.workers_started": 1,
    "cluster_manager.cds.update_success": 1,
    "listener_manager.lds.update_success": 1,
}


class SmallAdmin:
    """`texts` by path; `stats` by name; `asked` is what was asked for, with its query."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {"/ready": "LIVE\n"}
        self.stats: dict[str, Any] = dict(READY)
        self.asked: list[str] = []
        self.address = Address("127.0.0.1", 0)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = Address("127.0.0.1", self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        if request.path == "/stats":
            wanted = re.compile(request.query.get("filter", ""))
            stats = [{"name": name, "value": value} for name, value in self.stats.items() if wanted.search(name)]
            return web.Response(text=json.dumps({"stats": [*stats, {"histograms": {}}]}))
        if request.path not in self.texts:
            return web.Response(status=503, text="not now")
        return web.Response(text=self.texts[request.path])
