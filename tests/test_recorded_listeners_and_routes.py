"""Listeners and routes of recorded scenarios: resource by resource what istiod serves.

The scenarios that were copied are compared everywhere, the others where the recordings are at hand.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot.generators import listeners, routes
from tests import recordings
from tests.shared import GOLDEN, shared_directory, shared_path

NOT_YET = {
    "05-authz": "AuthorizationPolicy",
    "06-requestauth": "RequestAuthentication",
    "10-gateway-api": "objects of the Gateway API",
    "11-envoyfilter": "EnvoyFilter",
    "12-telemetry": "Telemetry",
    "13-wasm": "WasmPlugin",
    "23-meshconfig": "AuthorizationPolicy and Ingress",
}
"""Scenarios in which some listener or route needs something that is not there."""

KINDS = ("sidecar", "router")


def _cases(root: Path, but: tuple[str, ...] = ()) -> list[Any]:
    return [
        pytest.param(directory, name, id=f"{directory.name}-{name}")
        for directory in (sorted(root.iterdir()) if root.exists() else ())
        if (directory / "golden").is_dir() and directory.name not in but
        for name in recordings.read_proxies(directory, *KINDS)
    ]


def _compare_all(directory: Path, proxy: str) -> None:
    declared = recordings.read_proxies(directory, *KINDS)[proxy]
    view = recordings.view_of(recordings.read_scenario(directory), declared)
    recorded = json.loads((directory / "golden" / f"{proxy}.json").read_text())
    made = recordings.as_json(listeners.build(view))
    names = frozenset(recordings.names_in(list(made.values()), "routeConfigName"))
    for kind, served in (("LDS", made), ("RDS", recordings.as_json(routes.build(view, names)))):
        wanted = {each["name"]: recordings.canonical(each) for each in recorded.get(kind, ())}
        assert sorted(served) == sorted(wanted)
        for name in set(wanted) - recordings.volatile(directory, proxy, kind):
            assert recordings.canonical(served[name]) == wanted[name], (kind, name)


@pytest.mark.parametrize(("directory", "proxy"), _cases(GOLDEN))
def test_a_copied_scenario_is_served_as_recorded(directory: Path, proxy: str) -> None:
    _compare_all(directory, proxy)


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), _cases(shared_directory() / "golden", tuple(NOT_YET)) or [(None, "")])
def test_every_other_scenario_is_served_as_recorded(directory: Path, proxy: str) -> None:
    shared_path("golden")
    _compare_all(directory, proxy)
