"""Real Envoys accept every cluster and every endpoint that we make for them, the newest and the oldest alike."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf import json_format

from pilot.generators import clusters, endpoints
from pilot.generators.envoy import sds
from pilot.view.proxy_view import ProxyView
from tests import recordings
from tests.live.stock_envoy import node_of, static_bootstrap, validate
from tests.shared import GOLDEN, shared_directory, shared_path

KINDS = ("sidecar", "router")


AGENT = json_format.MessageToDict(sds.WORKLOAD_CERTIFICATE.sds_config)


def _from_agent(value: Any) -> Any:
    """Secrets from the agent instead of from us: Envoy has no ADS stream when it only validates, and falls over it."""
    if isinstance(value, dict):
        return AGENT if "ads" in value else {key: _from_agent(each) for key, each in value.items()}
    return [_from_agent(each) for each in value] if isinstance(value, list) else value


def _static_clusters(view: ProxyView) -> Iterator[Any]:
    """The clusters of a view, each with its endpoints inside: Envoy reads everything at once, without asking."""
    made = {name: recordings.message_of(each) for name, each in clusters.build(view).resources.items()}
    names = frozenset(each.eds_cluster_config.service_name for each in made.values() if each.type == Cluster.EDS)
    found = endpoints.build(view, names)
    for each in made.values():
        if each.type == Cluster.EDS:
            assignment = recordings.message_of(found[each.eds_cluster_config.service_name])
            each.type = Cluster.STATIC
            each.ClearField("eds_cluster_config")
            each.load_assignment.CopyFrom(assignment)
        yield json_format.ParseDict(_from_agent(json_format.MessageToDict(each)), Cluster())


def _assert_accepted(envoy: Path, directory: Path) -> None:
    listed = node_of(envoy).extensions
    snapshot = recordings.read_scenario(directory)
    for name, declared in recordings.read_proxies(directory, *KINDS).items():
        view = recordings.view_of(snapshot, declared, listed)
        made = list(_static_clusters(view))
        assert made
        verdict = validate(envoy, static_bootstrap(clusters=made))
        assert verdict.accepted, f"{directory.name}: {name}: {verdict.words}"


@pytest.mark.timeout(180)
def test_a_stock_envoy_accepts_all_clusters_and_endpoints(any_envoy: Path) -> None:
    for directory in sorted(GOLDEN.iterdir()):
        _assert_accepted(any_envoy, directory)


def _recorded() -> list[Path]:
    root = shared_directory() / "golden"
    return [each for each in sorted(root.iterdir()) if (each / "golden").is_dir()] if root.exists() else []


@pytest.mark.shared
@pytest.mark.timeout(180)
@pytest.mark.parametrize("directory", _recorded() or [None], ids=lambda each: each.name if each else "none")
def test_a_stock_envoy_accepts_those_of_every_recorded_scenario(any_envoy: Path, directory: Path) -> None:
    shared_path("golden")
    _assert_accepted(any_envoy, directory)
