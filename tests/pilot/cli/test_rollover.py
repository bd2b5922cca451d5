"""`meshpilot ca rotate` and `ca status` against a conductor that runs in another thread."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from ca.rollover import conductor as conductors
from ca.rollover.control import SOCKET, ControlSocket
from pilot.cli import rollover
from pilot.cli.certificates import ca
from tests.ca.rollover.conducting import Podium


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductors, "TICK", timedelta(milliseconds=5))
    monkeypatch.setattr(conductors, "SETTLE", timedelta(milliseconds=20))
    monkeypatch.setattr(rollover, "_LOOK", 0.002)


def run(path: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(ca, [*arguments, "--state-dir", str(path)], input=given)
    return result.exit_code, result.output


@contextmanager
def conducted(path: Path, *, somebody_lags: bool = False) -> Iterator[Podium]:
    """A control plane's part of it."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    podiums: list[Podium] = []
    serving: list[asyncio.Task[None]] = []

    async def serve() -> None:
        podium = Podium(path)
        if somebody_lags:
            podium.holds(of_present_root=False)
        podiums.append(podium)
        tasks = [ControlSocket(podium.conductor, path).serve(), podium.conductor.serve()]
        running = asyncio.gather(*tasks)
        while not (path / SOCKET).exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.005)
        ready.set()
        await running

    def live() -> None:
        asyncio.set_event_loop(loop)
        task = loop.create_task(serve())
        serving.append(task)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(20)
    try:
        yield podiums[0]
    finally:
        loop.call_soon_threadsafe(serving[0].cancel)
        thread.join(20)


def test_root_is_changed_and_the_progress_is_told(tmp_path: Path) -> None:
    with conducted(tmp_path):
        before = (tmp_path / "root-cert.pem").read_text()
        code, said = run(tmp_path, "rotate", "--key", "p256")
        assert code == 0, said
        assert said.index("adding") < said.index("renewing") < said.index("dropping") < said.index("finished")
        assert (tmp_path / "root-cert.pem").read_text() != before
        code, said = run(tmp_path, "rotate", "--rollback")
        assert (code, (tmp_path / "root-cert.pem").read_text()) == (0, before)


def test_dry_run_changes_nothing(tmp_path: Path) -> None:
    with conducted(tmp_path, somebody_lags=True):
        code, said = run(tmp_path, "rotate", "--dry-run")
        assert code == 0
        assert "it would wait for 1 workloads" in said
        assert "in 24.0 h" in said or "in 0.0 h" in said  # the clock of the conductor stands
        assert "no change of root is known" in run(tmp_path, "status")[1]


def test_who_lags_is_named_and_cut_off_only_when_that_is_confirmed(tmp_path: Path) -> None:
    with conducted(tmp_path, somebody_lags=True):
        assert run(tmp_path, "rotate", "--no-wait")[0] == 0
        code, said = run(tmp_path, "status")
        assert code == 0
        assert "spiffe://cluster.local/ns/demo/sa/app (web-1.demo): does not trust the new root yet" in said
        assert json.loads(run(tmp_path, "status", "--json")[1])["lagging"] == 1
        assert run(tmp_path, "rotate", "--advance", given="n\n")[0] == 1
        assert json.loads(run(tmp_path, "status", "--json")[1])["stage"] == "adding"
        assert run(tmp_path, "rotate", "--advance", "--yes", "--no-wait")[0] == 0
        assert json.loads(run(tmp_path, "status", "--json")[1])["stage"] == "renewing"


def test_pause_resume_and_steps(tmp_path: Path) -> None:
    with conducted(tmp_path):
        code, said = run(tmp_path, "rotate", "--step")
        assert (code, "renewing (paused)" in said) == (0, True)
        code, said = run(tmp_path, "rotate")
        assert "renewing (paused)" in said  # it shows the one that is under way
        assert "dropping (paused)" in run(tmp_path, "rotate", "--resume")[1]
        assert "finished" in run(tmp_path, "rotate", "--resume")[1]
        code, said = run(tmp_path, "rotate", "--pause")
        assert (code, "nothing to pause" in said) == (1, True)
        assert run(tmp_path, "rotate", "--forget")[0] == 0
        assert not (tmp_path / "ca-rollover.json").exists()


def test_without_a_control_plane_the_last_known_stage_is_told(tmp_path: Path) -> None:
    code, said = run(tmp_path, "status")
    assert (code, "no control plane runs" in said, "is: none" in said) == (1, True, True)
    with conducted(tmp_path, somebody_lags=True):
        run(tmp_path, "rotate", "--no-wait")
    code, said = run(tmp_path, "status")
    assert (code, "is: adding, since" in said) == (1, True)
    code, said = run(tmp_path, "rotate")
    assert (code, "no control plane runs" in said) == (1, True)
