import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pilot.agent import agent as module
from pilot.agent.agent import Agent, serve_agent
from pilot.agent.certificate_authority import Credentials
from pilot.agent.errors import EnvoyError, OptionError
from pilot.agent.options import Address
from pilot.agent.token import BearerToken, FixedToken
from tests.pilot.agent import small_envoy
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options
from tests.pilot.agent.small_admin import SmallAdmin
from tests.pilot.agent.small_ca import SmallCa, pem

CA = SmallCa()


class FakeAuthority:
    """Signs once it may."""

    def __init__(self) -> None:
        self.may_sign = asyncio.Event()
        self.may_sign.set()

    async def sign(self, csr: bytes, _roots_pem: bytes, _credentials: Credentials | None) -> Sequence[str]:
        await self.may_sign.wait()
        return [pem(CA.sign_csr(csr)), CA.pem]


def make(directory: Path, authority: FakeAuthority | None = None, **changes: Any) -> Agent:
    """An agent with a program in Envoy's place."""
    binary = directory / "envoy"
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} {small_envoy.__file__} "$@"\n')
    binary.chmod(0o755)
    (directory / "root-cert.pem").write_text(CA.pem)
    changes = {"envoy": binary, "token": FixedToken(BearerToken("t")), "log_level": "warning"} | changes
    return Agent(options(directory, **changes), authority or FakeAuthority())


@asynccontextmanager
async def running(agent: Agent) -> AsyncIterator["asyncio.Task[int]"]:
    task = asyncio.create_task(agent.serve())
    try:
        async with asyncio.timeout(30):
            yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def contents(directory: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in directory.rglob("*") if each.is_file()}


async def has_started(directory: Path) -> None:
    await eventually((directory / "run" / "up").exists)


def has_ended(caplog: pytest.LogCaptureFixture) -> bool:
    return "envoy has ended" in caplog.text


