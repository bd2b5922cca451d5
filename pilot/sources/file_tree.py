"""Finds and reads the files of a configuration directory.

In: a directory. Out: which files are there with a signature of their state, and their text. Hidden files and what
editors leave behind are not there; symbolic links are followed (a mounted ConfigMap is made of them). Limits what is
read.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE_BYTES = 64 * 1024 * 1024
"""Arbitrary: far more than anybody edits, far less than memory."""
MAX_FILES = 200_000
"""Arbitrary."""

Signature = tuple[int, int, int, int]
"""Device, inode, size, time of change in ns: differs whenever the content does, but for edits within one tick."""


class UnreadableFile(Exception):  # noqa: N818 - says what is the matter
    """A file that is there, and why it cannot be read."""


@dataclass(slots=True)
class Listing:
    """Files by path below the directory, with `/`; `unreadable`: directories, with the reason."""

    files: dict[str, Signature] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def list_files(root: str) -> Listing:
    """Every configuration file below `root`.

    Raises: OSError where `root` itself cannot be listed.
    """
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    os.listdir(root)  # a root that is gone must not look like an empty one
    for directory, name in _walk(root, listing):
        path = os.path.join(root, directory, name)
        try:
            status = os.stat(path)
        except FileNotFoundError:  # gone since, or a link to nothing
            continue
        except OSError as error:
            listing.unreadable[f"{directory}{name}"] = _reason(error)
            continue
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and identity not in seen:  # one file by two links is one file
            seen.add(identity)
            listing.files[f"{directory}{name}"] = _signature(status)
        if len(listing.files) == MAX_FILES:
            listing.unreadable[""] = f"more than {MAX_FILES} files: the rest is not read"
            break
    return listing


def _walk(root: str, listing: Listing) -> Iterator[tuple[str, str]]:
    """Directory (empty, or with a trailing `/`) and name of candidates, in order of paths within a directory."""
    visited: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            status = os.stat(os.path.join(root, directory))
            if (status.st_dev, status.st_ino) in visited:  # links may go in circles
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(os.path.join(root, directory)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            listing.unreadable[directory] = _reason(error)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_directory(entry):
                pending.append(f"{directory}{entry.name}/")
            elif entry.name.lower().endswith(SUFFIXES):
                yield directory, entry.name


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def read_text(path: str) -> tuple[str, Signature]:
    """Text of a file, and the signature of what was read.

    Raises: UnreadableFile; FileNotFoundError where it is gone.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableFile(_reason(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableFile(f"larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
    try:
        return data.decode("utf-8-sig"), _signature(status)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(f"line {line}: expected UTF-8 text, got the byte 0x{data[error.start]:02x}") from error


def is_json(path: str) -> bool:
    """Whether a file is read as JSON."""
    return PurePath(path).suffix.lower() == ".json"


def _signature(status: os.stat_result) -> Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or str(error)).lower()}"
