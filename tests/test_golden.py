"""Everything a proxy is to have, beside what istiod served it: every scenario in tests/golden, found by directory.

A proxy asks as it does in the recordings: EDS for the EDS clusters it was given, RDS for the routes its listeners name.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot import pipeline
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE
from pilot.view import node
from tests import recordings
from tests.shared import GOLDEN

RECORDINGS = sorted(GOLDEN.glob("*/golden/*.json"))
KEYS = {"CDS": "name", "EDS": "clusterName", "LDS": "name", "RDS": "name"}


def served(scenario: Path, proxy_name: str) -> dict[str, dict[str, Any]]:
    """By type, then by name, what our proxy is to have."""
    snapshot = recordings.read_scenario(scenario)
    proxy = node.parse_node(recordings.node_of(recordings.read_proxies(scenario)[proxy_name]), snapshot.features)

    def ask(type_url: Any, *names: str) -> dict[str, Any]:
        found = pipeline.resources_for(snapshot, proxy, type_url, frozenset(names))
        return recordings.as_json(found) if found is not None else {}

    clusters, listeners = ask(CLUSTER), ask(LISTENER)
    by_eds = [name for name, cluster in clusters.items() if cluster.get("type") == "EDS"]
    routes = recordings.names_in(list(listeners.values()), "routeConfigName")
    return {
        "CDS": clusters,
        "EDS": ask(ENDPOINT, *by_eds),
        "LDS": listeners,
        "RDS": ask(ROUTE, *routes),
        "NDS": ask(NAME_TABLE),
    }


def by_name(kind: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A recorded list by name; a name table has none."""
    return {each.get(KEYS.get(kind, ""), ""): each for each in resources}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_everything_is_as_recorded(recording: Path) -> None:
    scenario, proxy = recording.parent.parent, recording.stem
    ours = served(scenario, proxy)
    expected = json.loads(recording.read_text())
    assert set(expected) <= set(ours)
    for kind, resources in expected.items():
        wanted, made = by_name(kind, resources), by_name(kind, list(ours[kind].values()))
        assert set(made) == set(wanted), kind
        for name in set(wanted) - recordings.volatile(scenario, proxy, kind):
            assert recordings.canonical(made[name]) == recordings.canonical(wanted[name]), (kind, name)


def test_there_are_recordings() -> None:
    assert RECORDINGS
