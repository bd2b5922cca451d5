"""The objects in the text of one file.

In: text (YAML or JSON) and what the file held before. Out: its documents in order, each with its objects, their lines
and faults. A document whose text did not change is not decoded again, and its objects stay the same objects.
Does no I/O.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from pilot.model.decoding import path_text
from pilot.model.objects import Object, ObjectKey
from pilot.model.problem import Severity
from pilot.sources.decode import DEFAULT_NAMESPACE, Decoded, decode_document
from pilot.sources.kinds import KINDS, split_api_version
from pilot.sources.yaml_text import BrokenText, Chunk, first_line, lines_of, parse_yaml, split_documents

MAX_DOCUMENTS = 100_000
"""Arbitrary: documents of one file."""


@dataclass(frozen=True, slots=True)
class LineFault:
    """A fault and the line it is on, from 1 in the document."""

    line: int
    field: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as a document gives it; `line` counts from 1 in the document."""

    key: ObjectKey | None
    """None where the document does not say which object it is."""
    object: Object | None
    """None where it cannot be used."""
    line: int = 1
    faults: tuple[LineFault, ...] = ()
    unknown_kind: str = ""
    fallback: Object | None = None
    """What is safer than nothing where there is no object."""
    guessed: bool = False
    """The key was concluded from what the file held before."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document; `line` is that of its first line in the file."""

    digest: bytes
    line: int
    entries: tuple[Entry, ...]


def decode_file(text: str, is_json: bool, before: tuple[Document, ...] = ()) -> tuple[Document, ...]:
    """The documents of a file. `before`: those of the file's last version."""
    known = {document.digest: document.entries for document in before}
    documents = []
    for count, chunk in enumerate(_json_chunks(text) if is_json else split_documents(text)):
        if count == MAX_DOCUMENTS:
            fault = LineFault(1, "", f"more than {MAX_DOCUMENTS} documents in a file: the rest is not read")
            documents.append(Document(b"", chunk.line, (Entry(None, None, 1, (fault,)),)))
            break
        digest = blake2b(chunk.text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        entries = known.get(digest)
        if entries is None:
            entries = _decode_json(chunk.text) if is_json else _decode_yaml(chunk.text)
        documents.append(Document(digest, chunk.line, entries))
    return tuple(documents)


def _decode_yaml(text: str) -> tuple[Entry, ...]:
    try:
        parsed = parse_yaml(text)
    except BrokenText as broken:
        fault = LineFault(broken.line, "", f"broken YAML: {broken.reason}")
        return (Entry(_readable_key(text), None, first_line(text), (fault,)),)
    entries = _located(text, tuple(decode_document(parsed.value)))
    repeated = tuple(
        LineFault(line, path_text(path), "key given twice, the last one counts", Severity.WARNING)
        for line, path in parsed.repeated
    )
    if repeated and entries:
        entries = (replace(entries[0], faults=entries[0].faults + repeated), *entries[1:])
    return entries


def _located(text: str, decoded: tuple[Decoded, ...]) -> tuple[Entry, ...]:
    """Entries with lines: reading the text again for them is only worth it where somebody will see them."""
    if all(each.object is not None and not each.faults and not each.path for each in decoded):
        return tuple(Entry(each.key, each.object, first_line(text)) for each in decoded)
    paths = [each.path for each in decoded] + [each.path + fault.path for each in decoded for fault in each.faults]
    lines = iter(lines_of(text, paths))
    own = [next(lines) for _ in decoded]
    return tuple(
        Entry(
            each.key,
            each.object,
            line,
            tuple(LineFault(next(lines), path_text(f.path), f.message, f.severity) for f in each.faults),
            each.unknown_kind,
            each.fallback,
        )
        for each, line in zip(decoded, own, strict=True)
    )


# --- which object a broken document was -----------------------------------------------------------------------------

_KIND = re.compile(r"^kind:[ \t]*[\"']?([A-Za-z]\w*)", re.MULTILINE)
_API_VERSION = re.compile(r"^apiVersion:[ \t]*[\"']?([\w./-]+)", re.MULTILINE)
_METADATA = re.compile(r"^metadata:(.*(?:\n[ \t]+.*|\n[ \t]*)*)", re.MULTILINE)
_NAME = re.compile(r"(?:^[ \t]+|[{,][ \t]*)name:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_NAMESPACE = re.compile(r"(?:^[ \t]+|[{,][ \t]*)namespace:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)


def _readable_key(text: str) -> ObjectKey | None:
    """The key that a person would read in text that is no YAML."""
    kind, api_version, metadata = _KIND.search(text), _API_VERSION.search(text), _METADATA.search(text)
    if kind is None or api_version is None or metadata is None:
        return None
    found = KINDS.get((split_api_version(api_version[1])[0], kind[1]))
    name, namespace = _NAME.search(metadata[1]), _NAMESPACE.search(metadata[1])
    if found is None or name is None:
        return None
    if not found.namespaced:
        return ObjectKey(found.struct.KIND, "", name[1])
    return ObjectKey(found.struct.KIND, namespace[1] if namespace else DEFAULT_NAMESPACE, name[1])


# --- JSON -----------------------------------------------------------------------------------------------------------


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_SPACE = re.compile(r"[ \t\r\n]*")


def _json_chunks(text: str) -> Iterator[Chunk]:
    """Values one after the other; from a broken one on the rest is one chunk."""
    start, line = 0, 1
    while True:
        begin = _end_of_space(text, start)
        line += text.count("\n", start, begin)
        if begin == len(text):
            return
        try:
            _, end = _DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            end = len(text)
        yield Chunk(text[begin:end], line)
        line += text.count("\n", begin, end)
        start = end


def _end_of_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _decode_json(text: str) -> tuple[Entry, ...]:
    try:
        value, end = _DECODER.raw_decode(text)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is JSON, and no text
        if end != len(text):
            raise ValueError("expected one value")
    except json.JSONDecodeError as error:
        return _broken_json(error.lineno, error.msg[:1].lower() + error.msg[1:])
    except UnicodeEncodeError:
        return _broken_json(1, "half a surrogate pair in a string")
    except RecursionError:
        return _broken_json(1, "nested too deep")
    except ValueError as error:
        return _broken_json(1, str(error))
    return _located(text, tuple(decode_document(value)))


def _broken_json(line: int, reason: str) -> tuple[Entry, ...]:
    return (Entry(None, None, line, (LineFault(line, "", f"broken JSON: {reason}"),)),)


def keys_of(documents: tuple[Document, ...]) -> Mapping[ObjectKey, tuple[tuple[int, Entry], ...]]:
    """Every mention of an object in a file, by its key: (line in the file, entry), in order."""
    found: dict[ObjectKey, tuple[tuple[int, Entry], ...]] = {}
    for document in documents:
        for entry in document.entries:
            if entry.key is not None:
                mention = (document.line + entry.line - 1, entry)
                found[entry.key] = (*found.get(entry.key, ()), mention)
    return found
