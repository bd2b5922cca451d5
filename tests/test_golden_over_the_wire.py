"""Bookinfo over the wire: a real control plane on the recorded directory, asked in both protocols as Envoy asks.

What it answers is what istiod answered, resource by resource. Lists that mean sets are compared as sets.
"""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

import pilot.pipeline  # noqa: F401 - its generators know every type that is unpacked here
from pilot.resources import Resource
from pilot.type_urls import CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, TypeUrl
from tests import recordings
from tests.control_plane import ControlPlane, running
from tests.loopback import network
from tests.pilot.xds.clients import Client
from tests.shared import GOLDEN

SCENARIO = GOLDEN / "01-bookinfo"
PROXIES = recordings.read_proxies(SCENARIO)
KEYS = {"CDS": "name", "EDS": "clusterName", "LDS": "name", "RDS": "name"}


@pytest.fixture
async def control_plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    manifests, mesh = tmp_path / "mesh", tmp_path / "mesh-config"
    manifests.mkdir()
    for path in SCENARIO.glob("input*.yaml"):
        shutil.copy(path, manifests)
    mesh.write_text(recordings.RECORDED_MESH)
    with network() as addresses:
        arguments, environment = ("--meshConfig", str(mesh)), dict(recordings.RECORDED_ENVIRONMENT)
        async with running(ControlPlane(addresses.address(1), manifests, tmp_path, arguments, environment)) as plane:
            yield plane


async def dump(plane: ControlPlane, proxy: str, delta: bool) -> dict[str, dict[str, Any]]:
    """By type, then by name, all that a proxy is served on one stream."""
    async with grpc.aio.insecure_channel(plane.grpc) as channel:
        client = Client(channel, delta)
        client.node = recordings.node_of(PROXIES[proxy])

        async def ask(kind: str, type_url: TypeUrl, *names: str) -> dict[str, Any]:
            said = await client.ask(type_url, *names)
            found = [as_json(getattr(each, "resource", each)) for each in said.message.resources]
            return {each.get(KEYS.get(kind, ""), ""): each for each in found}

        clusters = await ask("CDS", CLUSTER)
        by_eds = [
            each["edsClusterConfig"].get("serviceName", name)
            for name, each in clusters.items()
            if each.get("type") == "EDS"
        ]
        endpoints = await ask("EDS", ENDPOINT, *by_eds)
        listeners = await ask("LDS", LISTENER)
        names = sorted(set(recordings.names_in(list(listeners.values()), "routeConfigName")))
        routes = await ask("RDS", ROUTE, *names) if names else {}
        table = await ask("NDS", NAME_TABLE)
        client.call.cancel()
    return {"CDS": clusters, "EDS": endpoints, "LDS": listeners, "RDS": routes, "NDS": table}


def as_json(packed: Any) -> dict[str, Any]:
    """The message in a `google.protobuf.Any` as JSON values."""
    found: dict[str, Any] = json_format.MessageToDict(
        recordings.message_of(Resource("", packed.SerializeToString(), ""))
    )
    return found


@pytest.mark.parametrize("delta", [False, True], ids=["sotw", "delta"])
async def test_every_proxy_is_served_as_recorded(control_plane: ControlPlane, delta: bool) -> None:
    for proxy in PROXIES:
        recorded = json.loads((SCENARIO / "golden" / f"{proxy}.json").read_text())
        served = await dump(control_plane, proxy, delta)
        for kind, resources in recorded.items():
            wanted = {each.get(KEYS.get(kind, ""), ""): each for each in resources}
            assert sorted(served[kind]) == sorted(wanted), (proxy, kind)
            for name, each in wanted.items():
                assert recordings.canonical(served[kind][name]) == recordings.canonical(each), (proxy, kind, name)
    assert len(control_plane.lines("ADS: new connection")) == len(PROXIES)
    assert control_plane.lines("\terror\t") == []
