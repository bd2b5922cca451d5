"""The ConfigMap of the mesh while the program runs: which namespaces it sees, and what a mistake does."""

from pathlib import Path
from typing import Any

import pytest

from tests.control_plane import ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading
from tests.kubernetes.follower import Follower, following
from tests.loopback import network
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(120)]
MAPS = "/api/v1/namespaces/istio-system/configmaps"
SELECTING = "discoverySelectors: [{matchLabels: {mesh: ours}}]\n"


@pytest.fixture
async def cluster(cluster: TestCluster) -> TestCluster:
    for name, labels in {"istio-system": {}, "shop": {"mesh": "ours"}, "bank": {}}.items():
        labelled = {"name": name, "labels": labels}
        await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": labelled})
        metadata: dict[str, Any] = {"name": "web", "namespace": name}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        await cluster.create(service)
    return cluster


def seen(proxy: Follower) -> set[str]:
    """Namespaces whose service `web` has a cluster."""
    return {each.split(".")[1] for each in proxy.clusters if each.startswith("outbound|80||web.")}


async def test_selectors_change_what_is_seen_at_run_time(cluster: TestCluster, tmp_path: Path) -> None:
    arguments = reading(cluster.server.kubeconfig, tmp_path)
    with network() as addresses:
        plane = ControlPlane(addresses.address(1), None, tmp_path, arguments)
        async with running(plane), following(plane.grpc) as proxy:
            await eventually(lambda: seen(proxy) == {"istio-system", "shop", "bank"})
            await cluster.call("POST", MAPS, {"metadata": {"name": "istio"}, "data": {"mesh": SELECTING}})
            await eventually(lambda: seen(proxy) == {"shop"})
            label = {"metadata": {"labels": {"mesh": "ours"}}}
            await cluster.call("PATCH", "/api/v1/namespaces/bank", label)
            await eventually(lambda: seen(proxy) == {"shop", "bank"})
            await cluster.call("PATCH", f"{MAPS}/istio", {"data": {"mesh": "discoverySelectors: 5\n"}})
            await eventually(lambda: plane.lines("ConfigMap istio", "discoverySelectors"))
            await cluster.call("PATCH", "/api/v1/namespaces/shop", {"metadata": {"labels": {"mesh": None}}})
            await eventually(lambda: seen(proxy) == {"bank"})
            await cluster.call("PATCH", f"{MAPS}/istio", {"data": {"mesh": ""}})
            await eventually(lambda: seen(proxy) == {"istio-system", "shop", "bank"})
