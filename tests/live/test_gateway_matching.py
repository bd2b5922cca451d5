"""What the Gateway API asks of matching, at a real gateway: which route has a request.

The table in docs/gateway-api.md says which conformance tests of the API ask for what is seen here.
"""

from pathlib import Path

import grpc
import pytest

from tests.live.gateway_cases import FREE, MARK, Case, give, http, named, path, play, rule, served, to
from tests.live.gateway_side import playing, route

pytestmark = pytest.mark.timeout(180)


async def test_requests_are_matched_by_path_and_header(tmp_path: Path, any_envoy: Path) -> None:
    exact = (rule(path("/one", "Exact"), "web-1"), rule(path("/two", "Exact"), "web-2"))
    order = (
        rule(path("/match"), "web-1"),
        rule(path("/match/prefix/one"), "web-2"),
        rule(path("/match/prefix/"), "web-1"),
        rule(path("/match/exact", "Exact"), "web-3"),
        rule(path("/match/prefix/one/any", "Exact"), "web-3"),
    )
    headers = (
        rule(named("headers", Version="one"), "web-1"),
        rule(named("headers", version="two"), "web-2"),
        rule(named("headers", version="two", color="orange"), "web-1"),
        rule(named("headers", color="blue"), "web-3"),
        rule(named("headers", color="green"), "web-3"),
    )
    sent: tuple[tuple[str | int, dict[str, str]], ...] = (
        ("web-1", {"version": "one"}),
        ("web-2", {"VERSION": "two"}),
        ("web-1", {"version": "two", "color": "orange"}),
        ("web-3", {"color": "blue"}),
        ("web-3", {"color": "green"}),
        (404, {"color": "orange"}),
        (404, {"some": "one"}),
    )
    async with playing(tmp_path, any_envoy) as gate:
        rules = {"exact": exact, "order": order, "headers": headers}
        own = http("named", f"[{{name: mine, {to('web-1')}}}]")
        await give(gate, *(http(name, f"[{', '.join(each)}]") for name, each in rules.items()), own)
        assert "mine" in str(await gate.mesh.admin("gate").config_dump())
        ends: dict[str, str | int] = {"/one": "web-1", "/two": "web-2", "/one/example": 404, "/two/": 404, "/ONE": 404}
        longest: dict[str, str | int] = {"/match/exact": "web-3", "/match/exact/one": "web-1", "/matching": 404}
        longest |= {"/match/prefix/one/any": "web-3", "/match/prefix/one/x": "web-2", "/match/prefix/any": "web-1"}
        cases = [*served("exact.example.com", ends), *served("order.example.com", longest)]
        cases += [Case(wanted, "headers.example.com", headers=given) for wanted, given in sent]
        await play(gate, [*cases, Case("web-1", "named.example.com")])


async def test_requests_are_matched_by_method_and_query_and_across_routes(tmp_path: Path, any_envoy: Path) -> None:
    methods = (
        rule("method: POST", "web-1"),
        rule("method: GET", "web-2"),
        rule(f"{path('/path1')}, method: GET", "web-1"),
        rule(f"{path('/path1')}, method: GET, {named('headers', version='one')}", "web-3"),
    )
    query = (
        rule(named("queryParams", animal="whale"), "web-1"),
        rule(named("queryParams", animal="dolphin"), "web-2"),
        rule(named("queryParams", animal="dolphin", color="blue"), "web-3"),
    )
    first = f"[{rule(path('/'), 'web-1')}, {rule(named('headers', version='one'), 'web-1')}]"
    second = f"[{rule(path('/v2'), 'web-2')}, {rule(named('headers', version='two'), 'web-2')}]"
    across = "across.example.com"
    async with playing(tmp_path, any_envoy) as gate:
        parts = (http("part1", first, f"[{across}]"), http("part2", second, f"[{across}]"))
        more = (http("methods", f"[{', '.join(methods)}]"), http("query", f"[{', '.join(query)}]"))
        await give(gate, *parts, *more)
        paths: dict[str, str | int] = {"/": "web-1", "/example": "web-1", "/v2": "web-2", "/v2/x": "web-2"}
        asked: dict[str, str | int] = {"/?animal=whale": "web-1", "/?animal=dolphin": "web-2", "/": 404}
        asked |= {"/?animal=dolphin&color=blue": "web-3", "/?animal=shark": 404, "/?ANIMAL=whale": 404}
        cases = [
            *served(across, paths | {"/v2example": "web-1"}),
            Case("web-2", across, "/v2", headers={"version": "one"}),
            Case("web-2", across, headers={"version": "two"}),
            *served("query.example.com", asked),
            Case("web-1", "methods.example.com", method="POST"),
            Case("web-2", "methods.example.com"),
            Case(404, "methods.example.com", method="PUT"),
            Case("web-1", "methods.example.com", "/path1"),
            Case("web-3", "methods.example.com", "/path1", headers={"version": "one"}),
        ]
        await play(gate, cases)


