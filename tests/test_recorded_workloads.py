"""What ztunnels are told: resource by resource what istiod serves, where the recordings are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot.generators.ambient import addresses, authorizations
from pilot.view import node
from pilot.view.ambient import ambient_view
from tests import recordings
from tests.shared import shared_directory, shared_path

SCENARIOS = ("18-ztunnel",)


def _cases(root: Path) -> list[Any]:
    return [
        pytest.param(root / scenario, name, id=f"{scenario}-{name}")
        for scenario in SCENARIOS
        if (root / scenario).is_dir()
        for name in recordings.read_proxies(root / scenario, "ztunnel")
    ]


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), _cases(shared_directory() / "golden") or [(None, "")])
def test_workloads_and_authorizations_are_as_recorded(directory: Path, proxy: str) -> None:
    shared_path("golden")
    snapshot = recordings.read_scenario(directory)
    declared = recordings.read_proxies(directory, "ztunnel")[proxy]
    view = ambient_view(snapshot, node.parse_node(recordings.node_of(declared), snapshot.features))
    recorded = json.loads((directory / "golden" / f"{proxy}.json").read_text())
    for kind, made in (("ADDRESS", addresses.build(view, None)), ("AUTHZ", authorizations.build(view, None))):
        wanted = {each["name"]: each["resource"] for each in recorded[kind]}
        assert recordings.as_json(made) == wanted
