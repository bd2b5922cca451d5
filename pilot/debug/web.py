"""The plain HTTP ports: `/ready` for kubelets and tests, `/metrics` and `/version` for tools.

In: a readiness question, a metrics registry. Out: aiohttp applications. Does not open sockets: the app does. Debug
pages are added by `front.py`. Source: operations 1, 2, 9.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry

from pilot.debug import exposition
from pilot.version import FULL_VERSION


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


def monitoring_application(registry: CollectorRegistry, *, local_only: bool = False) -> web.Application:
    """`GET /metrics` in Prometheus text (`local_only`: for us), `GET /version` in the line istioctl parses."""
    application = web.Application()
    add_monitoring(application, registry, local_only=local_only)
    return application


def add_monitoring(application: web.Application, registry: CollectorRegistry, *, local_only: bool = False) -> None:
    """The same pages for a port that has others."""

    async def metrics(request: web.Request) -> web.Response:
        if local_only and not is_local(request):
            return web.Response(status=403)
        return web.Response(text=exposition.generate(registry), headers={"Content-Type": exposition.CONTENT_TYPE})

    async def version(_: web.Request) -> web.Response:
        return web.Response(text=FULL_VERSION)

    application.router.add_get("/metrics", metrics)
    application.router.add_get("/version", version)


def is_local(request: web.Request) -> bool:
    """Whether the peer is this machine itself, by its address; headers say nothing."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    try:
        found = ip_address(str(peer[0]).partition("%")[0]) if peer else None
    except ValueError:
        return False
    if found is not None and found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found is not None and found.is_loopback
