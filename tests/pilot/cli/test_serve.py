"""`meshpilot serve`: the same control plane, on loopback unless told otherwise."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pilot import app
from pilot.cli.serve import serve
from pilot.settings import Addresses, Settings


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    found: list[Settings] = []
    monkeypatch.setattr(app, "run", found.append)
    return found


def test_it_listens_on_loopback_alone(seen: list[Settings], tmp_path: Path) -> None:
    assert CliRunner().invoke(serve, [str(tmp_path)]).exit_code == 0
    ports = (8080, 15017, 15010, 15012, 15014)
    assert seen[0].addresses == Addresses(*(f"127.0.0.1:{port}" for port in ports))
    assert seen[0].config_dir == tmp_path


def test_host_mesh_config_and_state_can_be_said(seen: list[Settings], tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--host", "127.0.0.9", "--mesh-config", "/m", "--state-dir", "/s"]
    assert CliRunner().invoke(serve, arguments).exit_code == 0
    assert seen[0].addresses.secure_grpc == "127.0.0.9:15012"
    assert (seen[0].mesh_config, seen[0].state_dir) == (Path("/m"), Path("/s"))


def test_a_directory_that_is_not_there_is_named(seen: list[Settings], tmp_path: Path) -> None:
    result = CliRunner().invoke(serve, [str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "nowhere" in result.output
    assert seen == []


def test_a_reason_not_to_start_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: Settings) -> None:
        raise app.StartError("no")

    monkeypatch.setattr(app, "run", refuse)
    result = CliRunner().invoke(serve, [str(tmp_path)])
    assert (result.exit_code, result.output) == (1, "Error: no\n")
