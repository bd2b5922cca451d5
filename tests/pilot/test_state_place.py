"""Where state goes when it may not go where it should."""

import os
from pathlib import Path

import pytest

from ca.errors import StateError
from pilot.state_place import usable


def unusable(directory: Path) -> Path:
    """A place that nobody can make a directory of, not even root."""
    file = directory / "file"
    file.write_text("")
    return file / "state"


def test_what_is_wanted_is_taken(tmp_path: Path) -> None:
    with usable(tmp_path / "a" / "b", in_cluster=True) as found:
        assert found == tmp_path / "a" / "b"
    assert found.is_dir()


def test_in_a_cluster_another_one_is_taken_and_removed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with usable(unusable(tmp_path), in_cluster=True, elsewhere=(tmp_path / "none", elsewhere)) as found:
        assert found.parent == elsewhere
        assert found.stat().st_mode & 0o777 == 0o700
        (found / "kept").write_text("")
    assert list(elsewhere.iterdir()) == []


def test_without_a_cluster_nothing_else_will_do(tmp_path: Path) -> None:
    wanted = unusable(tmp_path)
    with usable(wanted, in_cluster=False) as found:  # who writes there says what is wrong
        assert found == wanted


def test_no_place_at_all_is_an_error_that_says_so(tmp_path: Path) -> None:
    said = pytest.raises(StateError, match="expected a directory that can be written to: Not a directory")
    with said, usable(unusable(tmp_path), in_cluster=True, elsewhere=()):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_to_is_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateError, match="cannot be written to"), usable(tmp_path, in_cluster=True, elsewhere=()):
        pass
