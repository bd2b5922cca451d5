"""Two real API servers, one mesh: what proxies of both are served is what istiod served them; clusters that come, hang
and go.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane import GRPC, HTTP, ControlPlane, running
from tests.kubernetes.cluster import TestCluster, running_cluster
from tests.kubernetes.follower import following
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.shared import shared_path

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(300)]

SECRETS = "/api/v1/namespaces/istio-system/secrets"
ONLY_REMOTE = "outbound|80||only-remote.data.svc.cluster.local"
CART = "outbound|80||cart.shop.svc.cluster.local"


@pytest.fixture(scope="module")
def both_clusters() -> Iterator[tuple[TestCluster, TestCluster]]:
    with running_cluster() as first, running_cluster() as second:
        for each in (first, second):
            asyncio.run(_prepare(each))
        yield first, second


async def _prepare(cluster: TestCluster) -> None:
    await cluster.install_definitions()
    await cluster.close()


@pytest.fixture
async def clusters(both_clusters: tuple[TestCluster, TestCluster]) -> AsyncIterator[tuple[TestCluster, TestCluster]]:
    names = ("cluster-Kubernetes.yaml", "cluster-remote1.yaml")
    for cluster, name in zip(both_clusters, names, strict=True):
        await cluster.load(shared_path("aux", "multicluster", name).read_text())
    mesh = shared_path("aux", "multicluster", "mesh.yaml").read_text()
    maps = "/api/v1/namespaces/istio-system/configmaps"
    await both_clusters[0].call("POST", maps, {"metadata": {"name": "istio"}, "data": {"mesh": mesh}})
    yield both_clusters
    for cluster in both_clusters:
        cluster.server.start_again_if_needed()
        await cluster.wipe()
        await cluster.close()


def kubeconfig(cluster: TestCluster, **user: Any) -> dict[str, Any]:
    server = cluster.server
    authority = base64.b64encode(server.ca_file.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "r", "cluster": {"server": server.url, "certificate-authority-data": authority}}],
        "users": [{"name": "r", "user": user or {"token": server.admin_token}}],
        "contexts": [{"name": "r", "context": {"cluster": "r", "user": "r"}}],
        "current-context": "r",
    }


async def register(cluster: TestCluster, name: str, content: dict[str, Any]) -> None:
    metadata = {"name": f"istio-remote-secret-{name}", "labels": {"istio/multiCluster": "true"}}
    made = {"metadata": metadata, "stringData": {name: json.dumps(content)}}
    await cluster.create(
        {"apiVersion": "v1", "kind": "Secret", **made, "metadata": {**metadata, "namespace": "istio-system"}}
    )


def control_plane(cluster: TestCluster, address: str, work: Path, **environment: str) -> ControlPlane:
    nowhere = ("--meshConfig", str(work / "none"), "--networksConfig", str(work / "none"))
    arguments = ("--kubeconfig", str(cluster.server.kubeconfig), *nowhere)
    return ControlPlane(address, None, work, arguments, {"REVISION": "default", **environment})


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


async def states(plane: ControlPlane) -> dict[str, str]:
    _, text = await plane.get(HTTP, "/debug/clusterz")
    return {each["id"]: each["syncStatus"] for each in json.loads(text)}


async def test_both_clusters_are_served_as_recorded(clusters: tuple[TestCluster, TestCluster], tmp_path: Path) -> None:
    first, second = clusters
    await register(first, "remote1", kubeconfig(second))
    scenario, tools = shared_path("aux", "multicluster"), shared_path("tools")
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane):
            served = str(tmp_path / "served")
            said = await run(
                str(tools / "xdsdump.py"), "--addr", f"{plane.address}:{GRPC}", str(scenario / "proxies.yaml"), served
            )
            assert await states(plane) == {"Kubernetes": "synced", "remote1": "synced"}
    compared = await run(str(tools / "goldendiff.py"), str(scenario / "golden"), served, "--show", "3")
    matched, total = (int(each) for each in compared.rsplit("match ", 1)[-1].split(" ")[0].split("/"))
    assert matched == total, said + compared


async def test_a_cluster_comes_hangs_and_goes_while_others_are_served(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path)
        async with running(plane), following(plane.grpc, ONLY_REMOTE, CART) as proxy:
            await eventually(lambda: CART in proxy.clusters)
            assert ONLY_REMOTE not in proxy.clusters
            await register(first, "remote1", kubeconfig(second))
            await eventually(lambda: ONLY_REMOTE in proxy.clusters)
            second.server.kill()
            await eventually(lambda: plane.lines("what was known stays"))
            assert ONLY_REMOTE in proxy.clusters
            second.server.start_again()
            await first.call("DELETE", f"{SECRETS}/istio-remote-secret-remote1")
            await eventually(lambda: ONLY_REMOTE not in proxy.clusters)
            assert CART in proxy.clusters
            assert await states(plane) == {"Kubernetes": "synced"}


async def test_one_that_does_not_answer_or_may_not_be_used_delays_nobody(
    clusters: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    first, second = clusters
    unreachable = kubeconfig(second)
    unreachable["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    await register(first, "silent", unreachable)
    await register(first, "program", kubeconfig(second, exec={"command": "/bin/true", "apiVersion": "v1"}))
    with network() as addresses:
        plane = control_plane(first, addresses.address(1), tmp_path, PILOT_REMOTE_CLUSTER_TIMEOUT="1s")
        async with running(plane):
            assert (await plane.get(HTTP, "/ready"))[0] == 200
            assert (await states(plane))["silent"] == "timeout"
            assert plane.lines("program", "authentication by exec is refused")
