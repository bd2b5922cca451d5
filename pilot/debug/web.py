"""The plain HTTP ports: `/ready` for kubelets and tests, `/metrics` and `/version` for tools.

In: a readiness question and a metrics registry. Out: aiohttp applications. Does not open sockets: the app does.
Source: operations 1, 2, 9.
"""

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry

from pilot.debug import exposition
from pilot.version import ISTIO_VERSION


def http_application(missing: Callable[[], Iterable[str]]) -> web.Application:
    """`GET /ready`: 200 with an empty body, or 503 naming what is not there yet.

    `missing` answers with the parts that are still needed, e.g. `discovery`.
    """

    async def ready(_: web.Request) -> web.Response:
        absent = sorted(missing())
        return web.Response(status=503, text=f"not ready: {', '.join(absent)}\n") if absent else web.Response()

    application = web.Application()
    application.router.add_get("/ready", ready)
    return application


def monitoring_application(registry: CollectorRegistry) -> web.Application:
    """`GET /metrics` in Prometheus text, `GET /version` in the line istioctl parses."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=exposition.generate(registry), headers={"Content-Type": exposition.CONTENT_TYPE})

    async def version(_: web.Request) -> web.Response:
        return web.Response(text=f"{ISTIO_VERSION}-meshpilot-Clean")

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/version", version)
    return application
