"""From YAML text to plain values, with the line of everything.

In: text of a file. Out: its documents one by one (a broken one does not cost the others), each as dicts, lists and
scalars, and the line of any place in it. Scalars mean what they mean to Kubernetes: keys are text, a timestamp is text,
`yes` and `on` are booleans. Knows nothing of kinds.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pilot.model.decoding import Path, describe

MAX_DEPTH = 100
"""Arbitrary: deeper than any object of Kubernetes, far from what would exhaust the stack."""
MAX_NODES = 2_000_000
"""Arbitrary: values in one document after its aliases are expanded; ends a "billion laughs" at once."""

_BOUNDARY = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---[ \t\r]*$|---[ \t]+#|\.\.\.|[ \t]*#|%|[ \t\r]*$)", re.MULTILINE)

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}
_FALSE = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_PLAIN = "plain"
"""Stands for "no tag written" in composed nodes."""


class BrokenText(Exception):  # noqa: N818 - says what is the matter
    """Text that is no document; `line` counts from 1 within the text."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Chunk:
    """The text of one document; `line` is that of its first line in the file."""

    text: str
    line: int


@dataclass(slots=True)
class Parsed:
    """A document's value; `repeated` has the line and path of keys that a mapping has twice (the last counts)."""

    value: object = None
    repeated: list[tuple[int, Path]] = field(default_factory=list)


def split_documents(text: str) -> Iterator[Chunk]:
    """Cuts at `---` and `...`, which YAML allows nowhere else at the start of a line; leaves out what is empty."""
    start, line = 0, 1
    for cut in [*(found.start() for found in _BOUNDARY.finditer(text)), len(text)]:
        chunk = text[start:cut]
        if chunk and _CONTENT.search(chunk):
            yield Chunk(chunk, line)
        line += chunk.count("\n")
        start = cut


def parse_yaml(text: str) -> Parsed:
    """The value of one document; None where it is empty.

    Raises: BrokenText.
    """
    root = _compose(text)
    parsed = Parsed()
    if root is not None:
        parsed.value = _Building(parsed).build(root, ())
    return parsed


def first_line(text: str) -> int:
    """The line, from 1, where a document begins: a separator and comments may stand before it."""
    found = _CONTENT.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def lines_of(text: str, paths: Iterable[Path]) -> list[int]:
    """The line, from 1, of the key or item at each path in a document, or of what is nearest to it."""
    try:
        root = _compose(text)
    except BrokenText as broken:
        return [broken.line for _ in paths]
    return [_line_at(root, path) for path in paths]


def _line_at(node: Node | None, path: Path) -> int:
    line = 1 if node is None else node.start_mark.line + 1
    for part in path:
        found = _step(node, part)
        if found is None:
            break
        line, node = found
    return line


def _step(node: Node | None, part: str | int) -> tuple[int, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == part:
                return key.start_mark.line + 1, value
    return None


class _Composer(yaml.CSafeLoader):
    """libyaml's parser, with a limit on depth and without PyYAML's ideas of what a plain scalar is."""

    depth = 0

    def resolve(self, kind: object, value: object, implicit: object) -> str:
        """Called for each node that has no tag."""
        return _PLAIN

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        """Called on the way into each node."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            line = current_node.start_mark.line + 1 if isinstance(current_node, Node) else 1
            raise BrokenText(line, f"nested deeper than {MAX_DEPTH} levels")

    def ascend_resolver(self) -> None:
        """Called on the way out of each node."""
        self.depth -= 1


def _compose(text: str) -> Node | None:
    try:
        composer = _Composer(text)
        try:
            root = composer.get_single_node()
        finally:
            composer.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise BrokenText(mark.line + 1 if mark else 1, reason or "not YAML") from error
    except yaml.reader.ReaderError as error:
        raise BrokenText(text.count("\n", 0, error.position) + 1, f"{error.reason}") from error
    except yaml.YAMLError as error:
        raise BrokenText(1, str(error)) from error
    return root if isinstance(root, Node) else None


class _Building:
    """Makes plain values of one document's nodes."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._left = MAX_NODES

    def build(self, node: Node, path: Path) -> object:
        if type(node) is ScalarNode:
            return _scalar(node)
        self._left -= len(node.value)
        if self._left < 0:
            raise BrokenText(node.start_mark.line + 1, f"more than {MAX_NODES} values once aliases are expanded")
        if len(path) >= MAX_DEPTH:
            raise BrokenText(node.start_mark.line + 1, f"nested deeper than {MAX_DEPTH} levels")
        if type(node) is MappingNode:
            return self._mapping(node, path)
        return [self.build(each, (*path, index)) for index, each in enumerate(node.value)]

    def _mapping(self, node: Node, path: Path) -> dict[str, object]:
        built: dict[str, object] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if type(key) is not ScalarNode:
                raise BrokenText(key.start_mark.line + 1, "expected a key, got a list or a mapping")
            name: str = key.value
            if name == "<<" and key.tag == _PLAIN and not key.style:
                merged += value.value if type(value) is SequenceNode else [value]
                continue
            if name in built:
                self._parsed.repeated.append((key.start_mark.line + 1, (*path, name)))
            built[name] = self.build(value, (*path, name))
        for each in merged:
            inherited = self.build(each, path)
            if not isinstance(inherited, dict):
                line = each.start_mark.line + 1
                raise BrokenText(line, f'expected a mapping after "<<", got {describe(inherited)}')
            built = {**inherited, **built}
        return built


def _scalar(node: ScalarNode) -> object:
    text: str = node.value
    if node.tag == _PLAIN and node.style:
        return text
    value = _plain(text) if len(text) <= _REMEMBERED else _meaning(text)
    if node.tag == _PLAIN:
        return value
    tag = node.tag.removeprefix(_TAG)
    match tag:
        case "str":
            return text
        case "null":
            return None
        case "bool" if isinstance(value, bool):
            return value
        case "int" if isinstance(value, int):
            return value
        case "float" if isinstance(value, int | float):
            return float(value)
    raise BrokenText(node.start_mark.line + 1, f"the tag {node.tag} does not fit or is not supported")


def _meaning(text: str) -> object:
    """What an unquoted scalar means."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


_REMEMBERED = 64
"""Characters: what documents say again and again is short."""
_plain = lru_cache(maxsize=65536)(_meaning)


def _integer(text: str) -> object:
    digits = text.replace("_", "").lower()
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    if len(digits) > 30:
        return text
    if digits.startswith(("0x", "0b", "0o")):
        return sign * int(digits, 0)
    return sign * int(digits, 8 if digits.startswith("0") and len(digits) > 1 else 10)
