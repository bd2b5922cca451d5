import json
from pathlib import Path

import pytest

from pilot.agent import run_directory
from pilot.agent.errors import OptionError


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    with run_directory.hold(tmp_path / "a" / "run") as held:
        assert held.path.stat().st_mode & 0o777 == 0o700


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with run_directory.hold(tmp_path):
        assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_two_agents_cannot_share_a_directory(tmp_path: Path) -> None:
    with (
        run_directory.hold(tmp_path),
        pytest.raises(OptionError, match="another agent is using it"),
        run_directory.hold(tmp_path),
    ):
        pass


def test_a_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with run_directory.hold(tmp_path):
            pass


def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OptionError, match=r"run directory .*/file/run: Not a directory"),
        run_directory.hold(tmp_path / "file" / "run"),
    ):
        pass


def test_what_was_true_only_while_it_ran_is_removed(tmp_path: Path) -> None:
    with run_directory.hold(tmp_path) as held:
        held.write_json(held.state, {"pid": 1})
        held.write_json(held.bootstrap, {"node": {}})
        held.admin_address.write_text("127.0.0.1:1")
        assert json.loads(held.state.read_text()) == {"pid": 1}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["agent.lock", "bootstrap.json"]
