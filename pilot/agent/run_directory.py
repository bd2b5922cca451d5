"""The directory in which one running agent keeps its files; no two agents share one.

In: a path. Out: the paths of the socket, the bootstrap and the other files in it, with a lock held until the agent
ends, however it ends. Nothing secret is ever written here: keys travel through the socket.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pilot.agent.errors import OptionError


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths in the directory, all absolute."""

    path: Path

    @property
    def sds_socket(self) -> Path:
        """Where Envoy asks for secrets."""
        return self.path / "sds.sock"

    @property
    def bootstrap(self) -> Path:
        """Envoy's bootstrap."""
        return self.path / "bootstrap.json"

    @property
    def admin_address(self) -> Path:
        """Where Envoy writes what its admin endpoint listens on."""
        return self.path / "admin-address.txt"

    @property
    def state(self) -> Path:
        """JSON for other programs: `pid`, `envoy_pid`, `admin` and `status` of the running agent."""
        return self.path / "agent.json"

    def write_json(self, path: Path, content: Mapping[str, object]) -> None:
        """Replaces a file as a whole: a reader never sees half of it."""
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content, indent=1))
        unfinished.replace(path)

    def clear(self) -> None:
        """Removes what is true only while the agent runs; the bootstrap stays, to be looked at."""
        for each in (self.sds_socket, self.admin_address, self.state):
            each.unlink(missing_ok=True)


@contextmanager
def hold(path: Path) -> Iterator[RunDirectory]:
    """Makes the directory (for this user only) where there is none, and locks it.

    Raises: OptionError where it cannot be made, or another agent has it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"run directory {path}: {error.strerror}"
        raise OptionError(message) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"run directory {path}: another agent is using it"
            raise OptionError(message) from error
        directory = RunDirectory(path.resolve())
        directory.clear()
        try:
            yield directory
        finally:
            directory.clear()
    finally:
        os.close(lock)
