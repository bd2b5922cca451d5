"""A whole mesh for live tests: control plane, agents with real Envoys, workloads, a gateway, and load.

Comes in: a directory, the binary of an Envoy, options of the agents. Goes out: a running mesh that a test calls, edits
and breaks. Everything listens on addresses of this test alone and is gone when the context ends.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ca.authn import local_issuer
from pilot.agent.admin import AdminClient
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from pilot.view.proxy import ProxyKind
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live import shop
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually

PATIENCE = 45.0
"""Seconds until a mesh of four Envoys is up; it takes four."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through the gateway: who served, and whom the workloads saw calling."""

    status: int
    version: str
    callers: Mapping[str, str]
    """By service, `x-forwarded-client-cert` of the request that its workload got: its sidecar wrote it."""


@dataclass
class Load:
    """Requests through the gateway, one after the other."""

    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Requests so far."""
        return len(self.answers) + len(self.failures)

    async def more(self, number: int) -> None:
        """Waits until so many more have been answered or have failed."""
        wanted = self.count + number
        await eventually(lambda: self.count >= wanted, within=30)

    def callers(self, service: str) -> set[str]:
        """All that the workload of a service saw calling."""
        return {answer.callers[service] for answer in self.answers}


class Mesh:
    """A running mesh. `control_plane` may be killed and started; `agents` by name of their proxy."""

    def __init__(self, directory: Path, addresses: Network, plane: ControlPlane) -> None:
        self.control_plane = plane
        self.network = addresses
        self.agents: dict[str, Agent] = {}
        self._manifests = plane.manifests
        self._directory = directory

    # --- configuration ---

    def write(self, name: str, text: str) -> None:
        """Replaces a manifest as an editor does: a reader never sees half of it."""
        self._manifests.mkdir(exist_ok=True)
        unfinished = self._directory / "unfinished"
        unfinished.write_text(text)
        unfinished.replace(self._manifests / name)

    def remove(self, name: str) -> None:
        """Removes a manifest."""
        (self._manifests / name).unlink()

    async def problems(self) -> list[dict[str, Any]]:
        """What the control plane says is wrong."""
        status, text = await self.control_plane.get(control_plane.HTTP, "/debug/problems")
        assert status == 200, text
        found: list[dict[str, Any]] = json.loads(text)
        return found

    # --- traffic ---

    @property
    def url(self) -> str:
        """The way in."""
        return f"http://{self.network.address(shop.NUMBERS['gateway'])}:{shop.HTTP}/"

    async def ask(self, session: aiohttp.ClientSession) -> Answer:
        """One request through the gateway, `front` and `back`. Raises: aiohttp.ClientError."""
        async with session.get(self.url) as response:
            if response.status != 200:
                return Answer(response.status, "", {"words": await response.text()})
            seen = await response.json()
            return Answer(200, seen["version"], seen["callers"])

    async def ask_once(self) -> Answer:
        """One request on a connection of its own."""
        async with aiohttp.ClientSession(trust_env=False) as session:
            return await self.ask(session)

    @contextlib.asynccontextmanager
    async def load(self, callers: int = 3) -> AsyncIterator[Load]:
        """Keeps asking from so many connections. What fails is in `failures`, in words."""
        load = Load()

        async def keep_asking() -> None:
            async with aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=10)) as session:
                while True:
                    try:
                        answer = await self.ask(session)
                    except (aiohttp.ClientError, TimeoutError) as error:
                        load.failures.append(repr(error))
                    else:
                        good = answer.status == 200
                        load.answers.append(answer) if good else load.failures.append(str(answer))
                    await asyncio.sleep(0.01)  # the machine has other things to do: some hundred a second are enough

        tasks = [asyncio.create_task(keep_asking()) for _ in range(callers)]
        try:
            yield load
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- Envoys ---

    def admin(self, name: str) -> AdminClient:
        """The admin endpoint of a proxy that is up."""
        found = self.agents[name].admin
        assert found is not None
        return found

    async def stats(self, pattern: str) -> dict[str, Mapping[str, int]]:
        """Statistics of every Envoy, by proxy."""
        return {name: await self.admin(name).stats(pattern) for name in self.agents}

    async def are_connected(self, wanted: bool = True) -> bool:
        """Whether all Envoys have a stream to the control plane, or none."""
        name = "control_plane.connected_state"
        return {each.get(name, 0) for each in (await self.stats(f"^{name}$")).values()} == {int(wanted)}

    async def held(self) -> dict[str, Any]:
        """What every Envoy holds: dynamic clusters, listeners and routes with versions and times of their arrival."""
        dumps = {name: await self.admin(name).config_dump() for name in self.agents}
        return {name: {each["@type"]: _dynamic(each) for each in dump} for name, dump in dumps.items()}

    async def endpoints(self, name: str, cluster: str) -> set[str]:
        """Addresses that a proxy knows in a cluster."""
        found = json.loads(await self.admin(name).get("/clusters", format="json"))["cluster_statuses"]
        (status,) = [each for each in found if each["name"] == cluster]
        places = [each["address"]["socket_address"] for each in status.get("host_statuses", ())]
        return {f"{each['address']}:{each['port_value']}" for each in places}

    async def rejected(self) -> dict[str, int]:
        """Refused configuration, by proxy; zero for each is what there should be."""
        return {name: sum(each.values()) for name, each in (await self.stats("update_rejected$")).items()}


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path, mesh_config: str = "", **options: Any) -> AsyncIterator[Mesh]:
    """A mesh that answers. `mesh_config`: in which `ADDRESS` is the prefix of addresses; `options`: of every agent."""
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        settings = directory / "mesh.yaml"
        settings.write_text(mesh_config.replace("ADDRESS", addresses.prefix))
        arguments = ("--meshConfig", str(settings))
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory, arguments)
        mesh = Mesh(directory, addresses, plane)
        for name, text in shop.manifests(addresses).items():
            mesh.write(name, text)
        await undo.enter_async_context(control_plane.running(plane))
        for name in shop.WORKLOADS:
            await undo.enter_async_context(_workload(name, addresses))
        same = options | {"envoy": envoy, "root": plane.root, "discovery": Address(plane.address, control_plane.SECURE)}
        issuer = local_issuer.load_or_create(plane.state)
        for name in shop.NUMBERS:
            mesh.agents[name] = Agent(AgentOptions(**_who(name, addresses, issuer, directory) | same))
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        await eventually(lambda: _answers(mesh), within=PATIENCE)
        yield mesh


def _who(name: str, addresses: Network, issuer: local_issuer.LocalIssuer, directory: Path) -> dict[str, Any]:
    """The options in which agents differ."""
    address, account = addresses.address(shop.NUMBERS[name]), name.partition("-")[0]
    namespace = "istio-system" if name == "gateway" else "shop"
    return {
        "pod": name,
        "namespace": namespace,
        "service_account": account,
        "labels": shop.labels(name),
        "kind": ProxyKind.ROUTER if name == "gateway" else ProxyKind.SIDECAR,
        "ip": address,
        "admin": Address(address, 0),
        "run_dir": directory / name,
        "token": IssuedToken(issuer, namespace, account),
        "concurrency": 1,
        "drain": timedelta(0),
        "statistics": Statistics.ALL,
    }


async def _answers(mesh: Mesh) -> bool:
    with contextlib.suppress(aiohttp.ClientError):
        return (await mesh.ask_once()).status == 200
    return False


@contextlib.asynccontextmanager
async def serving(agents: Sequence[Agent]) -> AsyncIterator[None]:
    """Agents whose Envoys are ready; the first agent that fails ends the test."""
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(agent.serve()) for agent in agents]
    ready: asyncio.Future[Any] = asyncio.ensure_future(asyncio.gather(*(agent.wait_ready() for agent in agents)))
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait((ready, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            assert not task.done(), task
        yield
    finally:
        ready.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(ready, *tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _workload(name: str, addresses: Network) -> AsyncIterator[None]:
    """A small HTTP service on a Unix socket: it tells who called it; `front` asks `back` first."""
    app, _, version = name.partition("-")

    async def answer(request: web.Request) -> web.Response:
        callers = {app: request.headers.get("x-forwarded-client-cert", "")}
        if app != "front":
            return web.json_response({"version": version, "callers": callers})
        url = f"http://{shop.egress(addresses, name)}:{shop.PORT}/"
        async with session.get(url, headers={"host": f"back:{shop.PORT}"}) as response:
            if response.status != 200:
                return web.Response(status=response.status, text=f"back: {await response.text()}")
            seen = await response.json()
        return web.json_response({"version": seen["version"], "callers": seen["callers"] | callers})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    async with aiohttp.ClientSession(trust_env=False) as session:
        await runner.setup()
        try:
            await web.UnixSite(runner, "\0" + addresses.socket(name)[1:]).start()
            yield
        finally:
            await runner.cleanup()


def _dynamic(section: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration dump that came over xDS."""
    return {name: value for name, value in section.items() if name.startswith("dynamic_")}
