"""Statuses as people and tools ask for them: a list of objects, with how far their configuration has come.

In: a snapshot, the progress of proxies, problems, the time. Out: `Entry`s in order, and those that are asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from pilot.sources.kinds import KINDS
from pilot.status.acknowledgement import Progress
from pilot.status.condition import as_data
from pilot.status.statuses import statuses

_KINDS = {each.struct.KIND: each for each in KINDS.values()}
_NO_PROGRESS: Mapping[ObjectKey, Progress] = {}

Entry = Mapping[str, Any]
"""`apiVersion`, `kind`, `namespace` (empty: none), `name`, `status`; `proxies` of what proxies serve; `problems`, lines
of text, where there are some."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which objects are asked for; empty: all."""

    kind: str = ""
    """As documents say it, in any case: `gateway`."""
    name: str = ""
    namespace: str = ""

    def wants(self, entry: Entry) -> bool:
        """Whether it is one of them."""
        return (
            self.kind.lower() in ("", entry["kind"].lower())
            and self.name in ("", entry["name"])
            and self.namespace in ("", entry["namespace"])
        )


def entries(
    snapshot: Snapshot,
    progress: Mapping[ObjectKey, Progress] = _NO_PROGRESS,
    problems: Iterable[Problem] = (),
    now: datetime | None = None,
) -> tuple[Entry, ...]:
    """Every object that anything is to be said of, by kind, namespace and name."""
    found = statuses(snapshot, now)
    wrong = _lines(problems)
    keys = sorted({*found, *progress, *wrong}, key=lambda each: (_kind(each), each.namespace, each.name))
    return tuple(_entry(key, found.get(key, {}), progress.get(key), wrong.get(key, ())) for key in keys)


def _lines(problems: Iterable[Problem]) -> Mapping[ObjectKey, list[str]]:
    found: dict[ObjectKey, list[str]] = {}
    for each in problems:
        if each.key is not None:
            found.setdefault(each.key, []).append(": ".join(filter(None, (each.field, each.message))))
    return found


def select(found: Iterable[Entry], question: Question) -> list[Entry]:
    """Those that are asked for."""
    return [each for each in found if question.wants(each)]


def _kind(key: ObjectKey) -> str:
    return _KINDS[key.kind].name if key.kind in _KINDS else key.kind


def _entry(key: ObjectKey, status: Mapping[str, Any], progress: Progress | None, problems: Iterable[str]) -> Entry:
    known = _KINDS.get(key.kind)
    made: dict[str, Any] = {
        "apiVersion": known.api_versions[0] if known is not None else "",
        "kind": _kind(key),
        "namespace": key.namespace,
        "name": key.name,
        "status": status,
    }
    if progress is not None:
        made["proxies"] = as_data(progress)
    return {**made, "problems": list(problems)} if problems else made
