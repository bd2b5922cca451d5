"""Routes at a real gateway: redirects, gRPC, weights, mirrors, filters, and a thousand routes at once."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import grpc
import pytest

from tests.live.client_side import Answer
from tests.live.gateway_side import (
    LIVE_WITHIN,
    Gate,
    config_map,
    gateway,
    kubernetes_gateway,
    playing,
    route,
    routed,
    tls_secret,
)
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(180)

FREE = "allowedRoutes: {namespaces: {from: All}}"
LISTENERS = f"""[
  {{name: http, port: 80, protocol: HTTP, {FREE}}},
  {{name: https, port: 443, protocol: HTTPS, {FREE}, tls: {{certificateRefs: [{{name: cert}}]}}}}]"""
HOST = "shop.example.com"


def given(gate: Gate, *routes: str) -> None:
    """A Gateway with both kinds of listeners, and these routes."""
    certificate = "---\n" + tls_secret("cert", gate.authority.pair(HOST))
    gate.mesh.write("given.yaml", "".join((kubernetes_gateway(LISTENERS), *routes, certificate)))


def http(rules: str, hosts: str = f"[{HOST}]", name: str = "web") -> str:
    """An HTTPRoute."""
    return route("HTTPRoute", name, f"hostnames: {hosts}, rules: {rules}")


def is_status(status: int, answer: Answer) -> bool:
    """Whether an answer has it."""
    return answer.status == status


async def many(gate: Gate, number: int, host: str = HOST) -> list[str]:
    """Who answered so many requests on a few connections."""
    url = f"http://{gate.address}:{gate.ports[80]}/"
    left = iter(range(number))

    async def some(session: aiohttp.ClientSession) -> list[str]:
        found = []
        for _ in left:
            async with session.get(url, headers={"host": host}) as response:
                await response.read()
                found.append(response.headers.get("x-server", str(response.status)))
        return found

    async with aiohttp.ClientSession(trust_env=False) as session:
        return [each for part in await asyncio.gather(*(some(session) for _ in range(8))) for each in part]


async def test_plain_requests_are_sent_to_tls(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}"
        gate.mesh.write("given.yaml", gateway(f"[{plain}]") + routed(f"[{HOST}]"))
        await eventually(partial(gate.gets, partial(is_status, 301), HOST), within=LIVE_WITHIN)
        for host in (HOST, "other.example.com"):
            answer = await gate.get(host, "/path?query=1")
            assert (answer.status, answer.headers["location"]) == (301, f"https://{host}/path?query=1")
        gate.mesh.remove("given.yaml")

        rules = """[
          {matches: [{path: {value: /secure}}], filters: [{type: RequestRedirect,
            requestRedirect: {scheme: https, hostname: other.example.com, statusCode: 301}}]},
          {matches: [{path: {value: /port}}], filters: [{type: RequestRedirect, requestRedirect: {port: 8443}}]},
          {matches: [{path: {value: /old}}], filters: [{type: RequestRedirect,
            requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]},
          {matches: [{path: {value: /all}}], filters: [{type: RequestRedirect,
            requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /one}}}]}]"""
        given(gate, http(rules))
        await eventually(partial(gate.gets, partial(is_status, 302), HOST, "/port"), within=LIVE_WITHIN)
        secure = await gate.get(HOST, "/secure/a")
        assert (secure.status, secure.headers["location"]) == (301, "https://other.example.com/secure/a")
        assert (await gate.get(HOST, "/port/x")).headers["location"] == f"http://{HOST}:8443/port/x"
        assert (await gate.get(HOST, "/old/x?y")).headers["location"] == f"http://{HOST}/new/x?y"
        assert (await gate.get(HOST, "/all/x")).headers["location"] == f"http://{HOST}/one"
        assert not await gate.refused()


async def test_calls_are_routed_by_method_on_plain_and_secure_listeners(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        calls = """[{matches: [{method: {service: pkg.One, method: Say}}, {method: {service: pkg.Two}}],
          backendRefs: [{name: calls, port: 9090}]}]"""
        given(
            gate,
            route("GRPCRoute", "calls", f"hostnames: [{HOST}], rules: {calls}"),
            http("[{backendRefs: [{name: web-1, port: 9080}]}]"),
        )
        await eventually(partial(gate.gets, partial(is_status, 200), HOST), within=LIVE_WITHIN)
        trusted = grpc.ssl_channel_credentials(gate.authority.roots.encode())
        for port, credentials in ((80, None), (443, trusted)):
            target = f"{gate.address}:{gate.ports[port]}"

            async def says(
                path: str, target: str = target, credentials: grpc.ChannelCredentials | None = credentials
            ) -> str:
                return await gate.call(target, HOST, path, credentials)

            async def is_up() -> bool:
                return await says("/pkg.One/Say") == "/pkg.One/Say"

            await eventually(is_up, within=LIVE_WITHIN)
            assert await says("/pkg.Two/Anything") == "/pkg.Two/Anything"
            assert await says("/pkg.One/Other") != "/pkg.One/Other", "the HTTPRoute has it"
        found = await gate.handshake(HOST, gate.authority.client())
        assert (found.status, found.server, found.protocol) == (200, "web-1", "http/1.1")
        assert not await gate.refused()


async def test_requests_are_split_and_mirrored(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        backends = "[{name: web-1, port: 9080, weight: 3}, {name: web-2, port: 9080}]"
        split = f"[{{backendRefs: {backends}}}]"
        copied = """[{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web-3, port: 9080}}}],
          backendRefs: [{name: web-1, port: 9080}]}]"""
        some = copied.replace("port: 9080}}}]", "port: 9080}, percent: 20}}]")
        given(
            gate,
            http(split),
            http(copied, "[all.example.com]", "all"),
            http(some, "[some.example.com]", "some"),
        )
        await eventually(partial(gate.gets, partial(is_status, 200), "some.example.com"), within=LIVE_WITHIN)
        found = Counter(await many(gate, 2000))
        assert set(found) == {"web-1", "web-2"}
        assert abs(found["web-1"] / 2000 - 0.75) < 0.03, found

        assert set(await many(gate, 50, "all.example.com")) == {"web-1"}
        await eventually(lambda: copies(gate, "all.example.com") == 50)
        before = copies(gate, "some.example.com")  # one of the requests that we waited with may have been copied
        assert set(await many(gate, 1000, "some.example.com")) == {"web-1"}
        await eventually(lambda: copies(gate, "some.example.com") > before + 100)
        assert copies(gate, "some.example.com") < before + 300
        assert not await gate.refused()


def copies(gate: Gate, host: str) -> int:
    """Requests to a host that the third server got."""
    return sum(each["host"].startswith(host) for each in gate.servers["web-3"].seen)


async def test_filters_matches_and_timeouts(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        rules = """[
          {matches: [{path: {value: /rewritten}}], filters: [{type: URLRewrite,
            urlRewrite: {hostname: inner.example.com,
            path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}], backendRefs: [{name: web-1, port: 9080}]},
          {matches: [{path: {value: /headers}}], filters: [
            {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: set}],
              add: [{name: x-b, value: added}], remove: [x-c]}},
            {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-r, value: 'yes'}]}}],
            backendRefs: [{name: web-1, port: 9080, filters: [
              {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-d, value: backend}]}}]}]},
          {matches: [{path: {value: /slow}}], timeouts: {request: 200ms}, backendRefs: [{name: web-2, port: 9080}]},
          {matches: [{method: POST, headers: [{name: x-who, value: me}], queryParams: [{name: q, value: '1'}]}],
            backendRefs: [{name: web-3, port: 9080}]},
          {matches: [{path: {value: /nobody}}], backendRefs: [{name: nobody, port: 80}]},
          {matches: [{path: {value: /none}}]}]"""
        given(gate, http(rules))
        await eventually(partial(gate.gets, partial(is_status, 200), HOST, "/rewritten"), within=LIVE_WITHIN)
        seen = gate.servers["web-1"].seen
        for path, wanted in {"/rewritten": "/", "/rewritten/a?b": "/a?b"}.items():
            await gate.get(HOST, path)
            assert (seen[-1]["host"], seen[-1][":path"]) == ("inner.example.com", wanted)
        answer = await gate.get(HOST, "/headers", x_a="given", x_b="given", x_c="given")
        got = seen[-1]
        assert (got["x-a"], "x-c" in got, got["x-d"], answer.headers["x-r"]) == ("set", False, "backend", "yes")
        gate.servers["web-2"].behave = _never
        assert (await gate.get(HOST, "/slow")).status == 504
        assert (await gate.get(HOST, "/?q=1", method="POST", x_who="me")).server == "web-3"
        statuses = [(await gate.get(HOST, path)).status for path in ("/?q=1", "/nobody", "/none", "/nothing")]
        assert statuses == [404, 500, 500, 404]
        assert (await gate.get("other.example.com", "/rewritten")).status == 404
        assert not await gate.refused()


async def _never(_: object) -> aiohttp.web.Response:
    await asyncio.sleep(5)
    return aiohttp.web.Response()


NUMBER = 1000
EDITED = "edited.example.com"
BACKEND = "[{{backendRefs: [{{name: web-{}, port: 9080}}]}}]"
ATTACHED_WITHIN = 2.0


def thousand() -> str:
    """Routes of hosts of their own."""
    return "".join(
        http(
            f"[{{backendRefs: [{{name: web-{number % 3 + 1}, port: 9080}}]}}]", f"[h{number}.example.com]", f"r{number}"
        )
        for number in range(NUMBER)
    )


async def test_a_thousand_routes_are_served_within_two_seconds_and_one_is_edited_under_load(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        given(gate, http("[{backendRefs: [{name: web-1, port: 9080}]}]"))
        await eventually(partial(gate.gets, partial(is_status, 200), HOST), within=LIVE_WITHIN)
        text, last = thousand(), f"h{NUMBER - 1}.example.com"
        began = time.monotonic()
        gate.mesh.write("routes.yaml", text)
        await eventually(partial(gate.gets, partial(is_status, 200), last), within=30)
        taken = time.monotonic() - began
        for number in range(NUMBER):
            answer = await gate.get(f"h{number}.example.com")
            assert (answer.status, answer.server) == (200, f"web-{number % 3 + 1}")
        assert taken <= ATTACHED_WITHIN, f"{taken:.2f} s"
        assert await gate.mesh.problems() == []

        edited = partial(http, hosts=f"[{EDITED}]", name="edited")
        gate.mesh.write("edited.yaml", edited(BACKEND.format(3)))
        await eventually(partial(gate.gets, partial(is_from, "web-3"), EDITED), within=LIVE_WITHIN)
        async with asking(gate) as answers:
            for edit in range(5):
                gate.mesh.write("edited.yaml", edited(BACKEND.format(edit % 3 + 1)))
                await eventually(
                    partial(gate.gets, partial(is_from, f"web-{edit % 3 + 1}"), EDITED), within=LIVE_WITHIN
                )
                await eventually(partial(_has, answers, len(answers) + 30))
        assert {each.status for each in answers} == {200}
        assert not await gate.refused()


def _has(answers: list[Answer], number: int) -> bool:
    return len(answers) >= number


def is_from(server: str, answer: Answer) -> bool:
    """Whether a server has answered."""
    return answer.server == server


@contextlib.asynccontextmanager
async def asking(gate: Gate, clients: int = 3) -> AsyncIterator[list[Answer]]:
    """Clients that ask for the edited host, and for one of the thousand after the other; all answers."""
    answers: list[Answer] = []
    numbers = itertools.cycle(range(NUMBER))

    async def keep_asking() -> None:
        while True:
            answers.append(await gate.get(EDITED))
            answers.append(await gate.get(f"h{next(numbers)}.example.com"))
            await asyncio.sleep(0.005)

    tasks = [asyncio.create_task(keep_asking()) for _ in range(clients)]
    try:
        yield answers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_backends_prove_who_they_are(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        given(gate, http("[{backendRefs: [{name: secure, port: 9443}]}]"))
        roots = config_map("roots", {"ca.crt": gate.authority.roots}, "app")
        gate.mesh.write("roots.yaml", roots)
        gate.mesh.write("policy.yaml", tls_policy("secure.example.com"))
        await eventually(partial(gate.gets, partial(is_from, "secure"), HOST), within=LIVE_WITHIN)
        gate.mesh.write("policy.yaml", tls_policy("other.example.com"))
        await eventually(partial(gate.gets, partial(is_status, 503), HOST), within=LIVE_WITHIN)
        gate.mesh.write("policy.yaml", tls_policy("secure.example.com"))
        await eventually(partial(gate.gets, partial(is_from, "secure"), HOST), within=LIVE_WITHIN)
        gate.mesh.write("policy.yaml", tls_policy("secure.example.com", "nothing"))
        await eventually(partial(gate.gets, partial(is_status, 503), HOST), within=LIVE_WITHIN)
        assert not await gate.refused()


def tls_policy(hostname: str, roots: str = "roots") -> str:
    """A BackendTLSPolicy for the Service `secure`."""
    validation = f"{{hostname: {hostname}, caCertificateRefs: [{{group: '', kind: ConfigMap, name: {roots}}}]}}"
    return f"""\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: secure, namespace: app}}
spec: {{targetRefs: [{{group: '', kind: Service, name: secure}}], validation: {validation}}}
"""
