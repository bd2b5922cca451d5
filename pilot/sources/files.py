"""The file source: a directory of YAML and JSON, read once and then watched.

In: a directory. Out: batches of events, the first with everything there is. An edit is live within a second; a file
caught half written is read again before anything is said about it; a directory that disappears takes nothing away.
Decoding happens in a thread: the event loop stays free.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from pilot.model.problem import Problem
from pilot.sources.changes import POLL_SECONDS, watch_changes
from pilot.sources.events import Batch
from pilot.sources.file_index import FileContent, FileIndex
from pilot.sources.file_objects import decode_file
from pilot.sources.file_tree import Listing, Signature, UnreadableFile, is_json, list_files, read_text

SETTLE_SECONDS = 0.15
"""Arbitrary: longer than an editor takes between truncating and writing, short beside the second that is promised."""
SETTLE_ROUNDS = 4

Changes = Mapping[str, FileContent | None]
"""New contents by path below the directory; None: the file is gone."""


class ConfigDirectory:
    """A configuration directory as it was last read. Blocking, for one thread at a time; no watching."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._index = FileIndex()
        self._signatures: dict[str, Signature | None] = {}
        self._read: dict[str, Signature | None] = {}
        self._unreadable: dict[str, str] = {}
        self._said: frozenset[tuple[object, ...]] = frozenset()
        self.listed = False

    def read(self, touched: frozenset[str] = frozenset()) -> Changes:
        """What differs from what was applied last. `touched`: files that changed even if they do not look so.

        Raises: OSError before the first batch, if the directory cannot be listed.
        """
        try:
            listing = list_files(self.root)
        except OSError as error:
            if not self.listed:
                raise
            reason = (error.strerror or str(error)).lower()
            listing = Listing(unreadable={"": f"cannot be read: {reason}; everything stays as it was"})
        self._unreadable = listing.unreadable
        forced = {os.path.relpath(path, self.root) for path in touched}
        changes: dict[str, FileContent | None] = {}
        self._read = {}
        for file, signature in listing.files.items():
            if file in forced or self._signatures.get(file) != signature:
                changes[self._shown(file)] = self._content(file)
        for file in self._signatures:
            if file not in listing.files and not self._hidden(file):
                changes[self._shown(file)] = None
        return changes

    def _content(self, file: str) -> FileContent | None:
        shown = self._shown(file)
        try:
            text, self._read[file] = read_text(shown)
        except FileNotFoundError:
            return None
        except UnreadableFile as error:
            self._read[file] = None  # looked at again next time
            return FileContent(fault=str(error))
        return FileContent(decode_file(text, is_json(file), self._index.documents(shown)))

    def _shown(self, file: str) -> str:
        return os.path.join(self.root, file) if file else self.root

    def _hidden(self, file: str) -> bool:
        """Whether a file may still be there, below a directory that cannot be listed now."""
        return any(file.startswith(directory) for directory in self._unreadable)

    def is_doubtful(self, changes: Changes) -> bool:
        """Whether they take something away or break it: perhaps somebody is still writing."""
        return any(self._index.loses(file, content) for file, content in changes.items())

    def apply(self, changes: Changes) -> Batch:
        """Takes over what `read` returned last."""
        events = self._index.apply(changes)
        for file, content in changes.items():
            if content is None:
                self._signatures.pop(os.path.relpath(file, self.root), None)
        self._signatures |= self._read
        unreadable = tuple(Problem(reason, None, self._shown(file)) for file, reason in self._unreadable.items())
        problems = unreadable + self._index.problems()
        fresh = tuple(problem for problem in problems if _identity(problem) not in self._said)
        self._said = frozenset(map(_identity, problems))
        listed, self.listed = not self.listed, True
        return Batch(events, problems, fresh, listed, self._index.place)


def _identity(problem: Problem) -> tuple[object, ...]:
    """Without the line: an edit above a mistake does not make it a new one."""
    return problem.key, problem.file, problem.field, problem.message


async def watch_files(
    directory: str | os.PathLike[str], *, settle: float = SETTLE_SECONDS, poll: float = POLL_SECONDS
) -> AsyncGenerator[Batch, None]:
    """The directory's objects: first all of them (`listed`), then what changes, until cancelled.

    Raises: OSError where the directory cannot be read at the start.
    """
    tree = ConfigDirectory(os.fspath(directory))
    standing: tuple[Problem, ...] = ()
    async with aclosing(watch_changes(tree.root, poll=poll)) as reports:
        async for touched in reports:
            changes = await _settled(tree, touched, settle)
            batch = await asyncio.to_thread(tree.apply, changes)
            if batch.listed or batch.events or batch.problems != standing:
                standing = batch.problems
                yield batch


async def _settled(tree: ConfigDirectory, touched: frozenset[str], settle: float) -> Changes:
    """What changed, once nobody seems to be in the middle of writing it."""
    changes = await asyncio.to_thread(tree.read, touched)
    for _ in range(SETTLE_ROUNDS):
        if not tree.listed or not tree.is_doubtful(changes):
            break
        await asyncio.sleep(settle)
        again = await asyncio.to_thread(tree.read, touched)
        if again == changes:
            break
        changes = again
    return changes
