"""Workloads outside Kubernetes at a real control plane: they come, say how they are, go. And ztunnels ask by key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from ca.state_directory import StateDirectory
from pilot.registrations import kept
from pilot.type_urls import ADDRESS, CLUSTER, ENDPOINT, HEALTH
from tests.ambient_mesh import SHOP
from tests.control_plane import ControlPlane, running
from tests.loopback import network
from tests.machines import GROUP, VM
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client
from tests.recordings import node_of

ASSIGNMENT = "outbound|80||web.app.svc.cluster.local"
CALLER = {"id": "sidecar~10.1.0.9~caller.app~app.svc.cluster.local", "metadata": {"NAMESPACE": "app"}}
ZTUNNEL = {
    "id": "ztunnel~10.1.0.8~z.istio-system~istio-system.svc.cluster.local",
    "metadata": {"NAMESPACE": "istio-system", "NODE_NAME": "n9"},
}


def _plane(address: str, work: Path) -> ControlPlane:
    manifests = work / "manifests"
    manifests.mkdir()
    (manifests / "mesh.yaml").write_text(f"{SHOP}\n---\n{GROUP}")
    return ControlPlane(address, manifests, work, environment={"PILOT_WORKLOAD_ENTRY_GRACE_PERIOD": "1s"})


@asynccontextmanager
async def _stream(plane: ControlPlane, declared: dict[str, Any], *, delta: bool = True) -> AsyncIterator[Client]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    channel = grpc.aio.insecure_channel(plane.grpc, options)
    client = Client(channel, delta)
    client.node = node_of(declared)
    try:
        yield client
    finally:
        client.call.cancel()
        await channel.close(None)


async def _addresses(plane: ControlPlane) -> set[str]:
    """Where a caller is sent."""
    async with _stream(plane, CALLER) as caller:
        said = await caller.ask(ENDPOINT, ASSIGNMENT)
        assignment = ClusterLoadAssignment.FromString(said.message.resources[0].resource.value)
        endpoints = [each for group in assignment.endpoints for each in group.lb_endpoints]
        found = (each.endpoint.address for each in endpoints)
        return {each.socket_address.address or each.envoy_internal_address.endpoint_id for each in found}


async def _reaches(plane: ControlPlane, *, vm: bool) -> bool:
    return ("10.9.0.1" in await _addresses(plane)) == vm


def _saved_as_well(plane: ControlPlane) -> bool:
    saved = kept.load(StateDirectory(plane.state / "registrations"))
    return [each.status for entry in saved for each in entry.status.conditions] == ["True"]


async def _health_counts(plane: ControlPlane, vm: Client) -> None:
    """It is reached while it says that it is well."""
    await vm.send(HEALTH)
    await eventually(lambda: _reaches(plane, vm=True))
    await vm.send(HEALTH, error="broken")
    await eventually(lambda: _reaches(plane, vm=False))
    await vm.send(HEALTH)
    await eventually(lambda: _reaches(plane, vm=True))


@pytest.mark.timeout(90)
async def test_workload_registers_by_connecting_and_is_gone_when_it_stays_away(tmp_path: Path) -> None:
    with network() as addresses:
        async with running(_plane(addresses.address(1), tmp_path)) as plane:
            async with _stream(plane, VM) as vm:
                await vm.ask(CLUSTER)
                assert await _reaches(plane, vm=False)  # it has a probe, and has not said yet that it is well
                await _health_counts(plane, vm)
                await eventually(lambda: _saved_as_well(plane))  # a moment after it is served

                await plane.kill()
                await plane.start()
                assert await _reaches(plane, vm=True)  # remembered
            await eventually(lambda: _reaches(plane, vm=False))


@pytest.mark.timeout(60)
async def test_health_of_a_workload_that_is_declared_counts_while_its_proxy_is_here(tmp_path: Path) -> None:
    declared = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: app, annotations: {proxy.istio.io/health-checks-enabled: "true"}}
spec: {address: 10.9.0.1, labels: {app: web}, serviceAccount: web}
"""
    named = {**VM, "metadata": {"NAMESPACE": "app", "WORKLOAD_ENTRY": "vm", "CLUSTER_ID": "Kubernetes"}}
    with network() as addresses:
        plane = _plane(addresses.address(1), tmp_path)
        (plane.manifests / "vm.yaml").write_text(declared)
        async with running(plane):
            assert await _reaches(plane, vm=False)
            async with _stream(plane, named) as vm:
                await vm.ask(CLUSTER)
                await _health_counts(plane, vm)

                (plane.manifests / "vm.yaml").write_text(declared.replace("10.9.0.1", "10.9.0.2"))
                await eventually(lambda: _goes_to(plane, "10.9.0.2"))
            await eventually(lambda: _goes_to(plane))


