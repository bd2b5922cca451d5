"""DestinationRules and ServiceEntries on a real Envoy: who is chosen, who is left out, what is kept from servers."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.envoys import newest_envoy
from tests.live.client_side import (
    EGRESS,
    NUMBERS,
    OUTSIDE,
    OUTSIDE_NUMBER,
    PORT,
    TLS_PORT,
    Play,
    count,
    playing,
)
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the mesh keeps its files."""
    return tmp_path_factory.mktemp("resilience")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def play(directory: Path) -> AsyncIterator[Play]:
    """One mesh for every test of this module."""
    async with playing(directory, newest_envoy()) as found:
        yield found


def rule(policy: str) -> str:
    """A DestinationRule for all of `web`."""
    return f"""
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: shop}}
spec:
  host: web
  trafficPolicy:
{policy}
"""


HASH = """
    loadBalancer: {consistentHash: {httpHeaderName: x-user}}
"""


async def test_a_consistent_hash_keeps_each_user_with_one_server_and_spreads_users(play: Play) -> None:
    async with play.given(rule(HASH)):
        homes: dict[str, str] = {}
        for user in map(str, range(40)):
            (server,) = count(await play.many(6, together=3, x_user=user))
            homes[user] = server
        assert set(homes.values()) == set(NUMBERS)


OUTLIER = """
    outlierDetection: {consecutive5xxErrors: 3, interval: 0.1s, baseEjectionTime: 60s, maxEjectionPercent: 100}
"""


async def test_a_server_that_fails_is_ejected_and_the_others_serve(play: Play) -> None:
    async with play.given(rule(OUTLIER)):
        play.servers["web-2"].status(500)
        await eventually(lambda: ejects(play, 1))
        answers = await play.many(60)
        assert {each.status for each in answers} == {200}
        assert count(answers).keys() == {"web-1", "web-3"}


async def ejects(play: Play, number: int) -> bool:
    """Whether so many servers are ejected, after some more requests."""
    await play.many(12)
    return await play.figure(r"outbound\|9080\|\|web.*outlier_detection\.ejections_active$") == number


BREAKER = """
    connectionPool:
      tcp: {maxConnections: 1}
      http: {http1MaxPendingRequests: 1}
"""


async def test_more_than_the_circuit_lets_through_is_refused_at_once(play: Play) -> None:
    async with play.given(rule(BREAKER)):
        release = asyncio.Event()

        async def hold(_: web.Request) -> web.Response:
            await release.wait()
            return web.Response()

        for name in NUMBERS:
            play.servers[name].behave = hold
        asking = [asyncio.create_task(play.get()) for _ in range(12)]
        await eventually(lambda: sum(each.done() for each in asking) >= 8)
        refused = [each.result() for each in asking if each.done()]
        assert {(each.status, each.headers.get("x-envoy-overloaded")) for each in refused} == {(503, "true")}
        release.set()
        statuses = [each.status for each in await asyncio.gather(*asking)]
        assert statuses.count(200) >= 1
        assert statuses.count(200) + statuses.count(503) == 12
        assert max(play.servers[name].busiest for name in NUMBERS) == 1


LOCALITY = """
    loadBalancer: {localityLbSetting: {enabled: true}}
    outlierDetection: {consecutive5xxErrors: 2, interval: 0.1s, baseEjectionTime: 60s, maxEjectionPercent: 100}
"""


async def test_when_a_zone_goes_away_the_next_one_serves(play: Play) -> None:
    """`web-1` and `web-2` are in the client's zone; first they fail, then they are gone."""
    async with play.given(rule(LOCALITY)):
        assert count(await play.many(60)).keys() == {"web-1", "web-2"}
        play.servers["web-1"].status(503)
        play.servers["web-2"].status(503)
        await eventually(lambda: moved(play))
        assert {each.status for each in await play.many(30)} == {200}
    pods = play.mesh.control_plane.manifests / "mesh.yaml"
    before = pods.read_text()
    async with play.given(rule(LOCALITY)):
        assert count(await play.many(30)).keys() == {"web-1", "web-2"}
        play.mesh.write("mesh.yaml", "---\n".join(each for each in before.split("---\n") if not is_near(each)))
        try:
            await eventually(lambda: moved(play))
            assert {each.status for each in await play.many(30)} == {200}
        finally:
            play.mesh.write("mesh.yaml", before)
            await eventually(lambda: moved(play, back=True))


def is_near(manifest: str) -> bool:
    """Whether it is a pod in the client's zone."""
    return "kind: Pod" in manifest and "nodeName: node-a" in manifest


async def moved(play: Play, *, back: bool = False) -> bool:
    """Whether everything is served by the other zone, or again by the own one."""
    return count(await play.many(20)).keys() == ({"web-1", "web-2"} if back else {"web-3"})


async def test_a_name_outside_gets_tls_from_the_proxy_and_must_prove_itself(play: Play, directory: Path) -> None:
    def origination(roots: str, name: str) -> str:
        return f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: api, namespace: shop}}
spec:
  hosts: [api.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: {PORT}, targetPort: {TLS_PORT}, protocol: HTTP, name: http}}]
  endpoints: [{{address: {play.network.address(OUTSIDE_NUMBER)}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api, namespace: shop}}
spec:
  host: api.example.com
  trafficPolicy: {{tls: {{mode: SIMPLE, sni: api.example.com, caCertificates: {roots}, subjectAltNames: [{name}]}}}}
"""

    roots = directory / "roots.pem"
    async with play.given(origination(str(roots), "api.example.com")):
        await eventually(lambda: play.answers(lambda answer: answer.server == OUTSIDE, "api.example.com"))
        assert {each.status for each in await play.many(20, "api.example.com")} == {200}
        assert play.servers[OUTSIDE].seen[-1]["host"] == "api.example.com"
    async with play.given(origination(str(roots), "somebody.example.com")):
        assert {each.status for each in await play.many(5, "api.example.com")} == {503}
    async with play.given(origination(str(play.mesh.control_plane.root), "api.example.com")):
        assert {each.status for each in await play.many(5, "api.example.com")} == {503}


async def test_tls_of_the_client_goes_through_by_its_sni(play: Play, directory: Path) -> None:
    entry = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: secure, namespace: shop}}
spec:
  hosts: [secure.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{{number: {TLS_PORT}, protocol: TLS, name: tls}}]
  endpoints: [{{address: {play.network.address(OUTSIDE_NUMBER)}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: secure, namespace: shop}}
spec:
  hosts: [secure.example.com]
  tls:
  - match: [{{sniHosts: [secure.example.com]}}]
    route: [{{destination: {{host: secure.example.com}}}}]
"""
    async with play.given(entry):
        await eventually(lambda: tls_answer(play, directory, "secure.example.com"))
        answer = await tls_answer(play, directory, "secure.example.com")
        assert answer is not None
        assert answer.startswith("HTTP/1.1 200")
        assert f"x-server: {OUTSIDE}" in answer.lower()
        assert await tls_answer(play, directory, "api.example.com") is None


async def tls_answer(play: Play, directory: Path, name: str) -> str | None:
    """What a client that speaks TLS itself gets for a name; None where nobody takes the connection."""
    context = ssl.create_default_context(cafile=str(directory / "roots.pem"))
    try:
        reader, writer = await asyncio.open_connection(
            play.network.address(EGRESS), TLS_PORT, ssl=context, server_hostname=name
        )
    except (ConnectionError, ssl.SSLError, ssl.SSLEOFError):
        return None
    try:
        writer.write(f"GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        return (await asyncio.wait_for(reader.read(), 5)).decode()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
