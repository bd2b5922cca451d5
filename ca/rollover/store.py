"""Where a change of root is written down: one file in the state directory that says everything, and counts.

Comes in: a `Rollover`. Goes out: the same after a restart, however the process ended. `save` is the moment at which a
stage begins: one rename. The files that everybody else reads (`ca-cert.pem`, `ca-key.pem`, `root-cert.pem`) follow it,
and are brought in line again at the next start if the process died between two of them.

Source: issue "certificate authority", part 5 ("never loses the root").
"""

import msgspec

from ca import self_signed
from ca.errors import RolloverError
from ca.rollover import stages
from ca.rollover.stages import Rollover, Stage
from ca.state_directory import PUBLIC_FILE, StateDirectory

FILE = "ca-rollover.json"


class DirectoryRolloverStore:
    """In a state directory."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    def load(self) -> Rollover | None:
        """What was saved last; None where no root was ever changed. Raises: StateError, RolloverError."""
        content = self._state.read_private(FILE)
        if content is None:
            return None
        try:
            return stages.decode(content)
        except RolloverError as error:
            raise RolloverError(f"{self._state.path / FILE}: {error}") from error

    def save(self, rollover: Rollover) -> None:
        """From now on this is the truth. Raises: StateError; then what was saved before still is."""
        self._state.write(FILE, stages.encode(rollover))

    def bring_in_line(self, rollover: Rollover) -> None:
        """Writes the files that follow from it, where they differ. Raises: StateError; it may be done once more."""
        signing = rollover.signing
        wanted = (
            (self_signed.ROOT_CERTIFICATES, "".join(rollover.trusted).encode(), PUBLIC_FILE),
            (self_signed.CA_KEY, signing.key.encode(), 0o600),
            (self_signed.CA_CERTIFICATE, signing.certificate.encode(), PUBLIC_FILE),
        )
        with self._state.lock():
            for name, content, mode in wanted:
                if self._state.read(name) != content:
                    self._state.write(name, content, mode)

    def forget(self) -> None:
        """Removes it, with the key of the root that is no longer trusted. Raises: StateError."""
        self._state.remove(FILE)


class WaitedFor:
    """The same for a conductor, whose store may lie farther away than a disk."""

    def __init__(self, store: DirectoryRolloverStore) -> None:
        self._store = store

    async def load(self) -> Rollover | None:
        """Raises: StateError, RolloverError."""
        return self._store.load()

    async def save(self, rollover: Rollover) -> None:
        """Raises: StateError."""
        self._store.save(rollover)

    async def bring_in_line(self, rollover: Rollover) -> None:
        """Raises: StateError."""
        self._store.bring_in_line(rollover)

    async def forget(self) -> None:
        """Raises: StateError."""
        self._store.forget()


class FixedRoot:
    """The store of a root that is not ours to change; `why` is what an operator is told who wants it changed."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def load(self) -> None:
        """No change was ever saved."""

    async def save(self, rollover: Rollover) -> None:
        """Raises: RolloverError."""
        raise RolloverError(self._why)

    async def bring_in_line(self, rollover: Rollover) -> None:
        """There is nothing to do."""

    async def forget(self) -> None:
        """There is nothing to forget."""


def recover(state: StateDirectory) -> Rollover | None:
    """At a start, before anybody reads the root: the change that was under way, its files in line with it.

    One that is over is left alone: what signs may have been renewed since. Raises: StateError, RolloverError.
    """
    store = DirectoryRolloverStore(state)
    found = store.load()
    if found is not None and (not found.is_over or _has_died_midway(state, found)):
        store.bring_in_line(found)
    return found


def _has_died_midway(state: StateDirectory, rollover: Rollover) -> bool:
    """Withdrawn, but the roots in the file are those of the stage before. (`finished` changes no file.)"""
    if rollover.stage is not Stage.WITHDRAWN:
        return False
    before = msgspec.structs.replace(rollover, stage=Stage.ADDING)
    return state.read(self_signed.ROOT_CERTIFICATES) == "".join(before.trusted).encode()
