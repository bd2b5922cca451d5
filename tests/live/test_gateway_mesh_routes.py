"""Routes of the Gateway API with a Service as parent, at the sidecar of a client: the profile MESH-HTTP at work."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.envoys import newest_envoy, oldest_envoy
from tests.live.client_side import NUMBERS, PORT, Play, count, playing
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[newest_envoy, oldest_envoy], ids=["newest", "oldest"]
)
async def play(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Play]:
    """One mesh with each Envoy for every test of this module."""
    async with playing(tmp_path_factory.mktemp("routes"), request.param()) as found:
        yield found


SERVICES = "---\n".join(
    f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  clusterIP: 10.96.2.{number}
  selector: {{app: web, version: {name.replace("web-", "v")}}}
  ports: [{{name: http, port: {PORT}, targetPort: {PORT}}}]
"""
    for name, number in NUMBERS.items()
)


def route(rules: str, port: int = 0, kind: str = "HTTPRoute", name: str = "web") -> str:
    """A route for clients of `web`, and a Service for each server."""
    parent = f"{{group: '', kind: Service, name: web{f', port: {port}' if port else ''}}}"
    return f"""{SERVICES}
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: shop}}
spec: {{parentRefs: [{parent}], rules: {rules}}}
"""


def to(name: str, more: str = "") -> str:
    """A backend."""
    return f"{{name: {name}, port: {PORT}{more and f', {more}'}}}"


async def test_conditions_choose_the_backend(play: Play) -> None:
    rules = f"""[
      {{matches: [{{headers: [{{name: x-user, value: ann}}]}}], backendRefs: [{to("web-1")}]}},
      {{matches: [{{path: {{value: /two}}, method: GET}}], backendRefs: [{to("web-2")}]}},
      {{matches: [{{queryParams: [{{name: q, value: '3'}}]}}], backendRefs: [{to("web-3")}]}}]"""
    async with play.given(route(rules)):
        assert (await play.get(x_user="ann")).server == "web-1"
        assert (await play.get(path="/two/x")).server == "web-2"
        assert (await play.get(path="/?q=3")).server == "web-3"
        assert (await play.get(path="/other")).status == 404
        assert (await play.get("web-3", "/other")).server == "web-3", "who calls another Service has no routes"


async def test_backends_have_shares_and_headers(play: Play) -> None:
    change = "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-share, value: one}]}}]"
    rules = f"[{{backendRefs: [{to('web-1', f'weight: 1, {change}')}, {to('web-2', 'weight: 3')}]}}]"
    async with play.given(route(rules)):
        found = count(await play.many(1000))
        assert set(found) == {"web-1", "web-2"}
        assert abs(found["web-1"] / 1000 - 0.25) < 0.06, found
        assert {each.get("x-share") for each in play.servers["web-1"].seen} == {"one"}
        assert {each.get("x-share") for each in play.servers["web-2"].seen} == {None}


async def test_requests_are_redirected_rewritten_and_mirrored(play: Play) -> None:
    rules = f"""[
      {{matches: [{{path: {{value: /old}}}}], filters: [{{type: RequestRedirect,
        requestRedirect: {{hostname: new.example.com, statusCode: 301}}}}]}},
      {{matches: [{{path: {{value: /cut}}}}], filters: [
        {{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: /}}}}}},
        {{type: RequestMirror, requestMirror: {{backendRef: {to("web-3")}}}}}], backendRefs: [{to("web-1")}]}}]"""
    async with play.given(route(rules)):
        gone = await play.get(path="/old/x")
        assert (gone.status, gone.headers["location"].split("//")[1]) == (301, f"new.example.com:{PORT}/old/x")
        assert (await play.get(path="/cut/x")).server == "web-1"
        assert play.servers["web-1"].seen[-1][":path"] == "/x"
        await eventually(lambda: [each[":path"] for each in play.servers["web-3"].seen] == ["/x"])


async def test_a_route_may_be_for_one_port_of_a_service(play: Play) -> None:
    async with play.given(route(f"[{{backendRefs: [{to('web-2')}]}}]", port=PORT)):
        assert set(count(await play.many(10))) == {"web-2"}
    async with play.given(route(f"[{{backendRefs: [{to('web-2')}]}}]", port=1)):
        assert len(count(await play.many(30))) == 3, "no such port: the route is for nobody"


async def test_backends_that_are_not_there_answer_500(play: Play) -> None:
    rules = f"[{{matches: [{{path: {{value: /x}}}}], backendRefs: [{to('nobody')}]}}, {{backendRefs: [{to('web-1')}]}}]"
    async with play.given(route(rules)):
        assert (await play.get(path="/x")).status == 500
        assert (await play.get(path="/")).server == "web-1"