async def test_hostnames_and_ports_choose_listeners(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:
        hosts = {
            "empty": "",
            "wide": "*.example.com",
            "narrow": "*.foo.example.com",
            "one": "abc.foo.example.com",
            "mark": MARK,
        }
        listeners = [
            f"{{name: {name}, port: 80, protocol: HTTP, hostname: '{host}', {FREE}}}".replace("hostname: '', ", "")
            for name, host in hosts.items()
        ]
        listeners.append(f"{{name: other, port: 9000, protocol: HTTP, hostname: '*.bar.com', {FREE}}}")

        def at(section: str, wanted: str, server: str) -> str:
            parents = f"[{{name: main, namespace: gws, sectionName: {section}}}]"
            rules = f"[{rule(path(f'/{wanted}'), server)}]"
            made = http(f"at-{section}", rules, "[]", parents)
            return made.replace("hostnames: [], ", "")

        by_port = "[{name: main, namespace: gws, port: 9000}]"
        ported = http("by-port", f"[{{{to('web-3')}}}]", "[very.specific.com, a.bar.com]", by_port)
        routes = [at("empty", "empty", "web-1"), at("wide", "wide", "web-2"), at("narrow", "narrow", "web-3")]
        routes.append(at("one", "one", "web-1"))
        await give(gate, *routes, ported, listeners=f"[{', '.join(listeners)}]")
        owners = {"bar.com": "empty", "bar.example.com": "wide", "bar.foo.example.com": "narrow"}
        owners["abc.foo.example.com"] = "one"
        servers = {"empty": "web-1", "wide": "web-2", "narrow": "web-3", "one": "web-1"}
        cases = [
            Case(server if wanted == mine else 404, host, f"/{wanted}")
            for host, mine in owners.items()
            for wanted, server in servers.items()
        ]
        cases += [
            Case("web-3", "a.bar.com", port=9000),
            Case(404, "very.specific.com", port=9000),
            Case(404, "x.bar.com", port=9000),
            Case(404, "a.bar.com"),
        ]
        await play(gate, cases)


async def test_hostnames_of_a_route_that_a_listener_has_not_are_not_served(tmp_path: Path, any_envoy: Path) -> None:
    listeners = f"""[{{name: mark, port: 80, protocol: HTTP, hostname: '{MARK}', {FREE}}},
      {{name: one, port: 80, protocol: HTTP, hostname: very.specific.com, {FREE}}},
      {{name: wide, port: 80, protocol: HTTP, hostname: '*.wildcard.io', {FREE}}}]"""
    one, wide = (f"[{{name: main, namespace: gws, sectionName: {each}}}]" for each in ("one", "wide"))

    def at(name: str, server: str, hosts: str, parents: str) -> str:
        return http(name, f"[{rule(path(f'/{name}'), server)}]", hosts, parents)

    async with playing(tmp_path, any_envoy) as gate:
        await give(
            gate,
            at("s1", "web-1", "[non.matching.com, very.specific.com, '*.nowild.io']", one),
            at("s2", "web-2", "[wildcard.io, foo.wildcard.io, bar.wildcard.io]", wide),
            at("s3", "web-3", "['*.specific.com']", one),
            at("s4", "web-1", "['*.anotherwildcard.io', '*.wildcard.io']", wide),
            listeners=listeners,
        )
        cases = [
            Case("web-1", "very.specific.com", "/s1"),
            Case(404, "non.matching.com", "/s1"),
            Case(404, "foo.nowild.io", "/s1"),
            Case("web-2", "foo.wildcard.io", "/s2"),
            Case("web-2", "bar.wildcard.io", "/s2"),
            Case(404, "wildcard.io", "/s2"),
            Case(404, "baz.wildcard.io", "/s2"),
            Case("web-3", "very.specific.com", "/s3"),
            Case(404, "other.specific.com", "/s3"),
            Case("web-1", "a.b.wildcard.io", "/s4"),
            Case(404, "a.anotherwildcard.io", "/s4"),
        ]
        await play(gate, cases)


async def test_calls_are_matched_by_method_header_and_host(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as gate:

        def calls(name: str, rules: str, host: str = "") -> str:
            return route("GRPCRoute", name, f"hostnames: [{host or f'{name}.example.com'}], rules: {rules}")

        there, nowhere = "backendRefs: [{name: calls, port: 9090}]", "backendRefs: [{name: nobody, port: 9090}]"
        exact = f"""[{{name: mine, matches: [{{method: {{service: pkg.A, method: One}}}}], {there}}},
          {{matches: [{{method: {{service: pkg.A, method: Two}}}}], {nowhere}}}]"""
        headers = f"""[{{matches: [{{headers: [{{name: version, value: one}}]}}], {there}}},
          {{matches: [{{headers: [{{name: color, type: RegularExpression, value: b.*}}]}}], {there}}}]"""
        weights = """[{backendRefs: [{name: calls, port: 9090, weight: 1}, {name: nobody, port: 9090, weight: 0}]}]"""
        half = weights.replace("weight: 0", "weight: 1")
        await give(
            gate,
            calls("exact", exact),
            calls("headers", headers),
            calls("weights", weights),
            calls("half", half),
        )
        target = f"{gate.address}:{gate.ports[80]}"

        async def says(host: str, path: str, *metadata: tuple[str, str]) -> str:
            options = (("grpc.default_authority", f"{host}.example.com"),)
            async with grpc.aio.insecure_channel(target, options) as channel:
                try:
                    answer: bytes = await channel.unary_unary(path, None, None)(b"", metadata=metadata, timeout=5)
                except grpc.aio.AioRpcError as error:
                    return error.code().name
            return answer.decode()

        assert await says("exact", "/pkg.A/One") == "/pkg.A/One"
        assert await says("exact", "/pkg.A/Two") != "/pkg.A/Two"
        assert await says("exact", "/pkg.A/Three") == "UNIMPLEMENTED"
        assert await says("headers", "/pkg.A/One", ("version", "one")) == "/pkg.A/One"
        assert await says("headers", "/pkg.A/One", ("color", "blue")) == "/pkg.A/One"
        assert await says("headers", "/pkg.A/One", ("version", "two")) == "UNIMPLEMENTED"
        assert await says("nobody", "/pkg.A/One") == "UNIMPLEMENTED"
        assert {await says("weights", "/pkg.A/One") for _ in range(20)} == {"/pkg.A/One"}
        assert len({await says("half", "/pkg.A/One") for _ in range(60)}) == 2
        assert "mine" in str(await gate.mesh.admin("gate").config_dump())
        assert not await gate.refused()
