"""One sidecar that calls, and servers without sidecars: for what a proxy does on the client's side.

Comes in: a directory, the binary of an Envoy. Goes out: a running control plane, one Envoy, three servers of one
service, each in our hands: what it got, and what it answers. Everything listens on addresses of this test alone.
"""

import asyncio
import contextlib
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from ca.authn import local_issuer
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live.mesh import PATIENCE, Mesh, serving
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.small_ca import SmallCa, key_pem, pem

CLIENT = "client"
NUMBERS = {"web-1": 21, "web-2": 22, "web-3": 23}
"""Last part of the address of each server. `web-3` is in another zone than the client."""
PORT = 9080
TLS_PORT = 9443
EGRESS = 101
"""Last part of the address where the client's calls leave."""
OUTSIDE, OUTSIDE_NUMBER = "outside", 51
"""Something that is no workload and speaks TLS, and the last part of its address."""
GIVEN = "given.yaml"
MARKED = 299
"""The status of a host that tells whether a configuration is live: one resource has all hosts of a port."""

Behaviour = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    server: str
    """Who answered; empty: Envoy itself."""
    headers: Mapping[str, str]
    """By name in lower case."""


class Server:
    """An HTTP server. `behave` may be set to something else than saying its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Mapping[str, str]] = []
        """Headers of each request, in lower case, with `:path`, in order."""
        self.behave: Behaviour | None = None
        self.busiest = 0
        """Most requests at the same time."""
        self._busy = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        self.seen.append({name.lower(): value for name, value in request.headers.items()} | {":path": request.path_qs})
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            made = await self.behave(request) if self.behave is not None else web.Response()
        finally:
            self._busy -= 1
        made.headers["x-server"] = self.name
        return made

    def reset(self) -> None:
        """As in the beginning."""
        self.seen.clear()
        self.behave, self.busiest = None, 0

    def status(self, code: int) -> None:
        """From now on it only answers this."""

        async def behave(_: web.Request) -> web.Response:
            return web.Response(status=code)

        self.behave = behave

    @contextlib.asynccontextmanager
    async def listening(self, address: str, port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """Serves there."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, address, port, ssl_context=tls).start()
            yield
        finally:
            await runner.cleanup()


class Play:
    """The client's view of a mesh."""

    def __init__(self, mesh: Mesh, servers: Mapping[str, Server], session: aiohttp.ClientSession) -> None:
        self.mesh, self.servers = mesh, servers
        self._session = session
        self._marks = itertools.count()

    @property
    def network(self) -> Network:
        """Addresses."""
        return self.mesh.network

    async def get(self, host: str = "web", path: str = "/", **headers: str) -> Answer:
        """One request of the client; `x_user="a"` is the header `x-user`."""
        url = f"http://{self.network.address(EGRESS)}:{PORT}{path}"
        given = {name.replace("_", "-"): value for name, value in headers.items()} | {"host": host}
        async with self._session.get(url, headers=given, allow_redirects=False) as response:
            await response.read()
            shown = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, shown.get("x-server", ""), shown)

    async def many(self, number: int, host: str = "web", together: int = 8, **headers: str) -> list[Answer]:
        """So many requests, some of them at the same time."""
        left = iter(range(number))

        async def some() -> list[Answer]:
            return [await self.get(host, **headers) for _ in left]

        return [each for part in await asyncio.gather(*(some() for _ in range(together))) for each in part]

    async def answers(self, wanted: Callable[[Answer], bool], host: str = "web", path: str = "/", **more: str) -> bool:
        """Whether a request gets such an answer (for `eventually`)."""
        return wanted(await self.get(host, path, **more))

    async def figure(self, pattern: str) -> int:
        """The sum of some statistics of the client's Envoy."""
        return sum((await self.mesh.admin(CLIENT).stats(pattern)).values())

    async def _is_warm(self) -> bool:
        return await self.figure(r"^cluster_manager\.warming_clusters$") == 0

    @contextlib.asynccontextmanager
    async def given(self, text: str) -> AsyncIterator[None]:
        """With this configuration, live; in the end it is gone, and servers are as they were in the beginning."""
        mark = f"mark-{next(self._marks)}.example.com"
        self.mesh.write(GIVEN, f"{text}\n---\n{_MARK.format(host=mark, port=PORT)}")
        await eventually(lambda: self.answers(lambda answer: answer.status == MARKED, mark))
        await eventually(self._is_warm)  # routes may overtake the endpoints of clusters that are new
        try:
            yield
        finally:
            self.mesh.remove(GIVEN)
            await eventually(lambda: self.answers(lambda answer: answer.status != MARKED, mark))
            for each in self.servers.values():
                each.reset()


