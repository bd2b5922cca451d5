"""Statuses as people and tools ask for them: a list of objects, with how far their configuration has come.

In: a snapshot and the progress of proxies. Out: `Entry`s in order, and those of them that are asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.sources.kinds import KINDS
from pilot.status.acknowledgement import Progress
from pilot.status.condition import as_data
from pilot.status.statuses import statuses

_KINDS = {each.struct.KIND: each for each in KINDS.values()}
_NO_PROGRESS: Mapping[ObjectKey, Progress] = {}

Entry = Mapping[str, Any]
"""`apiVersion`, `kind`, `namespace` (empty: none), `name`, `status`, and for what proxies serve `proxies`."""


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


def entries(snapshot: Snapshot, progress: Mapping[ObjectKey, Progress] = _NO_PROGRESS) -> tuple[Entry, ...]:
    """Every object that anything is to be said of, by kind, namespace and name."""
    found = statuses(snapshot)
    keys = sorted({*found, *progress}, key=lambda each: (_kind(each), each.namespace, each.name))
    return tuple(_entry(key, found.get(key, {}), progress.get(key)) for key in keys)


def select(found: Iterable[Entry], question: Question) -> list[Entry]:
    """Those that are asked for."""
    return [each for each in found if question.wants(each)]


def _kind(key: ObjectKey) -> str:
    return _KINDS[key.kind].name if key.kind in _KINDS else key.kind


def _entry(key: ObjectKey, status: Mapping[str, Any], progress: Progress | None) -> Entry:
    known = _KINDS.get(key.kind)
    made: dict[str, Any] = {
        "apiVersion": known.api_versions[0] if known is not None else "",
        "kind": _kind(key),
        "namespace": key.namespace,
        "name": key.name,
        "status": status,
    }
    return {**made, "proxies": as_data(progress)} if progress is not None else made
