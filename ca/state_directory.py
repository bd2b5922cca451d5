"""The directory of what must outlive a restart: keys, certificates. Private, and never half-written.

Every write goes to a temporary file that is flushed to the disk and then renamed: a reader, or a process that starts
after kill -9, a full disk or a power failure, finds the old content or the new one. Creation of something that must
exist once (a root, an issuer's key) happens under `lock()`, so that a server and a command line which start together
agree on one. Comes in: file names and bytes. Does not know what they mean.

Source: ARCHITECTURE.md (what must outlive a restart).
"""

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ca.errors import StateError

PRIVATE_DIRECTORY, PRIVATE_FILE, PUBLIC_FILE = 0o700, 0o600, 0o644
_OTHERS = 0o007
"""Group bits pass: Kubernetes sets them on the files of a volume that has an fsGroup."""
_LOCK = ".lock"
_TEMPORARY = ".tmp-"
_ABANDONED_SECONDS = 3600
"""A write takes milliseconds; a temporary file that is an hour old (an arbitrary figure) has lost its writer."""


class StateDirectory:
    """Made with mode 0700 when it is first written to; one that exists is taken as it is (its owner chose its mode)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is no such file. Raises: StateError."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self.path / name}: cannot be read: {error.strerror}") from error

    def read_private(self, name: str) -> bytes | None:
        """As `read`, but refuses a key that everybody may read.

        Raises: StateError.
        """
        content = self.read(name)
        if content is not None:
            mode = stat.S_IMODE((self.path / name).stat().st_mode)
            if mode & _OTHERS:
                raise StateError(f"{self.path / name}: expected a private key of mode 0600, got {mode:04o}")
        return content

    def write(self, name: str, content: bytes, mode: int = PRIVATE_FILE) -> None:
        """Replaces the content as a whole. When it returns, the content is on the disk.

        Raises: StateError; then the old content is still there.
        """
        self._make()
        try:
            self._replace(name, content, mode)
        except OSError as error:
            raise StateError(f"{self.path / name}: cannot be written: {error.strerror}") from error

    def open_journal(self, name: str) -> int:
        """A descriptor that appends; what was written to it survives the death of the process. Raises: StateError."""
        self._make()
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            return os.open(self.path / name, flags, PRIVATE_FILE)
        except OSError as error:
            raise StateError(f"{self.path / name}: cannot be written: {error.strerror}") from error

    def remove(self, name: str) -> None:
        """Removes a file; one that is not there is no error. Raises: StateError."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"{self.path / name}: cannot be removed: {error.strerror}") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one process is inside. The system lets go of the lock when its holder dies, however it dies.

        Raises: StateError.
        """
        self._make()
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise StateError(f"{self.path / _LOCK}: cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._sweep()
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        try:
            self.path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"{self.path}: expected a directory: {error.strerror}") from error

    def _replace(self, name: str, content: bytes, mode: int) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=f"{_TEMPORARY}{name}-", dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self.path / name)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        self._flush_names()

    def _flush_names(self) -> None:
        """A rename is on the disk only when the directory is."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Removes what processes left that died while writing."""
        for left in self.path.glob(f"{_TEMPORARY}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()
