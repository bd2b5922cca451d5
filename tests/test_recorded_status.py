"""Status of objects beside what istiod wrote on them: everything but times and wording."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.status.report import entries
from tests import recordings
from tests.shared import shared_directory, shared_path

pytestmark = pytest.mark.shared
_UNORDERED = frozenset(("parents", "ancestors"))
"""istiod writes these in any order."""


def comparable(value: Any, key: str = "") -> Any:
    """Without times and words, with sets in one order."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in ("lastTransitionTime", "message")}
        return {name: comparable(each, name) for name, each in kept.items()}
    if isinstance(value, list):
        items = [comparable(each) for each in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if key in _UNORDERED else items
    return value


def recorded(path: Path) -> dict[tuple[str, str, str, str], Any]:
    """What istiod wrote, by version, kind, namespace and name; what others write on Services is left out."""
    return by_place(yaml.safe_load_all(path.read_text()))


def by_place(documents: Iterable[Any]) -> dict[tuple[str, str, str, str], Any]:
    """Statuses by API version, kind, namespace and name."""
    found: dict[tuple[str, str, str, str], Any] = {}
    for each in documents:
        status = {name: value for name, value in each["status"].items() if name != "loadBalancer"}
        if status:
            metadata = each["metadata"]
            found[each["apiVersion"], each["kind"], metadata.get("namespace", ""), metadata["name"]] = comparable(
                status
            )
    return found


def scenarios() -> list[str]:
    """Those whose statuses were recorded."""
    return sorted(path.stem for path in (shared_directory() / "aux" / "status").glob("*.yaml"))


@pytest.mark.parametrize("scenario", scenarios() or ["none"])
def test_statuses_are_those_that_were_recorded(scenario: str) -> None:
    wanted = recorded(shared_path("aux", "status", f"{scenario}.yaml"))
    snapshot = recordings.read_scenario(shared_path("golden", scenario))
    made = by_place(entries(snapshot))
    assert sorted(made) == sorted(wanted)
    for place, status in wanted.items():
        assert made[place] == status, place
