"""Sidecars and gateways reach workloads without sidecars by tunnels, through a waypoint where a service asks for it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ca.authn import local_issuer
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from pilot.view.proxy import ProxyKind
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.envoys import newest_envoy
from tests.live import hbone
from tests.live.hbone import Ztunnel
from tests.live.mesh import PATIENCE, Mesh, serving
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.waypoint_mesh import GATEWAY, pod

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CLIENT, GATE, WAYPOINT = "client", "gate", "waypoint"
NUMBERS = {CLIENT: 11, GATE: 12, WAYPOINT: 13, "web": 21}
EGRESS = 101
"""Last part of the address where the client's calls leave."""
PORT = 9080
KINDS = {CLIENT: ProxyKind.SIDECAR, GATE: ProxyKind.ROUTER, WAYPOINT: ProxyKind.WAYPOINT}
LABELS = {
    CLIENT: {"app": CLIENT},
    GATE: {"istio": GATE},
    WAYPOINT: {"gateway.networking.k8s.io/gateway-name": WAYPOINT},
}
PLAIN, GUARDED = "web", "guarded"
"""Services of the same workload; before the second stands a waypoint, for gateways too."""
MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec: {{clusterIP: 10.0.0.1, selector: {{app: web}}, ports: [{{name: http, port: {port}}}]}}
---
apiVersion: v1
kind: Service
metadata:
  name: guarded
  namespace: shop
  labels: {{istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: "true"}}
spec: {{clusterIP: 10.0.0.2, selector: {{app: web}}, ports: [{{name: http, port: {port}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: waypoint, namespace: shop, labels: {{gateway.istio.io/managed: istio.io-mesh-controller}}}}
spec:
  clusterIP: 10.0.0.100
  selector: {{gateway.networking.k8s.io/gateway-name: waypoint}}
  ports: [{{name: mesh, port: 15008, appProtocol: hbone}}]
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: bind, namespace: shop}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}}]
  configPatches:
  - applyTo: LISTENER
    match: {{context: SIDECAR_INBOUND, listener: {{name: connect_terminate}}}}
    patch: {{operation: MERGE, value: {{address: {{socket_address: {{address: {waypoint}, port_value: 15008}}}}}}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: client, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: client}}}}
  egress: [{{port: {{number: {port}, protocol: HTTP, name: http}}, bind: {egress}, hosts: ["./*"]}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gate, namespace: shop}}
spec:
  selector: {{istio: gate}}
  servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, bind: {gate}, hosts: ["*"]}}]
"""
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}]
  gateways: [gate]
  http: [{{route: [{{destination: {{host: {name}}}}}]}}]
"""
DENY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guarded, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: guarded}]
  action: DENY
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/gate]}}], to: [{operation: {paths: [/private]}}]}]
"""


@dataclass
class Scene:
    """The mesh, and where the tunnels of the workload end."""

    mesh: Mesh
    web: Ztunnel

    async def get(self, number: int, host: str, path: str = "/") -> int:
        """The status of a request: of the client, or of somebody outside at the gateway."""
        url = f"http://{self.mesh.network.address(number)}:{PORT}{path}"
        headers = {"host": f"{host}.shop.svc.cluster.local"}
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(url, headers=headers) as answer:
            return answer.status

    async def answers(self, number: int, host: str, status: int, path: str = "/") -> bool:
        """Whether that is the status (for `eventually`)."""
        with contextlib.suppress(aiohttp.ClientError):
            return await self.get(number, host, path) == status
        return False


def _manifests(addresses: Network) -> str:
    named = {name: addresses.address(number) for name, number in NUMBERS.items()}
    fixed = MANIFESTS.format(port=PORT, egress=addresses.address(EGRESS), **named)
    own = "{gateway.networking.k8s.io/gateway-name: waypoint}"
    pods = (pod("web", named["web"]), pod("waypoint-0", named[WAYPOINT], own, captured=False))
    routes = (ROUTE.format(name=name) for name in (PLAIN, GUARDED))
    return "\n---\n".join((fixed, GATEWAY, *pods, *routes))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """One mesh for every test of this module."""
    directory = tmp_path_factory.mktemp("tunnels")
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory)
        mesh = Mesh(directory, addresses, plane)
        mesh.write("mesh.yaml", _manifests(addresses))
        await undo.enter_async_context(control_plane.running(plane))
        await hbone.identity(plane, directory, "shop", "web")
        web = Ztunnel("web")
        where = addresses.address(NUMBERS["web"])
        await undo.enter_async_context(web.listening(where, directory / "shop-web", plane.root))
        for name in KINDS:
            mesh.agents[name] = Agent(_options(name, directory, plane, addresses.address(NUMBERS[name])))
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        made = Scene(mesh, web)
        for number in (EGRESS, NUMBERS[GATE]):
            for name in (PLAIN, GUARDED):
                await eventually(partial(made.answers, number, name, 200), within=PATIENCE)
        yield made
        assert not any((await mesh.rejected()).values())


def _options(name: str, directory: Path, plane: ControlPlane, address: str) -> AgentOptions:
    return AgentOptions(
        pod=name,
        namespace="shop",
        service_account=name,
        kind=KINDS[name],
        labels=LABELS[name],
        ip=address,
        admin=Address(address, 0),
        root=plane.root,
        run_dir=directory / name,
        envoy=newest_envoy(),
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), "shop", name),
        concurrency=1,
        drain=timedelta(0),
        statistics=Statistics.ALL,
    )


@pytest.mark.parametrize(("number", "who"), [(EGRESS, CLIENT), (NUMBERS[GATE], GATE)], ids=[CLIENT, GATE])
async def test_sidecars_and_gateways_open_tunnels_to_a_workload_without_a_sidecar(
    scene: Scene, number: int, who: str
) -> None:
    assert await scene.get(number, PLAIN) == 200
    assert f"spiffe://cluster.local/ns/shop/sa/{who}" in scene.web.clients
    assert {each[":authority"] for each in scene.web.opened} == {f"{scene.mesh.network.address(NUMBERS['web'])}:{PORT}"}
    opened = await scene.mesh.admin(who).stats(r"^cluster\.connect_originate;?\.upstream_rq_total$")
    assert sum(opened.values()) > 0


async def test_a_gateway_goes_through_the_waypoint_of_a_service_that_asks_for_it(scene: Scene) -> None:
    before = await _tunnels(scene)
    assert await scene.get(NUMBERS[GATE], GUARDED) == 200
    scene.mesh.write("policy.yaml", DENY)
    await eventually(partial(scene.answers, NUMBERS[GATE], GUARDED, 403, "/private"))
    assert await _tunnels(scene) >= before > 0
    assert "spiffe://cluster.local/ns/shop/sa/waypoint" in scene.web.clients
    assert await scene.get(NUMBERS[GATE], GUARDED) == 200
    assert await scene.get(NUMBERS[GATE], PLAIN, "/private") == 200, "the other service has no waypoint"
    assert await scene.get(EGRESS, GUARDED, "/private") == 200, "sidecars go straight to the workload"


async def _tunnels(scene: Scene) -> int:
    """How many ended at the waypoint."""
    return sum((await scene.mesh.admin(WAYPOINT).stats(r"^http\.connect_terminate\.downstream_rq_total$")).values())
