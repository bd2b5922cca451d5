"""Workloads outside Kubernetes become WorkloadEntries of the cluster, with their health, and go when they stay away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from ca.errors import KubernetesError
from pilot.type_urls import CLUSTER, HEALTH
from tests.control_plane import ControlPlane, running
from tests.kubernetes.cluster import TestCluster, running_cluster
from tests.loopback import network
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client
from tests.recordings import node_of

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(200)]

GROUP = """
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: app}
spec:
  metadata: {labels: {app: web}}
  template: {serviceAccount: web}
"""
VM = {
    "id": "sidecar~10.9.0.1~vm.app~app.svc.cluster.local",
    "metadata": {
        "NAMESPACE": "app", "AUTO_REGISTER_GROUP": "vms", "CLUSTER_ID": "Kubernetes",
        "PROXY_CONFIG": {"readinessProbe": {"httpGet": {"port": 80}}},
    },
}  # fmt: skip
ENTRY = "/apis/networking.istio.io/v1/namespaces/app/workloadentries/vms-10.9.0.1"


@pytest.fixture(scope="module")
def whole_cluster() -> Iterator[TestCluster]:
    with running_cluster() as made:
        asyncio.run(_prepare(made))
        yield made


async def _prepare(cluster: TestCluster) -> None:
    await cluster.install_definitions()
    await cluster.close()


@pytest.fixture
async def cluster(whole_cluster: TestCluster) -> AsyncIterator[TestCluster]:
    await whole_cluster.load(GROUP)
    yield whole_cluster
    await whole_cluster.wipe()
    await whole_cluster.close()


def plane_at(cluster: TestCluster, address: str, work: Path, name: str) -> ControlPlane:
    nowhere = ("--meshConfig", str(work / "none"), "--networksConfig", str(work / "none"))
    arguments = ("--kubeconfig", str(cluster.server.kubeconfig), *nowhere)
    environment = {"PILOT_WORKLOAD_ENTRY_GRACE_PERIOD": "1s", "POD_NAME": name, "REVISION": "default"}
    return ControlPlane(address, None, work / name, arguments, environment)


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[Client]:
    channel = grpc.aio.insecure_channel(plane.grpc, [("grpc.use_local_subchannel_pool", 1)])
    client = Client(channel, True)
    client.node = node_of(VM)
    try:
        await client.send(CLUSTER)
        yield client
    finally:
        client.call.cancel()
        await channel.close(None)


async def entry(cluster: TestCluster) -> Any:
    try:
        return await cluster.call("GET", ENTRY)
    except KubernetesError as error:
        if error.status != 404:
            raise
        return None


async def health(cluster: TestCluster) -> str:
    found = await entry(cluster) or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((str(each["status"]) for each in conditions if each["type"] == "Healthy"), "")


async def controller(cluster: TestCluster) -> str:
    return str(((await entry(cluster)) or {"metadata": {}})["metadata"].get("annotations", {}).get(CONTROLLER, ""))


CONTROLLER = "istio.io/workloadController"


async def test_an_entry_comes_says_how_it_is_and_goes(cluster: TestCluster, tmp_path: Path) -> None:
    with network() as addresses:
        async with running(plane_at(cluster, addresses.address(1), tmp_path, "istiod-0")) as plane:
            async with connected(plane) as vm:
                made = await eventually(lambda: entry(cluster))
                assert made["spec"]["address"] == "10.9.0.1"
                assert made["spec"]["serviceAccount"] == "web"
                assert made["metadata"]["labels"]["app"] == "web"
                (owner,) = made["metadata"]["ownerReferences"]
                group = await cluster.call("GET", "/apis/networking.istio.io/v1/namespaces/app/workloadgroups/vms")
                assert (owner["kind"], owner["uid"]) == ("WorkloadGroup", group["metadata"]["uid"])
                annotations = made["metadata"]["annotations"]
                assert annotations[CONTROLLER] == "istiod-0"
                assert annotations["proxy.istio.io/health-checks-enabled"] == "true"
                await vm.send(HEALTH)

                async def is_said(status: str) -> bool:
                    return await health(cluster) == status

                await eventually(lambda: is_said("True"))
                await vm.send(HEALTH, error="broken")
                await eventually(lambda: is_said("False"))

            async def is_gone() -> bool:
                return await entry(cluster) is None

            await eventually(is_gone)


async def test_another_replica_takes_an_entry_over_and_keeps_it(cluster: TestCluster, tmp_path: Path) -> None:
    with network() as addresses:
        first = plane_at(cluster, addresses.address(1), tmp_path, "istiod-0")
        second = plane_at(cluster, addresses.address(2), tmp_path, "istiod-1")
        async with running(first), running(second):
            async with connected(first):
                await eventually(lambda: entry(cluster))
                moved = connected(second)
                await moved.__aenter__()

                async def is_moved() -> bool:
                    return await controller(cluster) == "istiod-1"

                await eventually(is_moved)
            try:
                await asyncio.sleep(3)  # longer than the grace period: nothing may happen
                assert await controller(cluster) == "istiod-1"
            finally:
                await moved.__aexit__(None, None, None)
