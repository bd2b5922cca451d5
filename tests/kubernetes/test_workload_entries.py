"""Workloads outside Kubernetes become WorkloadEntries of the cluster, with their health, and go when they stay away."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from ca.errors import KubernetesError
from pilot.agent import tether
from pilot.type_urls import CLUSTER, ENDPOINT, HEALTH
from tests.control_plane import SECURE, ControlPlane, running
from tests.envoys import newest_envoy
from tests.kubernetes.cluster import TestCluster, reading
from tests.loopback import network
from tests.machines import GROUP, VM
from tests.pilot.agent.eventually import eventually
from tests.pilot.xds.clients import Client
from tests.recordings import node_of

pytestmark = [pytest.mark.kubernetes, pytest.mark.shared, pytest.mark.timeout(200)]

ENTRY = "/apis/networking.istio.io/v1/namespaces/app/workloadentries/vms-10.9.0.1"


@pytest.fixture
async def cluster(cluster: TestCluster) -> TestCluster:
    await cluster.load(GROUP)
    return cluster


def plane_at(cluster: TestCluster, address: str, work: Path, name: str, *more: str, grace: str = "1s") -> ControlPlane:
    arguments = (*reading(cluster.server.kubeconfig, work), *more)
    environment = {"PILOT_WORKLOAD_ENTRY_GRACE_PERIOD": grace, "POD_NAME": name, "REVISION": "default"}
    return ControlPlane(address, None, work / name, arguments, environment)


@asynccontextmanager
async def connected(plane: ControlPlane, declared: Mapping[str, Any] = VM) -> AsyncIterator[Client]:
    channel = grpc.aio.insecure_channel(plane.grpc, [("grpc.use_local_subchannel_pool", 1)])
    client = Client(channel, True)
    client.node = node_of(dict(declared))
    try:
        await client.send(CLUSTER)
        yield client
    finally:
        client.call.cancel()
        await channel.close(None)


class Doorman:
    """A TCP port that leads to one control plane or the other, as a Service does."""

    def __init__(self) -> None:
        self.leads_to = ""
        self._connections: set[asyncio.Task[None]] = set()

    def turn_to(self, address: str) -> None:
        """From now on; whoever is connected to the other one has to come again."""
        self.leads_to = address
        for each in self._connections:
            each.cancel()

    @asynccontextmanager
    async def standing(self, address: str) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._let_in, address, SECURE)
        try:
            yield
        finally:
            server.close()
            self.turn_to("")
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            inner, to_inner = await asyncio.open_connection(self.leads_to, SECURE)
            with contextlib.closing(to_inner):
                await asyncio.gather(_copy(reader, to_inner), _copy(inner, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def machine(cluster: TestCluster, doorman: str, address: str, work: Path) -> AsyncIterator[Callable[[], None]]:
    """`meshpilot proxy` on a machine whose program listens on port 80 of its address; what it gets asks it to stop."""
    roots = await eventually(lambda: cluster_roots(cluster), within=30)
    (work / "root-cert.pem").write_text(roots)
    account = f"/api/v1/namespaces/app/serviceaccounts/{ACCOUNT}"
    spec = {"spec": {"audiences": ["istio-ca"], "expirationSeconds": 600}}
    token = (await cluster.call("POST", f"{account}/token", spec))["status"]["token"]
    look = {"tcpSocket": {"host": address, "port": PROGRAM}, "periodSeconds": 1, "failureThreshold": 1}
    flags = {
        "id": "vm", "namespace": "app", "service-account": ACCOUNT, "ip": address, "admin": f"{address}:0",
        "discovery": f"{doorman}:{SECURE}", "root": str(work / "root-cert.pem"), "run-dir": str(work / "vm"),
        "drain": "1", "concurrency": "1", "envoy": str(newest_envoy()), "labels": "app=web",
    }  # fmt: skip
    metadata = ("AUTO_REGISTER_GROUP=vms", f"PROXY_CONFIG:={json.dumps({'readinessProbe': look})}")
    options = [part for name, value in flags.items() for part in (f"--{name}", value)]
    options += [part for each in metadata for part in ("--meta", each)]
    tied = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    log = work / "vm.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(*tied, sys.executable, "-m", "pilot.cli.main", "proxy", *options),
            env=os.environ | {"MESHPILOT_TOKEN": token},
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield process.terminate
        assert await asyncio.wait_for(process.wait(), 15) == 0
    except BaseException:
        print(f"--- the log of the machine's agent\n{log.read_text()[-4000:]}")
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def cluster_roots(cluster: TestCluster) -> str:
    """What workloads of the namespace trust; empty while nobody has written it."""
    try:
        found = await cluster.call("GET", "/api/v1/namespaces/app/configmaps/istio-ca-root-cert")
    except KubernetesError:
        return ""
    return str(found["data"]["root-cert.pem"])


async def addresses_of(plane: ControlPlane) -> set[str]:
    """Where a sidecar of the cluster would send calls for the service."""
    channel = grpc.aio.insecure_channel(plane.grpc, [("grpc.use_local_subchannel_pool", 1)])
    client = Client(channel, True)
    try:
        said = await client.ask(ENDPOINT, "outbound|80||web.app.svc.cluster.local")
    finally:
        client.call.cancel()
        await channel.close(None)
    groups = ClusterLoadAssignment.FromString(said.message.resources[0].resource.value).endpoints
    return {each.endpoint.address.socket_address.address for group in groups for each in group.lb_endpoints}


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


DECLARED = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: declared, namespace: app}
spec: {address: 10.9.0.1, serviceAccount: web}
"""
PROGRAM, ACCOUNT = 8080, "web"
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: app}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: app}
"""
CONTROLLER, CONNECTED = "istio.io/workloadController", "istio.io/connectedAt"


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
            await _declared_entry_gets_its_health(cluster, plane)


async def _declared_entry_gets_its_health(cluster: TestCluster, plane: ControlPlane) -> None:
    """Of an entry that somebody made only the condition comes and goes."""
    await cluster.load(DECLARED)
    named = {**VM, "metadata": {"NAMESPACE": "app", "WORKLOAD_ENTRY": "declared", "CLUSTER_ID": "Kubernetes"}}

    async def is_said(status: str) -> bool:
        found = await cluster.call("GET", ENTRY.replace("vms-10.9.0.1", "declared"))
        conditions = (found.get("status") or {}).get("conditions") or ()
        return [each["status"] for each in conditions if each["type"] == "Healthy"] == ([status] if status else [])

    async with connected(plane, named) as vm:

        async def is_told() -> bool:
            await vm.send(HEALTH, error="broken")
            return await is_said("False")

        await eventually(is_told)  # the entry may not have been seen when its proxy came
        await vm.send(HEALTH)
        await eventually(lambda: is_said("True"))
    await eventually(lambda: is_said(""))


async def test_another_replica_takes_an_entry_over_and_keeps_it(cluster: TestCluster, tmp_path: Path) -> None:
    with network() as addresses:
        first = plane_at(cluster, addresses.address(1), tmp_path, "istiod-0")
        second = plane_at(cluster, addresses.address(2), tmp_path, "istiod-1")
        async with contextlib.AsyncExitStack() as undo:
            await asyncio.gather(*(undo.enter_async_context(running(each)) for each in (first, second)))
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


async def test_what_a_killed_replica_left_is_taken_away_by_another(cluster: TestCluster, tmp_path: Path) -> None:
    short = ("--keepaliveMaxServerConnectionAge", "2s")
    with network() as addresses:
        first = plane_at(cluster, addresses.address(1), tmp_path, "istiod-0", *short)
        async with running(first), connected(first):
            await eventually(lambda: entry(cluster))
            await first.kill()
        assert CONNECTED in (await entry(cluster))["metadata"]["annotations"]  # nobody said that it went
        async with running(plane_at(cluster, addresses.address(2), tmp_path, "istiod-1", *short, grace="100ms")):

            async def is_gone() -> bool:
                return await entry(cluster) is None

            await eventually(is_gone)


@pytest.mark.live
async def test_a_machine_is_served_while_it_is_well_by_whichever_replica(cluster: TestCluster, tmp_path: Path) -> None:
    """A real agent with a real Envoy; its stream moves from one replica to the other, and the entry stays."""
    await cluster.load(SERVICE)
    with network() as addresses:
        planes = [plane_at(cluster, addresses.address(n), tmp_path, f"istiod-{n}") for n in (1, 2)]
        doorman, place = Doorman(), addresses.address(31)
        path = ENTRY.replace("10.9.0.1", place)

        async def is_so(status: str, controller: str) -> bool:
            try:
                found = await cluster.call("GET", path)
            except KubernetesError as error:
                return error.status == 404 and not status
            conditions = (found.get("status") or {}).get("conditions") or ()
            told = {each["type"]: each["status"] for each in conditions}
            annotations = found["metadata"]["annotations"]
            return (told.get("Healthy"), annotations.get(CONTROLLER)) == (status, controller)

        async def is_served(plane: ControlPlane, *, wanted: bool = True) -> bool:
            return (await addresses_of(plane) == {place}) is wanted

        program = await asyncio.start_server(lambda _, writer: writer.close(), place, PROGRAM)
        async with contextlib.AsyncExitStack() as undo:
            await undo.enter_async_context(doorman.standing(addresses.address(9)))
            await asyncio.gather(*(undo.enter_async_context(running(each)) for each in planes))
            doorman.turn_to(planes[0].address)
            async with machine(cluster, addresses.address(9), place, tmp_path) as stop:
                await eventually(lambda: is_so("True", "istiod-1"), within=30)
                for each in planes:
                    await eventually(lambda each=each: is_served(each))  # type: ignore[misc]
                program.close()
                await program.wait_closed()
                await eventually(lambda: is_so("False", "istiod-1"))
                await eventually(lambda: is_served(planes[1], wanted=False))

                doorman.turn_to(planes[1].address)
                await eventually(lambda: is_so("False", "istiod-2"))
                program = await asyncio.start_server(lambda _, writer: writer.close(), place, PROGRAM)
                await eventually(lambda: is_so("True", "istiod-2"))
                await eventually(lambda: is_served(planes[0]))
                await planes[0].stop()
                assert await is_so("True", "istiod-2"), "whose stream it was has nothing to take away"
                stop()
                await eventually(lambda: is_served(planes[1], wanted=False))
            await eventually(lambda: is_so("", ""))
        program.close()
