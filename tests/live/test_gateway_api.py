"""What the Gateway API asks of gateways, at a real one: what becomes of requests, backends and listeners.

The table in docs/gateway-api.md says which conformance tests of the API ask for what is seen here.
"""

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.live.gateway_cases import FREE, Case, give, http, path, play, rule, to
from tests.live.gateway_side import LIVE_WITHIN, Authority, Gate, config_map, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(180)


async def test_references_that_cannot_be_followed_cost_their_rules(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        other = "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: far, namespace: other}\n"
        other += "spec: {clusterIP: 10.96.3.1, ports: [{name: http, port: 9080}]}\n"
        address = gate.mesh.network.address(21)
        other += f"""---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: far-x, namespace: other, labels: {{kubernetes.io/service-name: far}}}}
addressType: IPv4
endpoints: [{{addresses: [{address}]}}]
ports: [{{name: http, port: 9080}}]
"""
        grant = """---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: app}]
  to: [{group: "", kind: Service, name: NAME}]
"""
        far = "backendRefs: [{name: far, namespace: other, port: 9080}]"
        rules = f"""[{{matches: [{{path: {{value: /far}}}}], {far}}},
          {{matches: [{{path: {{value: /good}}}}], {to("web-2")}}},
          {{matches: [{{path: {{value: /missing}}}}], {to("nobody")}}},
          {{matches: [{{path: {{value: /half}}}}], {to("web-2", "nobody")}}},
          {{matches: [{{path: {{value: /kind}}}}], backendRefs: [{{group: x.io, kind: Bucket, name: b, port: 1}}]}}]"""
        await give(gate, other, http("refs", rules))
        host = "refs.example.com"
        broken = [Case("web-2", host, "/good"), Case(500, host, "/missing"), Case(500, host, "/kind")]
        await play(gate, [Case(500, host, "/far"), *broken])
        found = Counter([(await gate.get(host, "/half")).status for _ in range(60)])
        assert set(found) == {200, 500}
        gate.mesh.write("grant.yaml", grant.replace("NAME", "else"))
        gate.mesh.write("more.yaml", grant.replace("HTTPRoute", "TLSRoute").replace("NAME", "far").replace("g,", "h,"))
        await give(gate, other, http("refs", rules), http("again", f"[{{{to('web-1')}}}]"))
        again = partial(gate.gets, lambda answer: answer.status == 200, "again.example.com")
        await eventually(again, within=LIVE_WITHIN)
        await play(gate, [Case(500, host, "/far")])
        gate.mesh.write("grant.yaml", grant.replace("NAME", "far"))
        await eventually(partial(gate.gets, lambda answer: answer.server == "web-1", host, "/far"), within=LIVE_WITHIN)
        await play(gate, broken)


async def test_redirects(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        wanted = {
            "/host": ("hostname: example.org", 302, "http://example.org/host/x"),
            "/status": ("hostname: example.org, statusCode: 301", 301, "http://example.org/status/x"),
            "/plain80": ("hostname: example.org, port: 80", 302, "http://example.org/plain80/x"),
            "/plain8080": ("hostname: example.org, port: 8080", 302, "http://example.org:8080/plain8080/x"),
            "/tls": ("hostname: example.org, scheme: https", 302, "https://example.org/tls/x"),
            "/tls443": ("hostname: example.org, scheme: https, port: 443", 302, "https://example.org/tls443/x"),
            "/tls8443": ("hostname: example.org, scheme: https, port: 8443", 302, "https://example.org:8443/tls8443/x"),
            "/prefix": ("path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}", 302, "http://HOST/new/x"),
            "/gone": ("path: {type: ReplacePrefixMatch, replacePrefixMatch: /}", 302, "http://HOST/x"),
            "/full": ("path: {type: ReplaceFullPath, replaceFullPath: /one}", 302, "http://HOST/one"),
            "/both": (
                "hostname: example.org, path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}",
                302,
                "http://example.org/b/x",
            ),
        }
        rules = ", ".join(
            f"{{matches: [{{{path(place)}}}], filters: [{{type: RequestRedirect, requestRedirect: {{{how}}}}}]}}"
            for place, (how, _, _) in wanted.items()
        )
        await give(gate, http("r", f"[{rules}]"))
        for place, (_, code, location) in wanted.items():
            answer = await gate.get("r.example.com", f"{place}/x")
            shown = (answer.status, answer.headers["location"])
            assert shown == (code, location.replace("HOST", "r.example.com")), path
        assert not await gate.refused()


def modifier(kind: str) -> str:
    """A filter that changes headers."""
    changes = "{set: [{name: x-set, value: s}], add: [{name: x-add, value: a}], remove: [x-rm]}"
    return f"{{type: {kind}HeaderModifier, {kind.lower()}HeaderModifier: {changes}}}"


async def seen(gate: Gate, host: str, place: str, **headers: str) -> dict[str, str]:
    """What web-1 was asked."""
    await gate.get(host, place, **headers)  # type: ignore[arg-type]  # names of headers only
    return dict(gate.servers["web-1"].seen[-1])


async def test_headers_are_changed_on_the_way_and_requests_are_mirrored(tmp_path: Path, any_envoy: Path) -> None:
    per_backend = ", ".join(
        f"{{name: {name}, port: 9080, filters: [{{type: RequestHeaderModifier,"
        f" requestHeaderModifier: {{set: [{{name: x-backend, value: {name}}}]}}}}]}}"
        for name in ("web-1", "web-2")
    )
    mirrors = ", ".join(
        f"{{type: RequestMirror, requestMirror: {{backendRef: {{name: {each}, port: 9080}}}}}}"
        for each in ("web-2", "web-3")
    )
    rules = (
        rule(path("/request"), "web-1", modifier("Request")),
        rule(path("/response"), "web-1", modifier("Response")),
        rule(path("/mirrored"), "web-1", mirrors),
        f"{{matches: [{{{path('/backends')}}}], backendRefs: [{per_backend}]}}",
    )

    async def behave(_: web.Request) -> web.Response:
        return web.Response(headers={"x-set": "given", "x-rm": "given"})

    async with playing(tmp_path, any_envoy) as gate:
        await give(gate, http("c", f"[{', '.join(rules)}]"))
        host = "c.example.com"
        changed = await seen(gate, host, "/request", x_set="given", x_rm="given")
        assert (changed["x-set"], changed["x-add"], "x-rm" in changed) == ("s", "a", False)
        gate.servers["web-1"].behave = behave
        answer = await gate.get(host, "/response")
        assert (answer.headers["x-set"], answer.headers["x-add"], "x-rm" in answer.headers) == ("s", "a", False)
        for each in gate.servers.values():
            each.reset()
        for _ in range(40):
            await gate.get(host, "/backends")
        for name in ("web-1", "web-2"):
            assert {each["x-backend"] for each in gate.servers[name].seen} == {name}
        copies = [gate.servers[name].seen for name in ("web-2", "web-3")]
        for copied in copies:
            copied.clear()
        await gate.get(host, "/mirrored")
        await eventually(lambda: all(len(each) == 1 for each in copies))
        assert not await gate.refused()


async def test_hosts_and_paths_are_rewritten(tmp_path: Path, any_envoy: Path) -> None:
    def rewrite(place: str, how: str) -> str:
        return rule(path(place), "web-1", f"{{type: URLRewrite, urlRewrite: {{{how}}}}}")

    def prefix(new: str) -> str:
        return f"path: {{type: ReplacePrefixMatch, replacePrefixMatch: {new}}}"

    rules = (
        rewrite("/host", "hostname: inner.example.com"),
        rewrite("/prefix", prefix("/new")),
        rewrite("/strip", prefix("/")),
        rewrite("/full", "path: {type: ReplaceFullPath, replaceFullPath: /one}"),
        rewrite("/all", f"hostname: inner.example.com, {prefix('/new')}"),
    )
    async with playing(tmp_path, any_envoy) as gate:
        await give(gate, http("c", f"[{', '.join(rules)}]"))
        host = "c.example.com"
        rewritten = {
            "/host/a": ("inner.example.com", "/host/a"),
            "/prefix/a?q=1": (host, "/new/a?q=1"),
            "/prefix": (host, "/new"),
            "/strip/a": (host, "/a"),
            "/strip": (host, "/"),
            "/full/a/b": (host, "/one"),
            "/all/a": ("inner.example.com", "/new/a"),
        }
        for place, wanted in rewritten.items():
            found = await seen(gate, host, place)
            assert (found["host"], found[":path"]) == wanted, place
        assert not await gate.refused()


async def test_weights_timeouts_and_cors(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        backends = "backendRefs: [{name: web-1, port: 9080, weight: 70}, {name: web-2, port: 9080, weight: 30}, "
        backends += "{name: web-3, port: 9080, weight: 0}]"
        cors = "{{type: CORS, cors: {{allowOrigins: ['https://app.example'], allowCredentials: {}}}}}"
        rules = ", ".join((
            f"{{matches: [{{path: {{value: /split}}}}], {backends}}}",
            f"{{matches: [{{path: {{value: /request}}}}], timeouts: {{request: 300ms}}, {to('web-3')}}}",
            f"{{matches: [{{path: {{value: /backend}}}}], timeouts: {{backendRequest: 300ms}}, {to('web-3')}}}",
            f"{{matches: [{{path: {{value: /off}}}}], timeouts: {{request: 0s}}, {to('web-3')}}}",
            f"{{matches: [{{path: {{value: /with}}}}], filters: [{cors.format('true')}], {to('web-1')}}}",
            f"{{matches: [{{path: {{value: /without}}}}], filters: [{cors.format('false')}], {to('web-1')}}}",
        ))  # fmt: skip
        await give(gate, http("w", f"[{rules}]"))
        host = "w.example.com"
        found = Counter([(await gate.get(host, "/split")).server for _ in range(500)])
        assert set(found) == {"web-1", "web-2"}
        assert abs(found["web-1"] / 500 - 0.7) < 0.08, found

        async def slow(_: web.Request) -> web.Response:
            await asyncio.sleep(0.8)
            return web.Response()

        gate.servers["web-3"].behave = slow
        statuses = [(await gate.get(host, place)).status for place in ("/request", "/backend", "/off")]
        assert statuses == [504, 504, 200]
        credentials, origin = "access-control-allow-credentials", "access-control-allow-origin"
        allowed = (await gate.get(host, "/with", origin="https://app.example")).headers
        assert (allowed.get(credentials), allowed.get(origin)) == ("true", "https://app.example")
        assert credentials not in (await gate.get(host, "/with", origin="http://else.example")).headers
        assert credentials not in (await gate.get(host, "/without", origin="https://app.example")).headers
        assert not await gate.refused()


async def test_backends_speak_what_their_ports_say(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:

        def service(name: str, spec: str, slice_: str = "") -> str:
            metadata = f"{{name: {name}, namespace: app}}"
            return f"\n---\napiVersion: v1\nkind: Service\nmetadata: {metadata}\nspec: {spec}\n{slice_}"

        address = gate.mesh.network.address(21)
        manual = f"""---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: NAME-x, namespace: app, labels: {{kubernetes.io/service-name: NAME}}}}
addressType: IPv4
endpoints: [{{addresses: [{address}]}}]
ports: [{{name: http, port: 9080}}]
"""
        selector = "selector: {name: web-1}"
        ports = "ports: [{name: http, port: 9080, targetPort: 9080}]"
        services = (
            service("h2c", "{selector: {app: calls}, ports: [{name: x, port: 9090, appProtocol: kubernetes.io/h2c}]}"),
            service("ws", f"{{{selector}, ports: [{{name: x, port: 9080, appProtocol: kubernetes.io/ws}}]}}"),
            service("headless", f"{{clusterIP: None, {selector}, {ports}}}"),
            service("manual", f"{{clusterIP: 10.96.4.1, {ports}}}", manual.replace("NAME", "manual")),
            service("headless-manual", f"{{clusterIP: None, {ports}}}", manual.replace("NAME", "headless-manual")),
        )
        routes = [http(name, f"[{{{to(name)}}}]") for name in ("ws", "headless", "manual", "headless-manual")]
        h2c = http("h2c", "[{backendRefs: [{name: h2c, port: 9090}]}]")
        await give(gate, *services, *routes, h2c)
        await play(gate, [Case("web-1", f"{name}.example.com") for name in ("headless", "manual", "headless-manual")])
        target = f"{gate.address}:{gate.ports[80]}"
        assert await gate.call(target, "h2c.example.com", "/pkg.A/Say") == "/pkg.A/Say"

        async def echo(request: web.Request) -> Any:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(str(message.data))
            return socket

        gate.servers["web-1"].behave = echo
        url = f"http://{gate.address}:{gate.ports[80]}/"
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.ws_connect(url, headers={"host": "ws.example.com"}) as socket,
        ):
            await socket.send_str("hello")
            assert await socket.receive_str(timeout=5) == "hello"
        assert not await gate.refused()


async def test_backends_prove_themselves_by_policy(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:

        def policy(name: str, hostname: str, names: str = "", roots: str = "roots") -> str:
            more = f", subjectAltNames: {names}" if names else ""
            references = f"caCertificateRefs: [{{group: '', kind: ConfigMap, name: {roots}}}]"
            return f"""---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {{name: {name}, namespace: app}}
spec:
  targetRefs: [{{group: "", kind: Service, name: {name}}}]
  validation: {{hostname: {hostname}, {references}{more}}}
"""

        def service(name: str) -> str:
            ports = "ports: [{name: tcp, port: 9443, targetPort: 9443, appProtocol: http}]"
            spec = f"{{selector: {{app: secure}}, {ports}}}"
            return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: app}}\nspec: {spec}\n"

        right, wrong = "secure.example.com", "wrong.example.com"
        both = f"[{{type: Hostname, hostname: {wrong}}}, {{type: Hostname, hostname: {right}}}]"
        policies = {
            "good": policy("good", right),
            "host": policy("host", wrong),
            "roots": policy("roots", right, roots="others"),
            "missing": policy("missing", right, roots="nobody"),
            "san": policy("san", "sni.example.com", f"[{{type: Hostname, hostname: {right}}}]"),
            "many": policy("many", "sni.example.com", both),
            "sans": policy("sans", right, f"[{{type: Hostname, hostname: {wrong}}}]"),
            "uri": policy("uri", right, "[{type: URI, uri: 'spiffe://a/b'}]"),
        }
        routes = [http(name, f"[{{backendRefs: [{{name: {name}, port: 9443}}]}}]") for name in policies]
        roots = config_map("roots", {"ca.crt": gate.authority.roots}, "app")
        others = config_map("others", {"ca.crt": Authority(tmp_path / "others").roots}, "app")
        parts = (*map(service, policies), *policies.values(), *routes)
        await give(gate, *parts, f"---\n{roots}", f"---\n{others}")
        good = partial(gate.gets, lambda answer: answer.status == 200, "good.example.com")
        await eventually(good, within=LIVE_WITHIN)
        found = {name: (await gate.get(f"{name}.example.com")).status for name in policies}
        bad = dict.fromkeys(("host", "roots", "missing", "sans", "uri"), 503)
        assert found == {"good": 200, "san": 200, "many": 200, **bad}
        assert not await gate.refused()


async def test_a_listener_that_comes_or_goes_costs_its_neighbours_nothing(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        first = f"{{name: first, port: 80, protocol: HTTP, {FREE}}}"
        second = f"{{name: second, port: 9000, protocol: HTTP, {FREE}}}"
        rules = http("l", f"[{{{to('web-1')}}}]")
        await give(gate, rules, listeners=f"[{first}]")
        host = "l.example.com"
        await play(gate, [Case("web-1", host), Case(0, host, port=9000)])
        await give(gate, rules, listeners=f"[{first}, {second}]")
        there = partial(gate.gets, lambda answer: answer.status == 200, host, port=9000)
        await eventually(there, within=LIVE_WITHIN)
        await play(gate, [Case("web-1", host)])
        await give(gate, rules, listeners=f"[{first}]")
        gone = partial(gate.gets, lambda answer: answer.status == 0, host, port=9000)
        await eventually(gone, within=LIVE_WITHIN)
        await play(gate, [Case("web-1", host)])
