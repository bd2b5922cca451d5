import asyncio
from pathlib import Path

import pytest

from pilot.agent import secret_store
from pilot.agent.secret import Secret
from pilot.agent.secret_store import SecretStore
from tests.pilot.agent.small_ca import SmallCa

ONE, TWO = Secret("default", "1", b"one"), Secret("default", "2", b"two")


def write_roots(path: Path) -> None:
    path.write_text(SmallCa().pem)


async def test_a_watcher_is_woken_by_a_change() -> None:
    store = SecretStore("p")
    with store.watch() as changed:
        store.put(ONE)
        async with asyncio.timeout(1):
            await changed.wait()
    assert store.secrets == {"default": ONE}


async def test_nothing_new_wakes_nobody() -> None:
    store = SecretStore("p")
    store.put(ONE)
    with store.watch() as changed:
        store.put(ONE)
        assert not changed.is_set()
        store.put(TWO)
        assert changed.is_set()


async def test_a_watcher_that_left_is_forgotten() -> None:
    store = SecretStore("p")
    with store.watch() as changed:
        pass
    store.put(ONE)
    assert not changed.is_set()


async def test_a_wanted_file_is_read_and_followed(tmp_path: Path) -> None:
    store, name = SecretStore("p"), f"file-root:{tmp_path}/ca.pem"
    write_roots(tmp_path / "ca.pem")
    store.want([name])
    first = store.secrets[name]
    with store.watch() as changed:
        store.reread_files()
        assert not changed.is_set()
        write_roots(tmp_path / "ca.pem")
        store.reread_files()
        assert changed.is_set()
    assert store.secrets[name].version != first.version


async def test_a_file_that_appears_later_is_served_then(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, name = SecretStore("reviews.default"), f"file-root:{tmp_path}/ca.pem"
    store.want([name])
    store.want([name])
    store.reread_files()
    assert name not in store.secrets
    assert [each.message for each in caplog.records] == [
        f"reviews.default: secret {name}: {tmp_path}/ca.pem: No such file or directory"
    ]
    write_roots(tmp_path / "ca.pem")
    store.reread_files()
    assert name in store.secrets


async def test_a_file_that_breaks_keeps_what_was_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, name = SecretStore("p"), f"file-root:{tmp_path}/ca.pem"
    write_roots(tmp_path / "ca.pem")
    store.want([name])
    good = store.secrets[name]
    (tmp_path / "ca.pem").write_text("half a certi")
    store.reread_files()
    store.reread_files()
    assert store.secrets[name] == good
    assert len(caplog.records) == 1


async def test_a_secret_that_nobody_has_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    SecretStore("p").want(["kubernetes://web"])
    assert "kubernetes://web, which this agent does not have" in caplog.text


async def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(secret_store, "LARGEST_NUMBER_OF_FILES", 1)
    SecretStore("p").want(["file-root:/no/1", "file-root:/no/2"])
    assert "secret file-root:/no/2 is refused: 1 files are watched already" in caplog.text
