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
from pilot.sources.kinds import BY_KEY
from pilot.status.acknowledgement import Progress
from pilot.status.condition import as_data
from pilot.status.statuses import statuses

_SERVED = {"TLSRoute": "gateway.networking.k8s.io/v1alpha2"}
"""Kinds of which the newest version that is read is served by no release of the API yet."""
_NO_PROGRESS: Mapping[ObjectKey, Progress] = {}

Entry = Mapping[str, Any]
"""As an API server has it: `apiVersion`, `kind`, `metadata` (`name`, and `namespace` where it has one), `status`; and
beside it `proxies` of what proxies serve, and `problems`, lines of text, where there are some."""


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
            and self.name in ("", entry["metadata"]["name"])
            and self.namespace in ("", entry["metadata"].get("namespace", ""))
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
    return BY_KEY[key.kind].name if key.kind in BY_KEY else key.kind


def _api_version(key: ObjectKey) -> str:
    known = BY_KEY.get(key.kind)
    return _SERVED.get(key.kind) or (known.api_versions[0] if known is not None else "")


def _entry(key: ObjectKey, status: Mapping[str, Any], progress: Progress | None, problems: Iterable[str]) -> Entry:
    metadata = {"name": key.name, "namespace": key.namespace} if key.namespace else {"name": key.name}
    made: dict[str, Any] = {
        "apiVersion": _api_version(key),
        "kind": _kind(key),
        "metadata": metadata,
        "status": status,
    }
    if progress is not None:
        made["proxies"] = as_data(progress)
    return {**made, "problems": list(problems)} if problems else made
