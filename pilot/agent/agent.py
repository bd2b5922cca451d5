"""One agent: puts together the identity, the secrets, Envoy and the status endpoint of one proxy.

In: `AgentOptions`. Out: a running, configured Envoy, and at the end its exit code. Envoy starts once there is a
certificate, and is never restarted: renewed secrets reach it over SDS. When the agent is asked to stop, Envoy drains
first; when the agent dies, the kernel kills Envoy; when Envoy dies, the agent ends with its code.

Tasks: `Identity.serve`, `RootFollower.serve`, `_watch_files` and, where the workload has a readiness probe,
`Prober.serve` run beside `_run`, which owns the Envoy process.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, NoReturn

from pilot.agent import bootstrap, file_watch, run_directory
from pilot.agent.admin import AdminClient
from pilot.agent.application_metrics import ApplicationMetrics
from pilot.agent.certificate_authority import CertificateAuthority, ControlPlane
from pilot.agent.envoy import EnvoyProcess, build_arguments, find_binary
from pilot.agent.errors import AdminError, AgentError
from pilot.agent.following import RootFollower
from pilot.agent.identity import Identity
from pilot.agent.options import Address, AgentOptions
from pilot.agent.probing import Prober, read_probe
from pilot.agent.relay import Relay
from pilot.agent.run_directory import RunDirectory
from pilot.agent.sds import SecretServer
from pilot.agent.secret_store import SecretStore
from pilot.agent.status import StatusServer

logger = logging.getLogger("agent")

POLL = 0.05  # seconds between two looks at something that Envoy is about to do
SHORTEST_DRAIN = 1.0  # seconds; even without a connection: clients may not have heard yet that this proxy leaves
TERMINATION = 5.0  # seconds between SIGTERM and SIGKILL


class Agent:
    """Runs one Envoy. Use it once."""

    def __init__(self, options: AgentOptions, authority: CertificateAuthority | None = None) -> None:
        """`authority` signs in the control plane's place (tests). Raises: OptionError for a faulty readiness probe."""
        self.options = options
        self.admin: AdminClient | None = None
        """Envoy's admin endpoint, once Envoy has started."""
        self.status: Address | None = None
        """Where the status endpoint listens, once it does."""
        self._store = SecretStore(options.name)
        self.identity = Identity(options, self._store, authority or ControlPlane(options))
        probe = read_probe(options.metadata)
        self.prober = Prober(probe, self.why_not_ready, options.name) if probe is not None else None
        """Who knows how the workload is; None where nobody asks it."""
        self._envoy: EnvoyProcess | None = None
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()

    async def serve(self) -> int:
        """Runs until Envoy ends or `stop` is called. Returns Envoy's exit code, 0 after `stop`.

        Cancellation ends Envoy without draining.
        Raises: OptionError, EnvoyError where it cannot start.
        """
        find_binary(self.options)
        async with contextlib.AsyncExitStack() as undo:
            directory = undo.enter_context(run_directory.hold(self.options.run_dir))
            relays = [Relay(self.options, self.identity, self.prober).handler()] if self.prober is not None else []
            secrets = SecretServer(self._store, directory.sds_socket, self.options.name, *relays)
            undo.push_async_callback(secrets.stop)
            await secrets.start()
            if self.options.status is not None:
                application = ApplicationMetrics(self.options.application_metrics)
                status = StatusServer(self.options.status, self.why_not_ready, lambda: self.admin, application)
                undo.push_async_callback(status.stop)
                self.status = await status.start()
            return await self._supervise(directory)

    def stop(self) -> None:
        """Drains Envoy and ends it; `serve` then returns. Called once more, it does not wait for connections."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()

    def reload(self) -> None:
        """Looks at the root file and the files of secrets at once rather than within a second."""
        self.identity.reread_roots()
        self._store.reread_files()

    def send(self, number: signal.Signals) -> None:
        """Passes a signal on to Envoy."""
        if self._envoy is not None:
            self._envoy.send(number)

    async def why_not_ready(self) -> str | None:
        """What is missing before the proxy may get traffic; None where nothing is."""
        if self._stopping.is_set():
            return "draining"
        if self.admin is None:
            return "envoy has not started" if self.identity.available.is_set() else "no certificate yet"
        return await self.admin.why_not_ready()

    async def wait_ready(self) -> AdminClient:
        """Waits until the proxy may get traffic; for ever, if need be. Returns the admin client."""
        while True:
            if await self.why_not_ready() is None and self.admin is not None:
                return self.admin
            await asyncio.sleep(POLL)

    async def _supervise(self, directory: RunDirectory) -> int:
        """Runs Envoy beside the tasks that look after its secrets. A bug in one of them ends the agent, and Envoy."""
        try:
            async with asyncio.TaskGroup() as tasks:
                follower = RootFollower(self.options, self.identity, self._store)
                beside = [self.identity.serve(), follower.serve(), self._watch_files()]
                if self.prober is not None:
                    beside.append(self.prober.serve())
                keepers: list[asyncio.Task[None]] = [tasks.create_task(each) for each in beside]
                try:
                    return await self._run(directory)
                finally:
                    for each in keepers:
                        each.cancel()
        except ExceptionGroup as group:
            if len(group.exceptions) == 1 and isinstance(group.exceptions[0], AgentError):
                raise group.exceptions[0] from None
            raise

    async def _run(self, directory: RunDirectory) -> int:
        if not await self._unless_stopped(self.identity.available.wait()):
            return 0
        port = self.status.port if self.status is not None else None
        content = bootstrap.build_bootstrap(self.options, directory.sds_socket, port)
        directory.write_json(directory.bootstrap, content)
        arguments = build_arguments(self.options, directory.bootstrap, directory.admin_address)
        self._envoy = await EnvoyProcess.start(find_binary(self.options), arguments, self.options.name)
        exited = asyncio.ensure_future(self._envoy.wait())
        try:
            logger.info(f"{self.options.name}: envoy has started as process {self._envoy.pid}")
            await self._unless_stopped(self._until_one(exited, self._announce(directory)))
            await self._unless_stopped(asyncio.shield(exited))
            if exited.done():
                logger.error(f"{self.options.name}: envoy ended by itself with code {exited.result()}")
                return exited.result()
            await self._until_one(exited, self._drain())
            await self._envoy.terminate(TERMINATION)
            return 0
        finally:
            await self._envoy.terminate(TERMINATION)
            await exited
            if self.admin is not None:
                await self.admin.close()
            logger.info(f"{self.options.name}: envoy has ended")

    async def _announce(self, directory: RunDirectory) -> None:
        """Learns where the admin endpoint listens, and writes it down for other programs."""
        address = await _wait_for_address(directory.admin_address)
        self.admin = AdminClient(address)
        directory.write_json(
            directory.state,
            {
                "pid": os.getpid(),
                "envoy_pid": self._envoy.pid if self._envoy is not None else None,
                "proxy": self.options.node_id,
                "admin": str(address),
                "status": str(self.status) if self.status is not None else None,
            },
        )
        logger.info(f"{self.options.name}: envoy's admin endpoint is http://{address}")

    async def _drain(self) -> None:
        """Tells clients to leave and waits until they have, but no longer than the options allow."""
        limit = self.options.drain.total_seconds()
        if self.prober is not None:
            self.prober.leave()
        if self.admin is None or limit <= 0:
            return
        logger.info(f"{self.options.name}: draining for up to {limit:g} s")
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            await self.admin.drain_listeners()
            while clock() - began < limit and not self._hurrying.is_set():
                if clock() - began >= SHORTEST_DRAIN and await self.admin.active_connections() == 0:
                    return
                await asyncio.sleep(POLL)
        except AdminError as error:
            logger.warning(f"{self.options.name}: draining: {error}")

    async def _watch_files(self) -> NoReturn:
        while True:
            await asyncio.sleep(file_watch.INTERVAL)
            self.reload()

    async def _unless_stopped(self, work: Awaitable[object]) -> bool:
        """Waits for work, or until `stop`. Returns whether the work was done; else it is cancelled."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        await self._until_one(stopping, work)
        stopping.cancel()
        return not self._stopping.is_set()

    @staticmethod
    async def _until_one(other: asyncio.Future[Any], work: Awaitable[object]) -> None:
        """Waits for work or for the other to be done; then cancels the work, and not the other."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, other), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if not task.cancelled():
            task.result()


async def serve_agent(options: AgentOptions) -> int:
    """Runs one agent until its Envoy ends or it is cancelled. Returns Envoy's exit code.

    Raises: OptionError, EnvoyError where it cannot start.
    """
    return await Agent(options).serve()


async def _wait_for_address(path: Path) -> Address:
    """What Envoy writes once its admin endpoint listens."""
    while True:
        address = _read_address(path)
        if address is not None:
            return address
        await asyncio.sleep(POLL)


def _read_address(path: Path) -> Address | None:
    """None while Envoy has not written it all. A wildcard is reached through the loopback address."""
    try:
        host, _, port = path.read_text().strip().rpartition(":")
    except FileNotFoundError:
        return None
    if not port.isdecimal():
        return None
    host = host.strip("[]")
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port))
