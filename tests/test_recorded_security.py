"""Listeners with security policies: resource by resource what istiod serves, where the recordings are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot.generators import listeners
from tests import recordings
from tests.shared import shared_directory, shared_path

SCENARIOS = ("04-mtls", "05-authz", "06-requestauth", "23-meshconfig", "26-ambient-off")
KINDS = ("sidecar", "router")


def _cases(root: Path) -> list[Any]:
    return [
        pytest.param(root / scenario, name, id=f"{scenario}-{name}")
        for scenario in SCENARIOS
        if (root / scenario).is_dir()
        for name in recordings.read_proxies(root / scenario, *KINDS)
    ]


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), _cases(shared_directory() / "golden") or [(None, "")])
def test_listeners_are_as_recorded(directory: Path, proxy: str) -> None:
    shared_path("golden")
    declared = recordings.read_proxies(directory, *KINDS)[proxy]
    view = recordings.view_of(recordings.read_scenario(directory), declared)
    recorded = json.loads((directory / "golden" / f"{proxy}.json").read_text())["LDS"]
    wanted = {each["name"]: recordings.canonical(each) for each in recorded}
    made = {name: recordings.canonical(each) for name, each in recordings.as_json(listeners.build(view)).items()}
    assert sorted(made) == sorted(wanted)
    for name, each in wanted.items():
        assert made[name] == each, name
