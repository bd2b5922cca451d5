"""From the text of a file to what is analyzed.

In: text, a file's name. Out: items with the place of each, and what could not be read. Lists are unrolled.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilot.analysis.item import Item, Place, item_of
from pilot.sources.file_tree import is_json
from pilot.sources.yaml_text import BrokenText, first_line, parse_yaml, split_documents


@dataclass(frozen=True, slots=True)
class Broken:
    """Text that is no object."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def read(file: str, text: str, namespace: str) -> Iterator[Item | Broken]:
    """Objects of a file; `namespace`: of those that name none."""
    if is_json(file):
        try:
            yield from _items(json.loads(text), namespace, Place(file, 1))
        except (ValueError, RecursionError) as error:
            yield Broken(file, 1, f"broken JSON: {error}")
        return
    for chunk in split_documents(text):
        try:
            value = parse_yaml(chunk.text).value
        except BrokenText as broken:
            yield Broken(file, chunk.line + broken.line - 1, f"broken YAML: {broken.reason}")
            continue
        skipped = first_line(chunk.text) - 1
        document = "\n".join(chunk.text.split("\n")[skipped:])
        yield from _items(value, namespace, Place(file, chunk.line + skipped, document))


def _items(value: object, namespace: str, place: Place) -> Iterator[Item | Broken]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield Broken(place.file, place.line, f"expected an object, got {type(value).__name__}")
        return
    items, kind = value.get("items"), str(value.get("kind", ""))
    if kind.endswith("List") and isinstance(items, list):
        for each in items:
            if isinstance(each, Mapping):
                each = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")} | dict(each)
            yield from _items(each, namespace, Place(place.file, place.line))
    elif not kind or not isinstance(value.get("metadata"), Mapping):
        yield Broken(place.file, place.line, "expected an object with a kind and metadata")
    else:
        yield item_of(value, namespace, place)
