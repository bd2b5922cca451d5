"""Whether a file is still the one that was read.

In: a path. Out: its signature, to be compared with an earlier one. A look a second at the few files of an agent costs
less than a watcher's thread, and follows the renamed directories behind which Kubernetes swaps projected files.
"""

from pathlib import Path

Signature = tuple[tuple[int, int, int] | None, ...]
"""For one file or several: (inode, size, time of last change in ns), None where there is no such file."""

INTERVAL = 1.0  # seconds between two looks


def signature(*paths: Path) -> Signature:
    """The signature of files, in their order. Never raises: a file that cannot be looked at is None."""
    return tuple(map(_of_one, paths))


def _of_one(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