async def _goes_to(plane: ControlPlane, *addresses: str) -> bool:
    """Whether callers are sent there, and nowhere else but to the pod."""
    return {each for each in await _addresses(plane) if each.startswith("10.9.")} == set(addresses)


@pytest.mark.timeout(60)
async def test_workload_of_an_unknown_group_is_refused(tmp_path: Path) -> None:
    other = {**VM, "metadata": {**VM["metadata"], "AUTO_REGISTER_GROUP": "others"}}  # type: ignore[dict-item]
    with network() as addresses:
        async with running(_plane(addresses.address(1), tmp_path)) as plane, _stream(plane, other) as vm:
            await vm.send(CLUSTER)
            code, reason = await vm.status()
            assert code == "FAILED_PRECONDITION"
            assert "app/others" in reason


@pytest.mark.timeout(60)
async def test_ztunnel_asks_for_what_an_address_means(tmp_path: Path) -> None:
    with network() as addresses:
        async with running(_plane(addresses.address(1), tmp_path)) as plane, _stream(plane, ZTUNNEL) as ztunnel:
            await ztunnel.send(ADDRESS, "*", unsubscribe=("*",))
            first = await ztunnel.receive()
            assert first.names == []
            await ztunnel.ack(first)
            said = await ztunnel.ask(ADDRESS, "/10.0.0.1", "/192.0.2.1")
            assert set(said.names) == {"app/web.app.svc.cluster.local", "Kubernetes//Pod/app/web-0"}
            assert said.removed == ["/192.0.2.1"]
            aliases = {each.name: list(each.aliases) for each in said.message.resources}
            assert aliases["Kubernetes//Pod/app/web-0"] == ["/10.1.0.1"]

            (plane.manifests / "mesh.yaml").write_text(f"{SHOP.rpartition('---')[0]}\n---\n{GROUP}")
            gone = await ztunnel.receive()
            assert gone.removed == ["Kubernetes//Pod/app/web-0"]


GONE = frozenset(f"Kubernetes//Pod/{'n' * 63}/gone-{number}" for number in range(40_000))
"""What a ztunnel of a large mesh may have: naming it takes more than the 4 MiB that gRPC allows by itself."""
WEB = "Kubernetes//Pod/app/web-0"


@pytest.mark.timeout(60)
async def test_ztunnel_that_comes_back_may_name_40000_resources(tmp_path: Path) -> None:
    with network() as addresses:
        async with running(_plane(addresses.address(1), tmp_path)) as plane:
            for node, (names, less) in {"n2": (("*",), ()), "n3": ((*GONE, WEB, "*"), ("*",))}.items():
                async with _stream(plane, ZTUNNEL) as ztunnel:
                    said = await ztunnel.ask(ADDRESS, "*")
                    versions = {each.name: each.version for each in said.message.resources}
                async with _stream(plane, ZTUNNEL) as ztunnel:
                    claims = dict.fromkeys(GONE, "0123456789abcdef") | {WEB: versions[WEB]}
                    await ztunnel.send(ADDRESS, *names, claims=claims, unsubscribe=less)
                    back = await ztunnel.receive()
                    assert set(back.removed) == GONE
                    assert WEB not in back.names, "it has that"
                    await ztunnel.ack(back)
                    moved = SHOP.replace("nodeName: n1", f"nodeName: {node}")
                    (plane.manifests / "mesh.yaml").write_text(f"{moved}\n---\n{GROUP}")
                    assert (await ztunnel.receive()).names == [WEB], "and hears of what happens next"
