"""An API server that dies under load takes nothing away; the program even starts without one; a burst is few pushes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pilot.type_urls import CLUSTER, ENDPOINT
from tests.control_plane import HTTP, ControlPlane, running
from tests.kubernetes.cluster import TestCluster, reading, running_cluster
from tests.kubernetes.follower import following
from tests.loopback import network
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(180)]

WEB = "outbound|80||web.default.svc.cluster.local"


def service(name: str, **spec: Any) -> dict[str, Any]:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port], **spec}}


def endpoint_slice(name: str, owner: str, *addresses: str) -> dict[str, Any]:
    labels = {"kubernetes.io/service-name": owner}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": [{"addresses": [each]} for each in addresses],
    }


SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


@pytest.fixture(scope="module")
def only_cluster() -> Iterator[TestCluster]:
    with running_cluster() as made:
        made.note_what_is_there()
        yield made


@pytest.fixture
async def cluster(only_cluster: TestCluster) -> AsyncIterator[TestCluster]:
    await only_cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
    await only_cluster.create(service("web"))
    await only_cluster.create(endpoint_slice("web-1", "web", "10.1.0.1"))
    yield only_cluster
    await only_cluster.wipe()
    await only_cluster.close()


@contextlib.contextmanager
def control_plane(cluster: TestCluster, work: Path) -> Iterator[ControlPlane]:
    arguments = (*reading(cluster.server.kubeconfig, work), "--warmStart")
    with network() as addresses:
        yield ControlPlane(addresses.address(1), None, work, arguments)


async def flip_endpoints(cluster: TestCluster) -> None:
    """Load, until it is cancelled: one address comes and goes."""
    number = 0
    while True:
        number = (number + 1) % 200
        changed = {"endpoints": [{"addresses": [f"10.2.0.{number + 1}"]}]}
        with contextlib.suppress(Exception):
            await cluster.call("PATCH", f"{SLICES}/busy-1", changed)


async def test_server_killed_under_load_takes_nothing_away_and_is_followed_again(
    cluster: TestCluster, tmp_path: Path
) -> None:
    await cluster.create(service("busy"))
    await cluster.create(endpoint_slice("busy-1", "busy", "10.2.0.1"))
    with control_plane(cluster, tmp_path) as plane:
        async with running(plane), following(plane.grpc, WEB) as proxy:
            await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1"})
            load = asyncio.create_task(flip_endpoints(cluster))
            await eventually(lambda: plane.lines("push") or proxy.messages[CLUSTER] >= 1)
            cluster.server.kill()
            await eventually(lambda: plane.lines("what was known stays"))
            async with following(plane.grpc, WEB) as newcomer:
                await eventually(lambda: newcomer.endpoints.get(WEB) == {"10.1.0.1"})
                assert {each for each in newcomer.clusters if "web" in each or "busy" in each} >= {WEB}
            assert (await plane.get(HTTP, "/ready"))[0] == 200
            assert "not up to date" in (await plane.get(HTTP, "/debug/problems"))[1]
            cluster.server.start_again()
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await cluster.create(endpoint_slice("web-2", "web", "10.1.0.2"))
            await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1", "10.1.0.2"}, within=40)
            assert WEB in proxy.clusters
            await eventually(lambda: is_current(plane), within=40)


async def is_current(plane: ControlPlane) -> bool:
    return "not up to date" not in (await plane.get(HTTP, "/debug/problems"))[1]


async def test_program_starts_without_api_server_from_what_it_knew(cluster: TestCluster, tmp_path: Path) -> None:
    maps = "/api/v1/namespaces/istio-system/configmaps"
    await cluster.call("POST", maps, {"metadata": {"name": "istio"}, "data": {"mesh": "accessLogFile: /dev/stdout"}})
    await cluster.create(service("gone"))
    with control_plane(cluster, tmp_path) as plane:
        async with running(plane):
            assert await plane.stop() == 0
        assert (tmp_path / "state" / "cluster.jsonl").exists()
        await cluster.call("DELETE", "/api/v1/namespaces/default/services/gone")
        cluster.server.kill()
        try:
            async with running(plane), following(plane.grpc, WEB) as proxy:
                await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1"})
                assert any("gone" in each for each in proxy.clusters)
                assert plane.lines("the API server does not answer", "objects are served as they were known before")
                cluster.server.start_again()
                await eventually(lambda: not any("gone" in each for each in proxy.clusters), within=40)
                await cluster.create(endpoint_slice("web-2", "web", "10.1.0.2"))
                await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1", "10.1.0.2"})
        finally:
            cluster.server.start_again_if_needed()


async def test_nothing_is_ready_without_api_server_where_nothing_was_known(
    cluster: TestCluster, tmp_path: Path
) -> None:
    cluster.server.kill()
    try:
        with control_plane(cluster, tmp_path) as plane:
            starting = asyncio.create_task(plane.start())
            await eventually(lambda: plane.lines("what was known stays"))
            assert (await plane.get(HTTP, "/ready"))[0] == 503
            cluster.server.start_again()
            await asyncio.wait_for(starting, 40)
            await plane.kill()
    finally:
        cluster.server.start_again_if_needed()


async def test_five_thousand_objects_at_once_are_few_pushes(cluster: TestCluster, tmp_path: Path) -> None:
    """500 Services with 4,500 slices: written into the store, since no API server takes them as fast."""
    with control_plane(cluster, tmp_path) as plane:
        async with running(plane), following(plane.grpc, WEB) as proxy:
            await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1"})
            before = proxy.messages.copy()
            made = {}
            for number in range(500):
                declared = service(f"burst-{number}", clusterIP="None", clusterIPs=["None"], type="ClusterIP")
                made[f"/registry/services/specs/default/burst-{number}"] = declared
            for number in range(4499):
                address = f"10.3.{number // 250}.{number % 250}"
                declared = endpoint_slice(f"burst-{number}", f"burst-{number % 500}", address)
                made[f"/registry/endpointslices/default/burst-{number}"] = declared
            last = endpoint_slice("web-2", "web", "10.1.0.2")
            await asyncio.to_thread(cluster.put_into_store, {**made, "/registry/endpointslices/default/web-2": last})
            await eventually(lambda: sum("burst" in each for each in proxy.clusters) == 500, within=60)
            await eventually(lambda: proxy.endpoints.get(WEB) == {"10.1.0.1", "10.1.0.2"}, within=60)
            pushed = proxy.messages - before
            assert pushed[CLUSTER] <= 30, pushed
            assert pushed[ENDPOINT] <= 30, pushed
            answered, _ = await plane.get(HTTP, "/ready")
            assert answered == 200
