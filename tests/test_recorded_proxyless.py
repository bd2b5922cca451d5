"""What gRPC without proxies is told: resource by resource what istiod serves, where the recordings are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.pipeline import resources_for
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, ROUTE
from pilot.view import node
from tests import recordings
from tests.shared import shared_directory, shared_path

SCENARIO = "19-proxyless"
TYPES = {"CDS": CLUSTER, "EDS": ENDPOINT, "LDS": LISTENER, "RDS": ROUTE}


def _cases(scenario: Path) -> list[Any]:
    path = scenario / "proxies.yaml"
    return list(yaml.safe_load(path.read_text())) if path.exists() else [""]


@pytest.mark.shared
@pytest.mark.parametrize("proxy", _cases(shared_directory() / "golden" / SCENARIO))
def test_resources_are_as_recorded(proxy: str) -> None:
    directory = shared_path("golden", SCENARIO)
    snapshot = recordings.read_scenario(directory)
    declared = yaml.safe_load((directory / "proxies.yaml").read_text())[proxy]
    client = node.parse_node(recordings.node_of(declared), snapshot.features)
    recorded = json.loads((directory / "golden" / f"{proxy}.json").read_text())
    for kind, type_url in TYPES.items():
        wanted = {
            each.get("name") or each["clusterName"]: recordings.canonical(each) for each in recorded.get(kind, ())
        }
        names = frozenset(declared["ldsNames"] if kind == "LDS" else wanted)
        found = resources_for(snapshot, client, type_url, names)
        assert found is not None
        assert recordings.canonical(recordings.as_json(found)) == wanted, kind
