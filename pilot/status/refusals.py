"""What proxies refused, as people ask for it: by resource, and by the objects behind each.

In: the entries of the quarantine. Out: problems of objects, rows for a page. Secrets are named and never shown.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.type_urls import short_name
from pilot.view.proxy import Traits
from pilot.xds.quarantine import Entry, Quarantine

SHOWN = 10
"""Connections that are named; arbitrary."""


def problems(entries: Iterable[Entry]) -> tuple[Problem, ...]:
    """One for each object and resource that is withheld, however many classes of proxies refused it."""
    found: dict[tuple[object, ...], tuple[Entry, set[str]]] = {}
    for each in entries:
        key = (each.place[1], each.resource.name, each.origins, each.message, each.fate)
        found.setdefault(key, (each, set()))[1].update(each.refused_by)
    return tuple(problem for each, by in found.values() for problem in _problems(each, by))


def _problems(entry: Entry, by: set[str]) -> Iterator[Problem]:
    what = f"{short_name(entry.place[1])} {entry.resource.name}"
    who = f"{len(by)} {'proxies' if len(by) != 1 else 'proxy'}"
    text = f"{what} was refused by {who}, {entry.fate} until it changes: {entry.message or 'no reason given'}"
    keys = [ObjectKey(each.kind, each.namespace, each.name) for each in entry.origins]
    yield from (Problem(text, key) for key in keys or (None,))


def rows(quarantine: Quarantine) -> dict[str, Any]:
    """`quarantined`: what is withheld; `searching`: where it is not known yet what the proxy refuses."""
    return {
        "quarantined": [_row(each) for each in quarantine.entries()],
        "searching": [
            {"type": short_name(place[1]), "proxies": describe(place[0]), "asking": by, "suspects": len(suspects)}
            for place, by, suspects in quarantine.searches()
        ],
    }


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "type": short_name(entry.place[1]),
        "name": entry.resource.name,
        "version": entry.resource.version,
        "servedInstead": entry.good.version if entry.good is not None else "",
        "objects": [str(each) for each in entry.origins],
        "reason": entry.message,
        "since": datetime.fromtimestamp(entry.since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "proxies": describe(entry.place[0]),
        "refusedBy": len(entry.refused_by),
        "connections": sorted(entry.refused_by)[:SHOWN],
    }


def describe(class_: object) -> str:
    """The proxies of a class, in a few words."""
    if not isinstance(class_, tuple) or not class_ or not isinstance(class_[0], Traits):
        return str(class_)
    traits, labels = class_[0], class_[1]
    shown = ",".join(f"{key}={value}" for key, value in labels)
    return f"{traits.kind.value} {traits.namespace} {shown}".strip()
