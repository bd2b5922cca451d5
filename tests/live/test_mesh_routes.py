"""HTTPRoutes with Services as parents, at a real sidecar: what clients in the mesh get.

The table in docs/gateway-api.md says which conformance tests of the Gateway API ask for what is seen here.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.live.client_side import CLIENT, NUMBERS, PORT, Play, count, playing
from tests.live.gateway_cases import named, path

pytestmark = pytest.mark.timeout(180)

SERVICES = "---\n".join(
    f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIP: 10.96.5.{number}
  selector: {{version: {name.replace("web-", "v")}}}
  ports: [{{name: http, port: {PORT}, targetPort: {PORT}}}]
"""
    for name, number in NUMBERS.items()
)
"""One for each server; `web` is all of them."""


def route(rules: str, name: str = "r", parent: str = "web", port: int = 0) -> str:
    """An HTTPRoute for clients of a Service."""
    more = f", port: {port}" if port else ""
    return f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec: {{parentRefs: [{{group: "", kind: Service, name: {parent}{more}}}], rules: {rules}}}
"""


def to(*servers: str) -> str:
    """`backendRefs`; a weight follows its server after a colon."""
    parts = (each.partition(":") for each in servers)
    refs = ", ".join(f"{{name: {name}, port: {PORT}, weight: {weight or 1}}}" for name, _, weight in parts)
    return f"backendRefs: [{refs}]"


def given(*routes: str) -> str:
    """Services and routes."""
    return SERVICES + "".join(routes)


async def ask(play: Play, cases: Iterable[tuple[str | int, str, dict[str, str]]], host: str = "web") -> None:
    """Each path with headers is answered by a server, or (a number) the proxy itself."""
    for wanted, place, headers in cases:
        answer = await play.get(host, place, **headers)
        assert (answer.server or answer.status) == wanted, (place, headers)


async def test_services_without_routes_are_reached_as_ever(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as play:
        async with play.given(given()):
            assert set(count(await play.many(60))) == set(NUMBERS)
            await ask(play, [("web-2", "/", {})], "web-2")
        async with play.given(given(route(f"[{{{to('web-1')}}}]", parent="web-2"))):
            await ask(play, [("web-1", "/", {})], "web-2")
            await ask(play, [("web-3", "/", {})], "web-3")
            await ask(play, [("web-1", "/", {})], "web-2.shop.svc.cluster.local")
            assert set(count(await play.many(60))) == set(NUMBERS)


async def test_requests_in_the_mesh_are_matched_and_split(tmp_path: Path, any_envoy: Path) -> None:
    rules = (
        f"{{matches: [{{{path('/one', 'Exact')}}}], {to('web-1')}}}",
        f"{{name: mine, matches: [{{{named('headers', version='two')}}}], {to('web-2')}}}",
        f"{{matches: [{{{path('/v2')}}}, {{{named('queryParams', animal='whale')}}}], {to('web-3')}}}",
    )
    async with playing(tmp_path, any_envoy) as play:
        async with play.given(given(route(f"[{', '.join(rules)}]"))):
            cases: list[tuple[str | int, str, dict[str, str]]] = [
                ("web-1", "/one", {}),
                ("web-2", "/x", {"version": "two"}),
                ("web-3", "/v2/x", {}),
                ("web-3", "/?animal=whale", {}),
                (404, "/", {}),
                (404, "/?animal=dolphin", {}),
            ]
            await ask(play, cases)
            assert "mine" in str(await play.mesh.admin(CLIENT).config_dump())
        async with play.given(given(route(f"[{{{to('web-1:90', 'web-2:10', 'web-3:0')}}}]"))):
            found = count(await play.many(1000))
            assert set(found) == {"web-1", "web-2"}
            assert abs(found["web-1"] / 1000 - 0.9) < 0.04, found


async def test_a_route_for_one_port_leaves_the_others_alone(tmp_path: Path, any_envoy: Path) -> None:
    second = SERVICES.replace(f"port: {PORT}, targetPort", "port: 9081, targetPort")
    async with playing(tmp_path, any_envoy) as play:
        async with play.given(given(route(f"[{{{to('web-1')}}}]", parent="web-2", port=PORT))):
            await ask(play, [("web-1", "/", {})], "web-2")
        only_other = second + route("[{backendRefs: [{name: web-1, port: 9081}]}]", parent="web", port=9081)
        async with play.given(only_other):
            assert set(count(await play.many(60))) == set(NUMBERS)


async def test_requests_in_the_mesh_are_redirected_rewritten_and_changed(tmp_path: Path, any_envoy: Path) -> None:
    def redirect(place: str, how: str) -> str:
        return f"{{matches: [{{{path(place)}}}], filters: [{{type: RequestRedirect, requestRedirect: {{{how}}}}}]}}"

    def rewrite(place: str, how: str) -> str:
        return (
            f"{{matches: [{{{path(place)}}}], filters: [{{type: URLRewrite, urlRewrite: {{{how}}}}}], {to('web-1')}}}"
        )

    backend = f"""{{matches: [{{{path("/backend")}}}], backendRefs: [{{name: web-1, port: {PORT}, filters: [
      {{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-set, value: s}}],
        add: [{{name: x-add, value: a}}], remove: [x-rm]}}}}]}}]}}"""
    rules = (
        redirect("/host", "hostname: example.org"),
        redirect("/status", "hostname: example.org, statusCode: 301"),
        redirect("/path", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}"),
        redirect("/port", "port: 8083, hostname: example.org"),
        redirect("/scheme", "scheme: https, hostname: example.org"),
        rewrite("/old", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}"),
        rewrite("/full", "path: {type: ReplaceFullPath, replaceFullPath: /one}"),
        backend,
    )
    answer_headers = "[{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-r, value: 'yes'}]}}]"
    shown = route(f"[{{filters: {answer_headers}, {to('web-3')}}}]", "shown", "web-3")
    async with playing(tmp_path, any_envoy) as play, play.given(given(route(f"[{', '.join(rules)}]"), shown)):
        wanted = {
            "/host": (302, f"http://example.org:{PORT}/host"),
            "/status": (301, f"http://example.org:{PORT}/status"),
            "/path/x": (302, "/new/x"),
            "/port": (302, "http://example.org:8083/port"),
            "/scheme": (302, "https://example.org/scheme"),
        }
        for place, (status, location) in wanted.items():
            answer = await play.get("web", place)
            assert answer.status == status, place
            assert answer.headers["location"].endswith(location), (place, answer.headers["location"])
        seen = play.servers["web-1"].seen
        for place, became in {"/old/x": "/new/x", "/full/x": "/one"}.items():
            await play.get("web", place)
            assert seen[-1][":path"] == became
        await play.get("web", "/backend", x_set="given", x_rm="given")
        assert (seen[-1]["x-set"], seen[-1]["x-add"], "x-rm" in seen[-1]) == ("s", "a", False)
        assert (await play.get("web-3")).headers["x-r"] == "yes"
        assert "x-r" not in (await play.get("web-2")).headers
