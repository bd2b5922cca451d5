"""EnvoyFilter, Telemetry and WasmPlugin: resource by resource what istiod serves, where the recordings are at hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot import pipeline
from pilot.type_urls import CLUSTER, EXTENSION_CONFIG, LISTENER, ROUTE, TypeUrl
from pilot.view import node
from tests import recordings
from tests.shared import shared_directory, shared_path

SCENARIOS = ("11-envoyfilter", "12-telemetry", "13-wasm")
KINDS = ("sidecar", "router")
PULL_SECRET, VERSION = "ISTIO_META_WASM_IMAGE_PULL_SECRET", "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"


def _cases(root: Path) -> list[Any]:
    return [
        pytest.param(root / scenario, name, id=f"{scenario}-{name}")
        for scenario in SCENARIOS
        if (root / scenario).is_dir()
        for name in recordings.read_proxies(root / scenario, *KINDS)
    ]


def _recorded(directory: Path, proxy: str, kind: str) -> dict[str, Any]:
    found = json.loads((directory / "golden" / f"{proxy}.json").read_text()).get(kind, ())
    return {each["name"]: recordings.canonical(_comparable(each)) for each in found}


def _comparable(value: Any) -> Any:
    """Without the store's numbers, and without what only a proxy that proved its identity is told."""
    if isinstance(value, dict):
        return {key: _comparable(each) for key, each in value.items() if key not in (PULL_SECRET, VERSION)}
    return [_comparable(each) for each in value] if isinstance(value, list) else value


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), _cases(shared_directory() / "golden") or [(None, "")])
@pytest.mark.parametrize(
    ("type_url", "kind"), [(CLUSTER, "CDS"), (LISTENER, "LDS"), (ROUTE, "RDS"), (EXTENSION_CONFIG, "ECDS")]
)
def test_extensions_are_as_recorded(directory: Path, proxy: str, type_url: TypeUrl, kind: str) -> None:
    shared_path("golden")
    snapshot = recordings.read_scenario(directory)
    who = node.parse_node(recordings.node_of(recordings.read_proxies(directory, *KINDS)[proxy]), snapshot.features)
    wanted = _recorded(directory, proxy, kind)
    names = frozenset(wanted) if type_url in (ROUTE, EXTENSION_CONFIG) else None
    found = pipeline.resources_for(snapshot, who, type_url, names)
    assert found is not None
    made = {name: recordings.canonical(_comparable(each)) for name, each in recordings.as_json(found).items()}
    assert sorted(made) == sorted(wanted)
    for name, each in wanted.items():
        assert made[name] == each, name
