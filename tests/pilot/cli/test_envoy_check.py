import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from pilot.agent.envoy import packaged_binary
from pilot.cli.envoy_check import bootstrap, verdict
from pilot.resources import pack
from pilot.type_urls import CLUSTER, LISTENER, ROUTE, TypeUrl
from tests.pilot.explain.worlds import message

NETWORK = {"name": "istio.metadata_exchange"}


def resource(type_url: TypeUrl, kind: Any, value: dict[str, Any]) -> dict[str, str]:
    body = pack(type_url, message(kind, value).SerializeToString())
    return {"type": type_url, "name": value["name"], "body": base64.b64encode(body).decode()}


CHANGED = [
    resource(CLUSTER, Cluster, {"name": "c", "connect_timeout": "1s", "filters": [NETWORK]}),
    resource(LISTENER, Listener, {"name": "l", "filter_chains": [{"filters": [NETWORK]}]}),
    resource(ROUTE, RouteConfiguration, {"name": "r", "virtual_hosts": [{"name": "h", "domains": ["*"]}]}),
]


def test_resources_become_an_envoys_own_without_istios_filters() -> None:
    made = bootstrap(CHANGED)
    assert [each.name for each in made.static_resources.clusters] == ["xds-grpc", "c"]
    assert [each.name for each in made.static_resources.listeners] == ["l", "routes r"]
    assert not made.static_resources.clusters[1].filters
    assert not made.static_resources.listeners[0].filter_chains[0].filters
    assert not made.static_resources.listeners[1].bind_to_port.value


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_exit_code_and_last_words_are_the_verdict(tmp_path: Path) -> None:
    assert verdict(program(tmp_path / "good", "exit 0"), CHANGED) == ("accepted", "")
    assert verdict(program(tmp_path / "bad", "echo first; echo why >&2; exit 1"), CHANGED) == ("rejected", "why")
    strange = program(tmp_path / "strange", "echo \"Didn't find a registered implementation for 'x'\"; exit 1")
    assert verdict(strange, CHANGED)[0] == "unknown"
    assert verdict(tmp_path / "none", CHANGED)[0] == "unknown"


@pytest.mark.live
def test_a_real_envoy_judges() -> None:
    binary = packaged_binary()
    if binary is None:
        pytest.skip("no packaged Envoy")
    clusters = [resource(CLUSTER, Cluster, {"name": "c", "connect_timeout": "1s"}), CHANGED[2]]
    assert verdict(binary, clusters) == ("accepted", "")
    bad = [resource(CLUSTER, Cluster, {"name": "c", "connect_timeout": "-1s"})]
    assert verdict(binary, bad)[0] == "rejected"
