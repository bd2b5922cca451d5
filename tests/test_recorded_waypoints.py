"""Waypoints of recorded scenarios: every cluster, endpoint, listener and extension configuration that istiod serves."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot.pipeline import resources_for
from pilot.resources import ResourceSet
from pilot.type_urls import CLUSTER, ENDPOINT, EXTENSION_CONFIG, LISTENER
from pilot.view import node
from tests import recordings
from tests.shared import shared_directory, shared_path

TYPES = (
    ("CDS", CLUSTER, "name"),
    ("LDS", LISTENER, "name"),
    ("EDS", ENDPOINT, "clusterName"),
    ("ECDS", EXTENSION_CONFIG, "name"),
)
BY_NAME = ("EDS", "ECDS")
VERSION = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"
"""A number of the API server's store in the recording."""


def _cases() -> list[Any]:
    root = shared_directory() / "golden"
    return [
        pytest.param(directory, name, id=f"{directory.name}-{name}")
        for directory in (sorted(root.iterdir()) if root.exists() else ())
        if (directory / "golden").is_dir()
        for name in recordings.read_proxies(directory, "waypoint")
    ]


def _compare(served: ResourceSet | None, recorded: list[Any], key: str) -> None:
    assert served is not None
    wanted = {each[key]: _without_version(recordings.canonical(each)) for each in recorded}
    made = {name: _without_version(recordings.canonical(each)) for name, each in recordings.as_json(served).items()}
    assert sorted(made) == sorted(wanted)
    for name, each in wanted.items():
        assert made[name] == each, name


def _without_version(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_version(each) for name, each in value.items() if name != VERSION}
    return [_without_version(each) for each in value] if isinstance(value, list) else value


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), _cases() or [(None, "")])
def test_a_waypoint_is_served_as_recorded(directory: Path, proxy: str) -> None:
    shared_path("golden")
    snapshot = recordings.read_scenario(directory)
    declared = recordings.read_proxies(directory, "waypoint")[proxy]
    known = node.parse_node(recordings.node_of(declared), snapshot.features)
    recorded = json.loads((directory / "golden" / f"{proxy}.json").read_text())
    for kind, type_url, key in TYPES:
        wanted = recorded.get(kind, [])
        names = frozenset(each[key] for each in wanted)
        _compare(resources_for(snapshot, known, type_url, names if kind in BY_NAME else None), wanted, key)
