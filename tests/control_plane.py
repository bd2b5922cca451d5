"""A real control plane for tests: a process of its own, on an address of its own, that can be killed and started again.

Comes in: an address, manifests, a directory for its state. Goes out: a running `pilot-discovery`, its log and its
figures. It never outlives the test.
"""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import aiohttp

from pilot.agent import tether
from tests.pilot.agent.eventually import eventually

GRPC, SECURE, HTTP, HTTPS, MONITORING = 25010, 25012, 25080, 25017, 25014
"""Not istiod's numbers: a control plane that somebody runs on all addresses of this machine is no neighbour then."""
PORTS = {
    "grpcAddr": GRPC,
    "secureGRPCAddr": SECURE,
    "httpAddr": HTTP,
    "httpsAddr": HTTPS,
    "monitoringAddr": MONITORING,
}

START = 30.0
"""Seconds until it serves; it takes two."""


class ControlPlane:
    """`pilot-discovery discovery --configDir manifests`, without that flag where `manifests` is None.

    `arguments` are added; `environment` too.
    """

    def __init__(
        self,
        address: str,
        manifests: Path | None,
        work: Path,
        arguments: Sequence[str] = (),
        environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        """`prefix`: a program (full path) and arguments that run the command; `connector`: how we reach its ports."""
        self._prefix, self._connector = tuple(prefix), connector
        self.address, self.state, self._manifests = address, work / "state", manifests
        self.process: asyncio.subprocess.Process | None = None
        self._log = work / "control-plane.log"
        self._arguments, self._environment = tuple(arguments), environment or {}

    @property
    def manifests(self) -> Path:
        """The directory, of one that has one."""
        assert self._manifests is not None
        return self._manifests

    @property
    def root(self) -> Path:
        """The certificate that clients trust."""
        return self.state / "root-cert.pem"

    @property
    def grpc(self) -> str:
        """Plaintext xDS, host:port."""
        return f"{self.address}:{GRPC}"

    def log(self) -> str:
        """What it has said so far, in all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def lines(self, *words: str) -> list[str]:
        """Log lines that have all these words."""
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    async def start(self) -> None:
        """Starts it, and waits until it serves."""
        listen = [part for flag, port in PORTS.items() for part in (f"--{flag}", f"{self.address}:{port}")]
        command = [
            *self._prefix,
            sys.executable,
            "-m",
            "pilot.cli.discovery",
            "discovery",
            *(("--configDir", str(self._manifests)) if self._manifests is not None else ()),
        ]
        command += [
            "--stateDir",
            str(self.state),
            "--shutdownDuration",
            "1s",
            "--ctrlz_port",
            "0",
            *listen,
            *self._arguments,
        ]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command),
                env=os.environ | self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        await eventually(self.is_ready, within=START)

    async def is_ready(self) -> bool:
        """Whether it serves. Fails where it has ended."""
        assert self.process is not None
        assert self.process.returncode is None, f"the control plane ended:\n{self.log()[-4000:]}"
        try:
            status, _ = await self.get(HTTP, "/ready")
        except aiohttp.ClientError:
            return False
        return status == 200

    async def kill(self) -> None:
        """kill -9: it has no chance to say good-bye."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM. Returns its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(15):
            return await self.process.wait()

    async def get(self, port: int, path: str) -> tuple[int, str]:
        """Status and text at one of its HTTP ports."""
        async with (
            aiohttp.ClientSession(trust_env=False, connector=self._connector() if self._connector else None) as session,
            session.get(f"http://{self.address}:{port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def figures(self, name: str) -> dict[str, float]:
        """A metric by the value of its one label, e.g. `type`; empty where it has none."""
        _, text = await self.get(MONITORING, "/metrics")
        found = re.findall(rf'^{name}(?:{{\w+="([^"]*)"}})? (\S+)$', text, re.MULTILINE)
        return {label: float(value) for label, value in found}


@contextlib.asynccontextmanager
async def running(control_plane: ControlPlane) -> AsyncIterator[ControlPlane]:
    """Started, and in the end killed, if it still runs. On failure the end of its log is printed."""
    try:
        await control_plane.start()
        yield control_plane
    except BaseException:
        print(f"--- the control plane's log\n{control_plane.log()[-6000:]}")
        raise
    finally:
        if control_plane.process is not None and control_plane.process.returncode is None:
            await control_plane.kill()
