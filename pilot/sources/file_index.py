"""Which objects a directory of files declares.

In: the new documents of files that changed. Out: events, and the problems that stand. Of two documents for one object
the first counts (files by path, then by place). A document that is broken leaves the last good version of its object in
place. Does no I/O and has no clock: the same files in the same order give the same answer.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pilot.model.objects import Event, Object, ObjectKey
from pilot.model.problem import Problem, Severity
from pilot.sources.file_objects import Document, Entry, keys_of

Mention = tuple[int, Entry]
"""Line in the file, and what stands there."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file holds; with a `fault` it could not be read, and what it held before stays."""

    documents: tuple[Document, ...] = ()
    fault: str = ""

    def entries(self) -> Iterator[Mention]:
        """Everything in it, in order."""
        for document in self.documents:
            for entry in document.entries:
                yield document.line + entry.line - 1, entry


class FileIndex:
    """The objects of a directory, file by file. `live` is what is served."""

    def __init__(self) -> None:
        self.live: dict[ObjectKey, Object] = {}
        self._stand_ins: set[ObjectKey] = set()
        """Live objects that only stand in for one that was never good."""
        self._origins: dict[ObjectKey, str] = {}
        """The file that each live object came from."""
        self._contents: dict[str, FileContent] = {}
        self._mentions: dict[str, Mapping[ObjectKey, tuple[Mention, ...]]] = {}
        self._files: defaultdict[ObjectKey, set[str]] = defaultdict(set)
        self._file_problems: dict[str, tuple[Problem, ...]] = {}
        self._duplicates: dict[ObjectKey, tuple[Problem, ...]] = {}
        self._unknown: dict[str, dict[str, int]] = {}
        self._reported: dict[str, Problem] = {}

    def documents(self, file: str) -> tuple[Document, ...]:
        """What a file holds, as far as it is known."""
        content = self._contents.get(file)
        return content.documents if content else ()

    def loses(self, file: str, content: FileContent | None) -> bool:
        """Whether it would take away an object or break a document: perhaps the file is only half written."""
        if content is None:
            return bool(self._mentions.get(file))
        new = keys_of(content.documents)
        old = self._mentions.get(file, {})
        broken = any(_is_broken(entry) for _, entry in content.entries())
        return bool(content.fault) or broken or any(key not in new for key in old)

    def apply(self, changes: Mapping[str, FileContent | None]) -> tuple[Event, ...]:
        """Takes new contents of files (None: the file is gone). The events are in order of files."""
        affected: dict[ObjectKey, None] = {}
        for file in sorted(changes):
            content = changes[file]
            affected |= dict.fromkeys(self._mentions.get(file, {}))
            self._forget(file)
            if content is not None:
                self._remember(file, content)
            affected |= dict.fromkeys(self._mentions.get(file, {}))
        events = [event for key in affected for event in self._settle(key)]
        for file in changes:
            self._note_problems(file)
        for kind in list(self._unknown):
            self._note_unknown(kind)
        return tuple(events)

    def place(self, key: ObjectKey) -> tuple[str, int] | None:
        """File and line of the document that counts; None where there is none."""
        file = self._origins.get(key, "")
        found = self._mentions.get(file, {}).get(key)
        return (file, found[0][0]) if found else None

    def problems(self) -> tuple[Problem, ...]:
        """All that stand, in order of files."""
        found = [problem for problems in self._file_problems.values() for problem in problems]
        found += [problem for problems in self._duplicates.values() for problem in problems]
        found += self._reported.values()
        return tuple(sorted(found, key=lambda problem: (problem.file, problem.line)))

    def _forget(self, file: str) -> None:
        for key in self._mentions.pop(file, {}):
            self._files[key].discard(file)
            if not self._files[key]:
                del self._files[key]
        for places in self._unknown.values():
            places.pop(file, None)

    def _remember(self, file: str, content: FileContent) -> None:
        before = self._contents.get(file)
        if content.fault and before is not None:
            content = replace(before, fault=content.fault)
        if before is not None:
            content = _adopt(before, content, self._files)
        self._contents[file] = content
        self._mentions[file] = mentions = keys_of(content.documents)
        for key in mentions:
            self._files[key].add(file)
        for line, entry in content.entries():
            if entry.unknown_kind:
                self._unknown.setdefault(entry.unknown_kind, {}).setdefault(file, line)

    def _settle(self, key: ObjectKey) -> Iterable[Event]:
        """Decides which mention of an object counts."""
        mentions = self._mentions_of(key)
        self._note_duplicates(key, mentions)
        old = self.live.get(key)
        if not mentions:
            self.live.pop(key, None)
            self._origins.pop(key, None)
            self._stand_ins.discard(key)
            return () if old is None else (Event(key, None),)
        origin, _, owner = mentions[0]
        good = None if key in self._stand_ins else old
        if owner.object is None and (good is None or self._origins.get(key) != origin):
            # the first one was never good: the next best that is
            origin, _, owner = next((each for each in mentions if each[2].object is not None), mentions[0])
        new = owner.object or good or owner.fallback or old
        if new is None:
            return ()
        if owner.object is None and good is None:
            self._stand_ins.add(key)
        else:
            self._stand_ins.discard(key)
        self._origins[key] = origin
        if new is old or new == old:  # an edit that changes nothing keeps the identity of what was there
            return ()
        self.live[key] = new
        return (Event(key, new),)

    def _mentions_of(self, key: ObjectKey) -> list[tuple[str, int, Entry]]:
        """In the order in which they count; what was only guessed to be this object never stands against what is."""
        found = [
            (file, line, entry)
            for file in sorted(self._files.get(key, ()))
            for line, entry in self._mentions[file][key]
        ]
        return [each for each in found if not each[2].guessed] or found

    def _note_duplicates(self, key: ObjectKey, mentions: list[tuple[str, int, Entry]]) -> None:
        self._duplicates.pop(key, None)
        if len(mentions) > 1:
            file, line, _ = mentions[0]
            message = f"given twice: the one at {file}:{line} counts, this one is ignored"
            self._duplicates[key] = tuple(Problem(message, key, at, number) for at, number, _ in mentions[1:])

    def _note_problems(self, file: str) -> None:
        content = self._contents.get(file) if file in self._mentions else None
        if content is None:
            self._contents.pop(file, None)
            self._file_problems.pop(file, None)
        else:
            self._file_problems[file] = tuple(self._problems_of(file, content))

    def _note_unknown(self, kind: str) -> None:
        """Once for each kind, at the first place where it was seen."""
        places = self._unknown[kind]
        if not places:
            del self._unknown[kind]
            self._reported.pop(kind, None)
        elif kind not in self._reported:
            file = min(places)
            message = f"unknown kind {kind}: ignored"
            self._reported[kind] = Problem(message, None, file, places[file], severity=Severity.WARNING)

    def _problems_of(self, file: str, content: FileContent) -> Iterator[Problem]:
        if content.fault:
            stays = "; what it held before stays" if content.documents else ""
            yield Problem(content.fault + stays, None, file)
        for start, entry in content.entries():
            consequence = self._consequence(entry)
            for fault in entry.faults:
                line = start - entry.line + fault.line
                more = consequence if fault.severity is Severity.ERROR else ""
                yield Problem(fault.message + more, entry.key, file, line, fault.field, fault.severity)

    def _consequence(self, entry: Entry) -> str:
        """What becomes of an object whose document is broken."""
        if entry.object is not None or entry.key not in self.live:
            return ""
        if entry.key in self._stand_ins:
            return "; until it is right it refuses everything it could refuse"
        return "; its last good version stays"


