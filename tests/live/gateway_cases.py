"""Requests to a gateway, and who is to answer them: for tests that are tables.

Comes in: a gateway that is up, documents, cases. Goes out: a failed test where somebody else answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from tests.live.client_side import Answer
from tests.live.gateway_side import LIVE_WITHIN, Gate, kubernetes_gateway, route, tls_secret
from tests.pilot.agent.eventually import eventually

FREE = "allowedRoutes: {namespaces: {from: All}}"
LISTENERS = f"""[
  {{name: http, port: 80, protocol: HTTP, {FREE}}}, {{name: other, port: 9000, protocol: HTTP, {FREE}}},
  {{name: https, port: 443, protocol: HTTPS, {FREE}, tls: {{certificateRefs: [{{name: cert}}]}}}}]"""
MARK = "mark.example.com"
"""A host that is served once everything is."""


@dataclass(frozen=True)
class Case:
    """A request and who answers it: a server, or (a number) the gateway itself."""

    wanted: str | int
    host: str
    path: str = "/"
    port: int = 80
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)


def rule(match: str, server: str, filters: str = "") -> str:
    """A rule with one condition."""
    more = f"filters: [{filters}], " if filters else ""
    return f"{{matches: [{{{match}}}], {more}{to(server)}}}"


def path(value: str, kind: str = "PathPrefix") -> str:
    """A condition on the path."""
    return f"path: {{type: {kind}, value: {value}}}"


def named(kind: str, **values: str) -> str:
    """A condition on headers or query parameters."""
    pairs = ", ".join(f"{{name: {name}, value: {value}}}" for name, value in values.items())
    return f"{kind}: [{pairs}]"


def to(*servers: str, more: str = "") -> str:
    """`backendRefs`."""
    refs = ", ".join(f"{{name: {each}, port: 9080{more}}}" for each in servers)
    return f"backendRefs: [{refs}]"


def http(name: str, rules: str, hosts: str = "", parents: str = "") -> str:
    """An HTTPRoute; its hostname is `<name>.example.com` unless `hosts` says another."""
    made = route("HTTPRoute", name, f"hostnames: {hosts or f'[{name}.example.com]'}, rules: {rules}")
    return made.replace("parentRefs: [{name: main, namespace: gws}]", f"parentRefs: {parents}") if parents else made


async def give(gate: Gate, *documents: str, listeners: str = LISTENERS) -> None:
    """Serves these; live when it returns."""
    mark = http("mark", f"[{{{to('web-1')}}}]")
    certificate = "---\n" + tls_secret("cert", gate.authority.pair("secure.example.com", "example.com"))
    gate.mesh.write("given.yaml", "".join((kubernetes_gateway(listeners), *documents, mark, certificate)))
    await eventually(partial(gate.gets, lambda answer: answer.status == 200, MARK), within=LIVE_WITHIN)


async def ask(gate: Gate, case: Case) -> Answer:
    """One request."""
    return await gate.get(case.host, case.path, port=case.port, method=case.method, **case.headers)


async def play(gate: Gate, cases: Iterable[Case]) -> None:
    """Every request is answered by whom it should be."""
    for each in cases:
        answer = await ask(gate, each)
        assert (answer.server or answer.status) == each.wanted, each
    assert not await gate.refused()


def served(host: str, wanted: dict[str, str | int]) -> list[Case]:
    """Cases of one host by path."""
    return [Case(server, host, path) for path, server in wanted.items()]
