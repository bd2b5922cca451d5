"""Clusters, endpoints and name tables of recorded scenarios: resource by resource what istiod serves.

The scenarios that were copied are compared everywhere, the others where the recordings are at hand.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pilot.generators import clusters, endpoints, nds
from pilot.resources import ResourceSet
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.shared import GOLDEN, shared_directory, shared_path

NOT_YET = {
    "10-gateway-api": "objects of the Gateway API",
    "11-envoyfilter": "EnvoyFilter",
    "16-multinetwork": "a gateway between networks that the Gateway API declares",
}
"""Scenarios whose clusters or endpoints need something that is not there."""

KINDS = ("sidecar", "router")


def _cases(root: Path, but: tuple[str, ...] = ()) -> list[Any]:
    return [
        pytest.param(directory, name, id=f"{directory.name}-{name}")
        for directory in (sorted(root.iterdir()) if root.exists() else ())
        if (directory / "golden").is_dir() and directory.name not in but
        for name in recordings.read_proxies(directory, *KINDS)
    ]


COPIED = _cases(GOLDEN)
OTHERS = _cases(shared_directory() / "golden", tuple(NOT_YET))


def _view(directory: Path, proxy: str) -> ProxyView:
    declared = recordings.read_proxies(directory, *KINDS)[proxy]
    return recordings.view_of(recordings.read_scenario(directory), declared)


def _recorded(directory: Path, proxy: str) -> dict[str, list[Any]]:
    dump: dict[str, list[Any]] = json.loads((directory / "golden" / f"{proxy}.json").read_text())
    return dump


def _compare(served: ResourceSet, recorded: list[Any], key: str) -> None:
    wanted = {each.get(key, ""): recordings.canonical(each) for each in recorded}
    made = {name: recordings.canonical(each) for name, each in recordings.as_json(served).items()}
    assert sorted(made) == sorted(wanted)
    assert made == wanted


def _compare_all(directory: Path, proxy: str) -> None:
    view, recorded = _view(directory, proxy), _recorded(directory, proxy)
    _compare(clusters.build(view), recorded["CDS"], "name")
    names = frozenset(each["clusterName"] for each in recorded.get("EDS", ()))
    _compare(endpoints.build(view, names), recorded.get("EDS", []), "clusterName")
    if view.traits.kind.value == "sidecar":  # of gateways it is empty on purpose
        _compare(nds.build(view), recorded["NDS"], "")


@pytest.mark.parametrize(("directory", "proxy"), COPIED)
def test_a_copied_scenario_is_served_as_recorded(directory: Path, proxy: str) -> None:
    _compare_all(directory, proxy)


@pytest.mark.shared
@pytest.mark.parametrize(("directory", "proxy"), OTHERS or [(None, "")])
def test_every_other_scenario_is_served_as_recorded(directory: Path, proxy: str) -> None:
    shared_path("golden")
    _compare_all(directory, proxy)
