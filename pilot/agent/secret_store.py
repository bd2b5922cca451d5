"""The secrets this agent has, and who is to be told when one changes.

In: secrets from the agent (`default`, `ROOTCA`) and, for `file-cert:` and `file-root:` names that Envoy asks for,
files. Out: the current secrets by name, and a wake-up for each watcher. Nothing is queued: a watcher that wakes late
reads the newest state. Does not know the xDS protocol: see `sds.py`.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

from pilot.agent.errors import SecretError
from pilot.agent.file_watch import Signature, signature
from pilot.agent.secret import Secret, files_of, is_file_secret, read_file_secret
from pilot.agent.watchers import Watchers

logger = logging.getLogger("agent")

LARGEST_NUMBER_OF_FILES = 1000  # arbitrary: each is looked at every second


class SecretStore:
    """Secrets by name. `owner` names the proxy in logs."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._secrets: dict[str, Secret] = {}
        self._files: dict[str, Signature | None] = {}
        self._changes = Watchers()
        self._taken: dict[object, Mapping[str, str]] = {}
        self._taking = Watchers()

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """What there is at this moment, by name."""
        return self._secrets

    def put(self, *secrets: Secret) -> None:
        """Replaces secrets and wakes every watcher, if anything is new."""
        changed = [each for each in secrets if self._secrets.get(each.name) != each]
        self._secrets.update((each.name, each) for each in changed)
        if changed:
            self._changes.wake()
            self._taking.wake()

    def take(self, stream: object, wanted: Iterable[str], versions: Mapping[str, str]) -> None:
        """A stream has acknowledged these versions of what it wants."""
        self._taken[stream] = {name: versions.get(name, "") for name in wanted}
        self._taking.wake()

    def leave(self, stream: object) -> None:
        """A stream has ended."""
        self._taken.pop(stream, None)

    def is_taken(self, name: str) -> bool:
        """Every stream that wants the secret has acknowledged what it is now; true where none wants it."""
        current = self._secrets[name].version if name in self._secrets else ""
        return all(versions[name] == current for versions in self._taken.values() if name in versions)

    def watch_taken(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever a secret changes or is acknowledged; the watcher clears it."""
        return self._taking.watch()

    def watch(self) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever a secret changes; the watcher clears it before it reads."""
        return self._changes.watch()

    def want(self, names: Iterable[str]) -> None:
        """Somebody asks for these: files among them are read now and looked after from now on."""
        for name in names:
            if name in self._files or name in self._secrets:
                continue
            if not is_file_secret(name):
                logger.warning(f"{self._owner}: envoy asks for secret {name}, which this agent does not have (yet)")
            elif len(self._files) >= LARGEST_NUMBER_OF_FILES:
                logger.warning(f"{self._owner}: secret {name} is refused: {len(self._files)} files are watched already")
            else:
                self._files[name] = None
                self._read_file(name)

    def reread_files(self) -> None:
        """Reads again those secrets whose files changed since they were read."""
        for name in tuple(self._files):
            self._read_file(name)

    def _read_file(self, name: str) -> None:
        """A file that is missing or broken is reported once; what was last read from it stays."""
        try:
            found = signature(*files_of(name))
            if found == self._files[name]:
                return
            self._files[name] = found
            self.put(read_file_secret(name))
        except SecretError as error:
            logger.warning(f"{self._owner}: {error}")