def count(answers: Iterable[Answer]) -> Counter[str]:
    """Answers by server."""
    return Counter(each.server for each in answers)


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path) -> AsyncIterator[Play]:
    """A mesh in which the client gets answers. `directory` gets `roots.pem`, which `outside` is proven by."""
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory)
        mesh = Mesh(directory, addresses, plane)
        mesh.write("mesh.yaml", manifests(addresses))
        await undo.enter_async_context(control_plane.running(plane))
        servers = {name: Server(name) for name in (*NUMBERS, OUTSIDE)}
        for name, number in NUMBERS.items():
            await undo.enter_async_context(servers[name].listening(addresses.address(number), PORT))
        tls = server_context(directory, "api.example.com", "secure.example.com")
        outside = servers[OUTSIDE].listening(addresses.address(OUTSIDE_NUMBER), TLS_PORT, tls)
        await undo.enter_async_context(outside)
        mesh.agents[CLIENT] = Agent(_options(directory, envoy, plane, addresses))
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        timeout = aiohttp.ClientTimeout(total=10)
        session = aiohttp.ClientSession(trust_env=False, timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        play = Play(mesh, servers, await undo.enter_async_context(session))
        await eventually(lambda: play.answers(lambda answer: answer.status == 200), within=PATIENCE)
        yield play


def _options(directory: Path, envoy: Path, plane: ControlPlane, addresses: Network) -> AgentOptions:
    address = addresses.address(11)
    return AgentOptions(
        pod=CLIENT,
        namespace="shop",
        service_account=CLIENT,
        labels={"app": CLIENT},
        ip=address,
        locality="north/a",
        admin=Address(address, 0),
        root=plane.root,
        run_dir=directory / CLIENT,
        envoy=envoy,
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), "shop", CLIENT),
        concurrency=1,
        drain=timedelta(0),
        statistics=Statistics.ALL,
    )


def server_context(directory: Path, *hosts: str) -> ssl.SSLContext:
    """TLS of a server with these names. Writes `roots.pem`, which proves them."""
    authority, key = SmallCa(), ec.generate_private_key(ec.SECP256R1())
    chain, private = directory / "chain.pem", directory / "key.pem"
    (directory / "roots.pem").write_text(authority.pem)
    chain.write_text(pem(authority.sign(key.public_key(), hosts=hosts)))
    private.write_bytes(key_pem(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, private)
    return context


def manifests(addresses: Network) -> str:
    """The mesh before anything is given: one service, its pods in two zones, the client."""
    pods = [_pod(name, addresses.address(number)) for name, number in NUMBERS.items()]
    nodes = [
        f"""\
apiVersion: v1
kind: Node
metadata:
  name: node-{zone}
  labels: {{topology.kubernetes.io/region: north, topology.kubernetes.io/zone: {zone}}}
"""
        for zone in ("a", "b")
    ]
    return "---\n".join([*pods, *nodes, _FIXED.format(egress=addresses.address(EGRESS), port=PORT, tls=TLS_PORT)])


def _pod(name: str, address: str) -> str:
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: web, version: {name.replace("web-", "v")}}}}}
spec:
  nodeName: node-{"b" if name == "web-3" else "a"}
  containers: [{{name: app, ports: [{{containerPort: {PORT}}}]}}]
status:
  phase: Running
  podIP: {address}
  conditions: [{{type: Ready, status: "True"}}]
"""


_FIXED = """\
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec:
  clusterIP: 10.96.1.1
  selector: {{app: web}}
  ports: [{{name: http, port: {port}, targetPort: {port}}}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: client, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: client}}}}
  outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}
  egress:
  - port: {{number: {port}, protocol: HTTP, name: http}}
    bind: {egress}
    hosts: ["./*"]
  - port: {{number: {tls}, protocol: TLS, name: tls}}
    bind: {egress}
    hosts: ["./*"]
"""

_MARK = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: mark, namespace: shop}}
spec:
  hosts: [{host}]
  ports: [{{number: {port}, protocol: HTTP, name: http}}]
  resolution: STATIC
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: mark, namespace: shop}}
spec:
  hosts: [{host}]
  http: [{{directResponse: {{status: 299}}}}]
"""