@pytest.fixture(autouse=True)
def talkative(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


async def test_the_agent_ends_with_the_code_of_an_envoy_that_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(30):
        assert await make(tmp_path, log_level="debug").serve() == 7
    assert "envoy ended by itself with code 7" in caplog.text


async def test_an_envoy_that_is_killed_ends_the_agent_as_a_shell_would_say(tmp_path: Path) -> None:
    agent = make(tmp_path)
    async with running(agent) as task:
        await has_started(tmp_path)
        agent.send(signal.SIGKILL)
        assert await task == 137


async def test_a_stopped_agent_ends_its_envoy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agent = make(tmp_path)
    async with running(agent) as task:
        await has_started(tmp_path)
        agent.stop()
        assert await task == 0
    assert has_ended(caplog)


async def test_a_cancelled_agent_ends_its_envoy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(make(tmp_path)) as task:
        await has_started(tmp_path)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert has_ended(caplog)


async def test_an_envoy_that_does_not_want_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TERMINATION", 0.1)
    agent = make(tmp_path, log_level="info")
    async with running(agent) as task:
        await has_started(tmp_path)
        agent.stop()
        assert await task == 0


async def test_a_bug_in_the_agent_ends_its_envoy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy() -> None:
        raise KeyError("bug")

    agent = make(tmp_path)
    async with running(agent) as task:
        await has_started(tmp_path)
        monkeypatch.setattr(agent, "reload", buggy)
        with pytest.raises(ExceptionGroup) as caught:
            await task
    assert caught.group_contains(KeyError)
    assert has_ended(caplog)


async def test_without_a_certificate_envoy_is_not_started_and_the_agent_can_stop(tmp_path: Path) -> None:
    authority = FakeAuthority()
    authority.may_sign.clear()
    agent = make(tmp_path, authority, status=Address("127.0.0.1", 0))
    async with running(agent) as task:
        status = await eventually(lambda: agent.status)
        async with aiohttp.ClientSession() as session, session.get(f"http://{status}/healthz/ready") as response:
            assert (response.status, await response.text()) == (503, "no certificate yet\n")
        agent.stop()
        assert await task == 0
    assert not (tmp_path / "run" / "up").exists()


async def test_what_is_missing_is_said_step_by_step(tmp_path: Path) -> None:
    agent = make(tmp_path)
    assert await agent.why_not_ready() == "no certificate yet"
    async with running(agent), SmallAdmin() as envoy:
        await has_started(tmp_path)
        assert await agent.why_not_ready() == "envoy has not started"
        envoy.texts.clear()
        envoy.stats["cluster_manager.cds.update_success"] = 0
        (tmp_path / "run" / "admin-address.txt").write_text(str(envoy.address))
        await eventually(lambda: agent.admin)
        assert await agent.why_not_ready() == "no configuration yet: no answer to cds"
        envoy.stats["cluster_manager.cds.update_success"] = 1
        assert (await agent.wait_ready()).address == envoy.address
        agent.stop()
        assert await agent.why_not_ready() == "draining"


async def test_draining_ends_with_the_last_connection(tmp_path: Path) -> None:
    agent = make(tmp_path, drain=timedelta(minutes=1))
    async with running(agent) as task, SmallAdmin() as envoy:
        envoy.texts["/drain_listeners"] = "OK"
        envoy.stats["listener.0.0.0.0_80.downstream_cx_active"] = 1
        await has_started(tmp_path)
        (tmp_path / "run" / "admin-address.txt").write_text(str(envoy.address))
        await eventually(lambda: agent.admin)
        agent.stop()
        await eventually(lambda: sum(each.startswith("GET /stats") for each in envoy.asked) > 2)
        assert not task.done()
        assert envoy.asked[0].startswith("POST /drain_listeners?graceful")
        envoy.stats["listener.0.0.0.0_80.downstream_cx_active"] = 0
        assert await task == 0


async def test_draining_ends_when_its_time_is_up(tmp_path: Path) -> None:
    agent = make(tmp_path, drain=timedelta(seconds=0.2))
    async with running(agent) as task, SmallAdmin() as envoy:
        envoy.texts["/drain_listeners"] = "OK"
        envoy.stats["listener.0.0.0.0_80.downstream_cx_active"] = 1
        await has_started(tmp_path)
        (tmp_path / "run" / "admin-address.txt").write_text(str(envoy.address))
        await eventually(lambda: agent.admin)
        agent.stop()
        assert await task == 0


async def test_a_second_stop_does_not_wait_for_connections(tmp_path: Path) -> None:
    agent = make(tmp_path, drain=timedelta(minutes=1))
    async with running(agent) as task, SmallAdmin() as envoy:
        envoy.texts["/drain_listeners"] = "OK"
        envoy.stats["listener.0.0.0.0_80.downstream_cx_active"] = 1
        await has_started(tmp_path)
        (tmp_path / "run" / "admin-address.txt").write_text(str(envoy.address))
        await eventually(lambda: agent.admin)
        agent.stop()
        await eventually(lambda: envoy.asked)
        agent.stop()
        assert await task == 0


async def test_an_envoy_that_cannot_drain_is_ended_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = make(tmp_path)
    async with running(agent) as task:
        await has_started(tmp_path)
        (tmp_path / "run" / "admin-address.txt").write_text("127.0.0.1:1")
        await eventually(lambda: agent.admin)
        agent.stop()
        assert await task == 0
    assert "draining: admin 127.0.0.1:1/drain_listeners" in caplog.text


async def test_a_second_agent_cannot_take_the_directory(tmp_path: Path) -> None:
    async with running(make(tmp_path)):
        await has_started(tmp_path)
        with pytest.raises(OptionError, match="another agent is using it"):
            await make(tmp_path).serve()


async def test_a_missing_envoy_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(EnvoyError, match="gone: expected a program"):
        await serve_agent(options(tmp_path, envoy=tmp_path / "gone"))
    assert not (tmp_path / "run").exists()


async def test_no_key_is_ever_on_disk(tmp_path: Path) -> None:
    async with running(make(tmp_path)):
        await has_started(tmp_path)
        written = contents(tmp_path)
        assert tmp_path / "run" / "bootstrap.json" in written
        assert [path for path, content in written.items() if b"PRIVATE KEY" in content] == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:15000", Address("127.0.0.1", 15000)),
        ("0.0.0.0:15000", Address("127.0.0.1", 15000)),
        ("[::]:15000", Address("::1", 15000)),
    ],
)
async def test_the_admin_address_is_one_that_can_be_reached(tmp_path: Path, text: str, address: Address) -> None:
    agent = make(tmp_path)
    async with running(agent):
        await has_started(tmp_path)
        (tmp_path / "run" / "admin-address.txt").write_text(text)
        admin = await eventually(lambda: agent.admin)
        assert admin is not None
        assert admin.address == address
