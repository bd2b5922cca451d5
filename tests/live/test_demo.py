"""The demo as people run it: once and live, ended by Ctrl-C and by kill -9. Nothing of it may stay.

It plays a copy of the example with addresses of this test alone.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pilot.cli.demo import EXAMPLE
from tests.envoys import newest_envoy
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

PROCESSES = 2 + 6 + 7
"""Control plane with its signing process, workloads, Envoys: the agents live in the demo itself."""


@dataclass
class Demo:
    """A demo that was started."""

    process: asyncio.subprocess.Process
    networks: tuple[Network, ...]
    output: Path
    example: Path
    children: list[psutil.Process] = field(default_factory=list)

    def said(self) -> str:
        """Its output so far."""
        return self.output.read_text()

    async def started(self) -> list[psutil.Process]:
        """Everything that it runs, once it runs everything."""

        def is_on() -> bool:
            assert self.process.returncode is None, self.said()
            return "Ctrl-C ends everything." in self.said()

        await eventually(is_on, within=60)
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.children) == PROCESSES
        return self.children

    def ports(self) -> list[str]:
        """What listens on its addresses, and its abstract Unix sockets."""
        prefixes = tuple(f"{each.prefix}." for each in self.networks)
        found = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN and each.laddr]
        inet = [str(each.laddr) for each in found if each.laddr and each.laddr.ip.startswith(prefixes)]
        unix = [
            name for name in Path("/proc/net/unix").read_text().split() if name.startswith(self.networks[0].socket(""))
        ]
        return inet + unix


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def copy_example(directory: Path, incoming: Network, outgoing: Network) -> Path:
    """The example on other addresses."""
    example = directory / "bookinfo"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (example / "mesh").iterdir():
        text = path.read_text().replace("127.0.10.", f"{incoming.prefix}.").replace("127.0.11.", f"{outgoing.prefix}.")
        path.write_text(text.replace("unix://@bookinfo-", f"unix://{incoming.socket('')}"))
    return example


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path, *arguments: str) -> AsyncIterator[Demo]:
    with network() as incoming, network() as outgoing:
        example, output = copy_example(directory, incoming, outgoing), directory / "output"
        command = (sys.executable, "-m", "pilot.cli.main", "demo", "--dir", str(example), "--envoy", str(envoy))
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                env=os.environ | {"MESHPILOT_STATE_DIR": str(directory / "s"), "COLUMNS": "120", "TERM": "dumb"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
            )
        demo = Demo(process, (incoming, outgoing), output, example)
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            for each in demo.children:  # of a demo that failed its test
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


async def test_once_measures_and_leaves_nothing(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy, "--once") as demo:
        assert await demo.process.wait() == 0, demo.said()
        said = demo.said()
        assert re.search(r"^200 requests: reviews v1 \d+, reviews v2 \d+, reviews v3 \d+$", said, re.MULTILINE)
        assert "plaintext straight to reviews-v1.bookinfo: refused" in said
        assert "configuration rejected by proxies: 0" in said
        assert "ACK ERROR" not in (tmp_path / "s" / "demo" / "control-plane.log").read_text()
        assert demo.ports() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_live_demo_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    async with playing(tmp_path, newest_envoy()) as demo:
        processes = await demo.started()
        assert len(demo.ports()) > PROCESSES
        demo.process.send_signal(number)
        assert await demo.process.wait() == 0, demo.said()
        assert are_gone(processes)
        assert demo.ports() == []
        assert "stopping everything" in demo.said()


async def test_kill_9_leaves_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, newest_envoy()) as demo:
        processes = await demo.started()
        demo.process.kill()
        await demo.process.wait()
        await eventually(lambda: are_gone(processes))
        await eventually(lambda: demo.ports() == [])


async def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, newest_envoy()) as demo:
        await eventually(lambda: "started  workload" in demo.said(), within=30)
        demo.process.send_signal(signal.SIGINT)
        assert await demo.process.wait() == 0, demo.said()
        assert demo.ports() == []


async def test_a_second_demo_says_that_one_is_running(tmp_path: Path) -> None:
    async with playing(tmp_path, newest_envoy()) as first:
        await eventually(lambda: "started  control plane" in first.said(), within=30)
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pilot.cli.main", "demo", "--once", "--dir", str(first.example)),
            env=os.environ | {"MESHPILOT_STATE_DIR": str(tmp_path / "t")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await second.communicate()
        assert second.returncode == 1
        assert (
            said.decode()
            == f"control plane on {first.networks[0].address(1)} is there already: another demo is running\n"
        )
        assert first.process.returncode is None
