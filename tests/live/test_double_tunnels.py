"""Two networks in ambient mode on real Envoys: a waypoint reaches a workload of the other by a tunnel in a tunnel."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from ca.authn import local_issuer
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from pilot.view.proxy import ProxyKind
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live import hbone
from tests.live.hbone import Answer, Ztunnel
from tests.live.mesh import PATIENCE, Mesh, serving
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.waypoint_mesh import GATEWAY, WAYPOINT, pod

pytestmark = pytest.mark.timeout(120)

WAY, ENTRANCE, FAR, INGRESS = 11, 12, 13, 14
HBONE, HTTP = 15008, 8080
HOST = "web.shop.svc.cluster.local"
MESH = "serviceScopeConfigs: [{servicesSelector: {matchLabels: {istio.io/global: 'true'}}, scope: GLOBAL}]"
SWITCHES = {"AMBIENT_ENABLE_MULTI_NETWORK": "true", "AMBIENT_ENABLE_MULTI_NETWORK_INGRESS": "true"}
MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {{name: istio-system, labels: {{topology.istio.io/network: east}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop, labels: {{istio.io/global: "true"}}}}
spec: {{clusterIP: 10.0.0.1, selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 9080}}]}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: far, namespace: shop}}
spec: {{address: {far}, network: west, labels: {{app: web, networking.istio.io/tunnel: http}}, serviceAccount: web}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: to-west, namespace: istio-system, labels: {{topology.istio.io/network: west}}}}
spec:
  gatewayClassName: istio-remote
  addresses: [{{type: IPAddress, value: {entrance}}}]
  listeners: [{{name: hbone, port: 15008, protocol: HBONE, tls: {{mode: Passthrough}}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: eastwest, namespace: istio-system, labels: {{topology.istio.io/network: west}}}}
spec:
  gatewayClassName: istio-east-west
  listeners: [{{name: mesh, port: 15008, protocol: HBONE, tls: {{mode: Terminate}}}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: ingress, namespace: shop}}
spec:
  selector: {{app: ingress}}
  servers: [{{port: {{number: 8080, name: http, protocol: HTTP}}, hosts: ["*"], bind: {ingress}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: ingress, namespace: shop}}
spec:
  hosts: ["*"]
  gateways: [ingress]
  http: [{{route: [{{destination: {{host: web.shop.svc.cluster.local, port: {{number: 80}}}}}}]}}]
"""
BIND = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: bind, namespace: {namespace}}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: {gateway}}}]
  configPatches:
  - applyTo: LISTENER
    match: {{context: SIDECAR_INBOUND, listener: {{name: connect_terminate}}}}
    patch: {{operation: MERGE, value: {{address: {{socket_address: {{address: {address}, port_value: 15008}}}}}}}}
"""
"""Tunnels are taken on all addresses; here on those of the test alone."""


@dataclass
class Scene:
    """The mesh of both networks, a client, and what stands for the ztunnel of the other network."""

    mesh: Mesh
    far: Ztunnel
    client: ssl.SSLContext

    async def get(self) -> Answer:
        """One request for the service through the waypoint."""
        return await hbone.get((self.mesh.network.address(WAY), HBONE), self.client, "10.0.0.1:80")

    async def enter(self) -> tuple[int, str]:
        """One request through the gateway: status, and who answered."""
        where = f"http://{self.mesh.network.address(INGRESS)}:{HTTP}/"
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(where) as answer:
            return answer.status, answer.headers.get("x-server", "")

    async def is_entered(self) -> bool:
        """Whether the other network answers through the gateway."""
        with contextlib.suppress(aiohttp.ClientError):
            return (await self.enter())[0] == 200
        return False

    async def is_answered(self) -> bool:
        """Whether the other network answers."""
        with contextlib.suppress(hbone.TunnelRefusedError, OSError):
            return (await self.get()).status == 200
        return False


def _manifests(addresses: Network) -> str:
    far, entrance, way, ingress = (addresses.address(number) for number in (FAR, ENTRANCE, WAY, INGRESS))
    gateway = "{gateway.networking.k8s.io/gateway-name: waypoint}"
    parts = (
        WAYPOINT,
        GATEWAY,
        MANIFESTS.format(far=far, entrance=entrance, ingress=ingress),
        BIND.format(namespace="shop", gateway="waypoint", address=way),
        BIND.format(namespace="istio-system", gateway="eastwest", address=entrance),
        pod("waypoint-0", way, gateway, captured=False),
    )
    return "\n---\n".join(parts)


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path) -> AsyncIterator[Scene]:
    """The mesh, while the waypoint reaches the other network."""
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        (directory / "mesh.yaml").write_text(MESH)
        arguments = ("--meshConfig", str(directory / "mesh.yaml"))
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory, arguments, SWITCHES)
        mesh = Mesh(directory, addresses, plane)
        mesh.write("mesh.yaml", _manifests(addresses))
        await undo.enter_async_context(control_plane.running(plane))
        await hbone.identity(plane, directory, "shop", "web")
        far = Ztunnel("far")
        await undo.enter_async_context(far.listening(addresses.address(FAR), directory / "shop-web", plane.root))
        for name, namespace, where, number in (
            ("waypoint", "shop", "east", WAY),
            ("eastwest", "istio-system", "west", ENTRANCE),
            ("ingress", "shop", "east", INGRESS),
        ):
            made = _options(name, namespace, where, directory, envoy, plane, addresses.address(number))
            mesh.agents[name] = Agent(made)
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        scene = Scene(mesh, far, await hbone.identity(plane, directory, "shop", "friend"))
        await eventually(partial(Scene.is_answered, scene), within=PATIENCE)
        yield scene
        assert not any((await mesh.rejected()).values())


def _options(
    name: str, namespace: str, where: str, directory: Path, envoy: Path, plane: ControlPlane, address: str
) -> AgentOptions:
    return AgentOptions(
        pod=f"{name}-0",
        namespace=namespace,
        service_account=name,
        kind=ProxyKind.ROUTER if name == "ingress" else ProxyKind.WAYPOINT,
        labels={"app": name} if name == "ingress" else {"gateway.networking.k8s.io/gateway-name": name},
        metadata={"NETWORK": where, "REQUESTED_NETWORK_VIEW": [where] if name == "eastwest" else []},
        ip=address,
        admin=Address(address, 0),
        root=plane.root,
        run_dir=directory / name,
        envoy=envoy,
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), namespace, name),
        concurrency=1,
        drain=timedelta(0),
        statistics=Statistics.ALL,
    )


async def test_waypoints_and_gateways_reach_a_workload_of_another_network(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as scene:
        answer = await scene.get()
        assert (answer.status, answer.headers["x-server"]) == (200, "far")

        opened = scene.far.opened[-1]
        assert (opened[":method"], opened[":authority"], opened["x-forwarded-network"]) == (
            "CONNECT",
            f"{HOST}:80",
            "east",
        )
        assert scene.far.clients[-1] == "spiffe://cluster.local/ns/shop/sa/waypoint", "it is a tunnel from end to end"
        outer = await scene.mesh.admin("eastwest").stats(r"^http\.connect_terminate\.downstream_rq_total$")
        assert sum(outer.values()) > 0, "and inside of another one"

        await eventually(partial(Scene.is_entered, scene), within=PATIENCE)
        assert await scene.enter() == (200, "far")
        assert scene.far.clients[-1] == "spiffe://cluster.local/ns/shop/sa/ingress"
