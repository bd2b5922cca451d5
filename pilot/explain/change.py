"""A change as somebody wrote it, tried out on a mesh.

In: a snapshot and the text of some objects. Out: the mesh as it would be, and what is wrong with the change; the answer
about proxies as data. Applies nothing.
"""

import base64
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pilot.explain.difference import ClassChange, differ
from pilot.generators import problems
from pilot.memo import Work
from pilot.model.decoding import path_text
from pilot.model.objects import Event
from pilot.model.problem import Severity
from pilot.model.snapshot import Snapshot
from pilot.sources.decode import decode_document
from pilot.sources.yaml_text import BrokenText, parse_yaml, split_documents
from pilot.type_urls import CLUSTER, LISTENER, ROUTE
from pilot.view.proxy import Proxy

CHECKED = (CLUSTER, LISTENER, ROUTE)
"""Types that an Envoy can judge by itself."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A change that was tried out."""

    after: Snapshot
    objects: tuple[str, ...]
    refused: tuple[str, ...]
    """What an API server, or we, would not take."""
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    """What would be wrong then and is not now."""


def tried(before: Snapshot, text: str) -> Work[Tried]:
    """The mesh with the objects of a text in it; in pieces."""
    events: list[Event] = []
    refused: list[str] = []
    warnings: list[str] = []
    for chunk in split_documents(text):
        try:
            value = parse_yaml(chunk.text).value
        except BrokenText as broken:
            refused.append(f"line {chunk.line + broken.line - 1}: broken YAML: {broken.reason}")
            continue
        yield
        for each in decode_document(value):
            what = str(each.key) if each.key is not None else each.unknown_kind or "an object"
            for fault in each.faults:
                told = ": ".join(filter(None, (what, path_text(fault.path), fault.message)))
                (refused if fault.severity is Severity.ERROR else warnings).append(told)
            if each.object is not None:
                events.append(Event(each.object.key, each.object))
    yield
    after, _ = before.apply(events)
    yield
    known = {str(each) for each in problems.find(before)}
    yield
    fresh = tuple(line for line in map(str, problems.find(after)) if line not in known)
    return Tried(after, tuple(str(each.key) for each in events), tuple(refused), tuple(warnings), fresh)


def answer(
    before: Snapshot, text: str, proxies: Iterable[tuple[Hashable, Proxy]], *, with_bodies: bool = False
) -> Work[Mapping[str, Any]]:
    """What a change would mean, in pieces. `with_bodies`: with new clusters, listeners and routes, in base64."""
    change = yield from tried(before, text)
    every = list(proxies)
    classes = yield from differ(before, change.after, every)
    shown = [{**each.as_data(), **({"resources": _bodies(each)} if with_bodies else {})} for each in classes]
    return {
        "objects": list(change.objects),
        "refused": list(change.refused),
        "warnings": list(change.warnings),
        "problems": list(change.problems),
        "proxies": sum(each.count for each in classes),
        "of": len(every),
        "bytes": sum(each.size for each in classes),
        "classes": shown,
    }


def _bodies(each: ClassChange) -> list[Mapping[str, str]]:
    return [
        {"type": change.type_url, "name": one.name, "body": base64.b64encode(one.body).decode()}
        for change in each.types
        if change.type_url in CHECKED
        for one in (*change.added, *change.changed)
    ]
