"""The plain HTTP ports: `/ready` for kubelets and tests, `/metrics` and `/version` for tools, `/debug/problems`.

In: a readiness question, a metrics registry, the problems of the configuration. Out: aiohttp applications. Does not
open sockets: the app does. Source: operations 1, 2, 9.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry

from pilot.debug import exposition
from pilot.model.problem import Problem
from pilot.version import ISTIO_VERSION

Problems = Callable[[], Iterable[Problem]]
"""What is wrong with the configuration now."""


def http_application(missing: Callable[[], Iterable[str]], problems: Problems) -> web.Application:
    """`GET /ready`: 200 with an empty body, or 503 naming what is not there yet. `GET /debug/problems`.

    `missing` answers with the parts that are still needed, e.g. `discovery`.
    """

    async def ready(_: web.Request) -> web.Response:
        absent = sorted(missing())
        return web.Response(status=503, text=f"not ready: {', '.join(absent)}\n") if absent else web.Response()

    application = web.Application()
    application.router.add_get("/ready", ready)
    _add_debug_pages(application, problems)
    return application


def monitoring_application(registry: CollectorRegistry, problems: Problems) -> web.Application:
    """`GET /metrics` in Prometheus text, `GET /version` in the line istioctl parses, `GET /debug/problems`."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=exposition.generate(registry), headers={"Content-Type": exposition.CONTENT_TYPE})

    async def version(_: web.Request) -> web.Response:
        return web.Response(text=f"{ISTIO_VERSION}-meshpilot-Clean")

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/version", version)
    _add_debug_pages(application, problems)
    return application


def _add_debug_pages(application: web.Application, problems: Problems) -> None:
    """`/debug/problems`: a list of objects with the fields of a problem, for who asks from this machine."""

    async def answer(request: web.Request) -> web.Response:
        if not is_local(request):
            return web.Response(status=403, text="debug pages are for this machine only\n")
        return web.json_response([_shown(each) for each in problems()])

    application.router.add_get("/debug/problems", answer)


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


def _shown(problem: Problem) -> dict[str, object]:
    key = problem.key
    return {
        "severity": problem.severity.value,
        "kind": key.kind if key is not None else "",
        "namespace": key.namespace if key is not None else "",
        "name": key.name if key is not None else "",
        "file": problem.file,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
    }
