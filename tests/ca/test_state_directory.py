import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ca.errors import StateError
from ca.state_directory import PUBLIC_FILE, StateDirectory
from tests.shared import ROOT


def mode_of(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_directory_and_keys_are_private(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "a" / "b")
    state.write("key.pem", b"key")
    state.write("cert.pem", b"cert", PUBLIC_FILE)
    assert [mode_of(state.path), mode_of(state.path / "key.pem"), mode_of(state.path / "cert.pem")] == [
        "700",
        "600",
        "644",
    ]


def test_missing_file_is_none(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path / "nothing").read("key.pem") is None


def test_directory_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").mkdir()
    with pytest.raises(StateError, match=r"key\.pem: cannot be read"):
        StateDirectory(tmp_path).read("key.pem")


def test_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.write("key.pem", b"key", 0o604)
    with pytest.raises(StateError, match="expected a private key of mode 0600, got 0604"):
        state.read_private("key.pem")
    assert state.read("key.pem") == b"key"


def test_key_with_group_bits_of_a_volume_is_taken(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.write("key.pem", b"key", 0o660)
    assert state.read_private("key.pem") == b"key"


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    state = StateDirectory(tmp_path)
    state.write("key.pem", b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(StateError, match="cannot be written: No space left on device"):
        state.write("key.pem", b"new")
    assert state.read("key.pem") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="expected a directory"):
        StateDirectory(tmp_path / "file" / "state").write("key.pem", b"")


def test_only_one_is_inside_the_lock(tmp_path: Path) -> None:
    state, inside, seen = StateDirectory(tmp_path), threading.Event(), []

    def second() -> None:
        with state.lock():
            seen.append(inside.is_set())

    with state.lock():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        inside.set()
    thread.join(10)
    assert seen == [True]


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\nfrom ca.state_directory import StateDirectory\n"
        "with StateDirectory(pathlib.Path(sys.argv[1])).lock(): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    with StateDirectory(tmp_path).lock():
        pass


def test_what_a_dead_writer_left_is_swept_after_an_hour(tmp_path: Path) -> None:
    old, young = tmp_path / ".tmp-key.pem-1", tmp_path / ".tmp-key.pem-2"
    for each in (old, young):
        each.write_text("half")
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    with StateDirectory(tmp_path).lock():
        assert not old.exists()
        assert young.exists()
