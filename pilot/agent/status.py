"""The agent's own HTTP endpoint, for whoever must know whether the proxy may get traffic.

    GET /healthz/ready      200 once Envoy is live and has its first configuration, else 503 and the reason
    GET /healthz/live       200 while the agent runs
    GET /stats/prometheus   Envoy's metrics, and the application's

In: a function that says why the proxy is not ready, and Envoy's admin client once there is one. Does not keep state.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from pilot.agent.admin import AdminClient
from pilot.agent.application_metrics import ApplicationMetrics
from pilot.agent.errors import AdminError, OptionError
from pilot.agent.options import Address

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class StatusServer:
    """`why_not_ready` returns None when the proxy is ready; `admin` returns None before Envoy has started."""

    def __init__(
        self,
        wanted: Address,
        why_not_ready: Callable[[], Awaitable[str | None]],
        admin: Callable[[], AdminClient | None],
        application: ApplicationMetrics | None = None,
    ) -> None:
        self._wanted = wanted
        self._why_not_ready = why_not_ready
        self._admin = admin
        self._application = application or ApplicationMetrics("")
        served = web.Application()
        served.add_routes(
            [
                web.get("/healthz/ready", self._ready),
                web.get("/healthz/live", self._live),
                web.get("/stats/prometheus", self._metrics),
            ]
        )
        self._runner = web.AppRunner(served, access_log=None, handle_signals=False)

    async def start(self) -> Address:
        """Listens. Returns the address, with the port that was chosen. Raises: OptionError."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._wanted.host, self._wanted.port).start()
        except OSError as error:
            message = f"status address {self._wanted}: {error.strerror}"
            raise OptionError(message) from error
        return Address(self._wanted.host, int(self._runner.addresses[0][1]))

    async def stop(self) -> None:
        """Stops listening."""
        await self._runner.cleanup()

    async def _ready(self, _request: web.Request) -> web.Response:
        reason = await self._why_not_ready()
        return web.Response(text="ready\n") if reason is None else web.Response(status=503, text=f"{reason}\n")

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        admin = self._admin()
        if admin is None:
            return web.Response(status=503, text="envoy has not started\n")
        try:
            text = await admin.get("/stats/prometheus")
        except AdminError as error:
            return web.Response(status=502, text=f"{error}\n")
        own = await self._application.read()
        return web.Response(body=text.encode() + own, headers={"content-type": PROMETHEUS})
