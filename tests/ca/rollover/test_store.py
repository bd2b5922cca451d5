"""What is on the disk after a death at any moment of a change of root."""

from datetime import timedelta
from pathlib import Path

import pytest

from ca import self_signed
from ca.bundle import Bundle
from ca.errors import RolloverError, StateError
from ca.rollover import stages, store
from ca.rollover.stages import Action, Rollover, Stage
from ca.rollover.store import FILE, DirectoryRolloverStore
from ca.state_directory import StateDirectory
from tests.ca.makers import NOON, ec_key, make_root, rsa_key

LATER = NOON + timedelta(minutes=5)


class Dying(StateDirectory):
    """Dies before its write of that number."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path)
        self.writes = writes

    def write(self, name: str, content: bytes, mode: int = 0o600) -> None:
        if self.writes == 0:
            raise StateError("killed")
        self.writes -= 1
        super().write(name, content, mode)


def own_root(path: Path) -> Bundle:
    return self_signed.load_or_create(
        StateDirectory(path), "cluster.local", now=NOON, new_serial=lambda: 5, rsa_bits=2048
    )


def restarted(path: Path) -> tuple[Rollover | None, Bundle]:
    """What the next process finds."""
    return store.recover(StateDirectory(path)), own_root(path)


PATHS = [
    [Action.ADVANCE, Action.ADVANCE, Action.ADVANCE],
    [Action.ROLL_BACK],
    [Action.ADVANCE, Action.ROLL_BACK, Action.ADVANCE, Action.ADVANCE],
    [Action.ADVANCE, Action.ADVANCE, Action.ROLL_BACK, Action.ADVANCE],
]


@pytest.mark.parametrize("actions", PATHS, ids="-".join)
@pytest.mark.parametrize("writes", range(5))
def test_death_before_any_write_leaves_one_stage_or_the_next_and_a_root_that_loads(
    tmp_path: Path, actions: list[Action], writes: int
) -> None:
    root = own_root(tmp_path)
    found: Rollover | None = None
    after = stages.begin(root, make_root(ec_key(5)), now=LATER)
    for action in (None, *actions):
        before, state = found, Dying(tmp_path, writes)
        if action is not None:
            assert before is not None
            after = stages.act(before, action, now=LATER)
        dying = DirectoryRolloverStore(state)
        try:
            dying.save(after)
            dying.bring_in_line(after)
        except StateError:
            pass
        found, loaded = restarted(tmp_path)
        assert found in (before, after)
        if found is not None:
            assert (loaded.roots, loaded.certificate) == _meant(found)
        else:
            assert (loaded.roots, loaded.certificate) == (root.roots, root.certificate)
        if found != after:
            DirectoryRolloverStore(StateDirectory(tmp_path)).save(after)
            found, loaded = restarted(tmp_path)
        assert found == after
        assert (loaded.roots, loaded.certificate) == _meant(after)


def _meant(rollover: Rollover) -> tuple[str, object]:
    bundle = stages.bundle_of(rollover, now=LATER)
    return bundle.roots, bundle.certificate


def test_root_that_was_renewed_after_the_change_is_let_be(tmp_path: Path) -> None:
    root, kept = own_root(tmp_path), DirectoryRolloverStore(StateDirectory(tmp_path))
    found = stages.begin(root, make_root(ec_key(5)), now=LATER)
    while not found.is_over:
        found = stages.act(found, Action.ADVANCE, now=LATER)
        kept.save(found)
        kept.bring_in_line(found)
    renewed = make_root(rsa_key(3)).roots.encode()
    for name in (self_signed.CA_CERTIFICATE, self_signed.ROOT_CERTIFICATES):
        (tmp_path / name).write_bytes(renewed)
    assert store.recover(StateDirectory(tmp_path)) == found
    assert (tmp_path / self_signed.CA_CERTIFICATE).read_bytes() == renewed


def test_nothing_is_done_where_no_root_was_changed(tmp_path: Path) -> None:
    assert store.recover(StateDirectory(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_file_is_private_and_refused_where_it_is_not(tmp_path: Path) -> None:
    kept = DirectoryRolloverStore(StateDirectory(tmp_path))
    kept.save(stages.begin(make_root(rsa_key()), make_root(ec_key(5)), now=LATER))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(StateError, match="mode 0600"):
        kept.load()


def test_broken_file_is_named_and_stays(tmp_path: Path) -> None:
    own_root(tmp_path)
    (tmp_path / FILE).write_bytes(b"{")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(RolloverError, match=FILE):
        store.recover(StateDirectory(tmp_path))
    assert (tmp_path / FILE).read_bytes() == b"{"


def test_forgotten_change_is_gone_with_its_keys(tmp_path: Path) -> None:
    kept = DirectoryRolloverStore(StateDirectory(tmp_path))
    kept.save(stages.begin(make_root(rsa_key()), make_root(ec_key(5)), now=LATER))
    kept.forget()
    kept.forget()
    assert kept.load() is None
    assert not (tmp_path / FILE).exists()


def test_withdrawn_change_that_died_midway_is_finished(tmp_path: Path) -> None:
    root = own_root(tmp_path)
    kept = DirectoryRolloverStore(StateDirectory(tmp_path))
    adding = stages.begin(root, make_root(ec_key(5)), now=LATER)
    kept.save(adding)
    kept.bring_in_line(adding)
    kept.save(stages.act(adding, Action.ROLL_BACK, now=LATER))  # and dies
    found, loaded = restarted(tmp_path)
    assert found is not None
    assert found.stage is Stage.WITHDRAWN
    assert loaded.roots == root.roots