def _is_broken(entry: Entry) -> bool:
    return entry.object is None and not entry.unknown_kind


def _adopt(before: FileContent, after: FileContent, elsewhere: Container[ObjectKey]) -> FileContent:
    """Finds out which objects the unreadable documents of a file were: by their place, else by what is missing.

    `elsewhere`: objects that other files have; these did not vanish.
    """
    strays = [index for index, (_, entry) in enumerate(after.entries()) if _is_broken(entry) and entry.key is None]
    if not strays:
        return after
    present = {entry.key for _, entry in after.entries()}
    was = [entry.key for _, entry in before.entries()]
    missing = [key for key in was if key is not None and key not in present and key not in elsewhere]
    adopted: dict[int, ObjectKey] = {}
    for index in strays:
        at_place = was[index] if index < len(was) else None
        if at_place is not None and at_place in missing:
            adopted[index] = at_place
            missing.remove(at_place)
    for index in strays:
        if index not in adopted and missing:
            adopted[index] = missing.pop(0)
    return replace(after, documents=tuple(_with_keys(after.documents, adopted)))


def _with_keys(documents: Iterable[Document], adopted: Mapping[int, ObjectKey]) -> Iterator[Document]:
    index = 0
    for document in documents:
        entries = []
        for entry in document.entries:
            entries.append(replace(entry, key=adopted[index], guessed=True) if index in adopted else entry)
            index += 1
        yield replace(document, entries=tuple(entries))
