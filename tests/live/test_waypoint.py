"""A waypoint as a real Envoy: clients that speak HBONE, policies by identity, routes of the Gateway API."""

import asyncio
import contextlib
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from ca.authn import local_issuer
from pilot.agent import tether
from pilot.agent.admin import AdminClient
from pilot.agent.agent import Agent
from pilot.agent.options import Address, AgentOptions, Statistics
from pilot.demo.stage import IssuedToken
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.live import hbone
from tests.live.client_side import Server
from tests.live.hbone import Answer
from tests.live.mesh import PATIENCE, Mesh, serving
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.waypoint_mesh import GATEWAY, WAYPOINT, pod

pytestmark = pytest.mark.timeout(120)

LIVE_WITHIN = 8.0
VIP = "10.0.0.1:80"
NUMBER, HBONE = 11, 15008
SERVERS = {"web-1": 21, "web-2": 22}
PORT = 9080
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {vip}, selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: {port}}}]}}
"""
BIND = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: {name}, namespace: shop}}
spec:
  {whose}
  configPatches:
  - applyTo: LISTENER
    match: {{context: SIDECAR_INBOUND, listener: {{name: connect_terminate}}}}
    patch: {{operation: MERGE, value: {{address: {{socket_address: {{address: {address}, port_value: 15008}}}}}}}}
"""
"""Tunnels are taken on all addresses; here on those of the test alone."""
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: web-1}]
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/friend]}}]
    to: [{operation: {methods: [GET], paths: [/allowed*]}}]
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: web-1, port: 80}]
  rules:
  - matches: [{headers: [{name: x-to, value: two}]}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-routed, value: "yes"}]}}]
    backendRefs: [{name: web-2, port: 80}]
  - backendRefs: [{name: web-1, port: 80}]
"""


@dataclass
class Scene:
    """A mesh with one waypoint, and clients of it."""

    mesh: Mesh
    servers: dict[str, Server]
    friend: ssl.SSLContext
    stranger: ssl.SSLContext

    async def get(self, who: ssl.SSLContext, path: str = "/", **headers: str) -> Answer:
        """One request for web-1 through the waypoint."""
        return await hbone.get((self.mesh.network.address(NUMBER), HBONE), who, VIP, path, **headers)


def _manifests(addresses: Network) -> str:
    gateway = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: waypoint}]"
    sidecar = "workloadSelector: {labels: {app: web-2}}"
    parts = [WAYPOINT, GATEWAY, BIND.format(name="a", whose=gateway, address=addresses.address(NUMBER))]
    parts.append(BIND.format(name="b", whose=sidecar, address=addresses.address(SERVERS["web-2"])))
    own = "{gateway.networking.k8s.io/gateway-name: waypoint}"
    parts.append(pod("waypoint-0", addresses.address(NUMBER), own, captured=False))
    for count, (name, number) in enumerate(SERVERS.items(), 1):
        parts.append(SERVICE.format(name=name, vip=f"10.0.0.{count}", port=PORT))
        tunnelled = ", networking.istio.io/tunnel: http" if name == "web-2" else ""
        parts.append(pod(name, addresses.address(number), f"{{app: {name}{tunnelled}}}", captured=False))
    return "\n---\n".join(parts)


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path) -> AsyncIterator[Scene]:
    """The mesh, while the waypoint answers."""
    async with contextlib.AsyncExitStack() as undo:
        addresses = undo.enter_context(network())
        plane = ControlPlane(addresses.address(1), directory / "manifests", directory)
        mesh = Mesh(directory, addresses, plane)
        mesh.write("mesh.yaml", _manifests(addresses))
        await undo.enter_async_context(control_plane.running(plane))
        servers = {name: Server(name) for name in SERVERS}
        for name, number in SERVERS.items():
            await undo.enter_async_context(servers[name].listening(addresses.address(number), PORT))
        mesh.agents["web-2"] = Agent(_options("web-2", directory, envoy, plane, addresses.address(SERVERS["web-2"])))
        waypoint = await undo.enter_async_context(_waypoint(directory, envoy, plane, addresses.address(NUMBER)))
        await undo.enter_async_context(serving(tuple(mesh.agents.values())))
        scene = Scene(
            mesh,
            servers,
            await hbone.identity(plane, directory, "shop", "friend"),
            await hbone.identity(plane, directory, "shop", "stranger"),
        )
        await eventually(partial(_answers, partial(scene.get, scene.friend), 200), within=PATIENCE)
        yield scene
        assert not any((await mesh.rejected()).values())
        assert not any((await waypoint.stats("update_rejected$")).values())


@contextlib.asynccontextmanager
async def _waypoint(directory: Path, envoy: Path, plane: ControlPlane, address: str) -> AsyncIterator[AdminClient]:
    """`meshpilot proxy waypoint`, once its Envoy has started."""
    run_dir = directory / "waypoint-0"
    flags = {
        "id": "waypoint-0", "namespace": "shop", "service-account": "waypoint-0", "ip": address,
        "labels": "gateway.networking.k8s.io/gateway-name=waypoint", "admin": f"{address}:0",
        "root": str(plane.root), "discovery": f"{plane.address}:{control_plane.SECURE}", "run-dir": str(run_dir),
        "concurrency": "1", "drain": "0", "stats": "all", "envoy": str(envoy),
    }  # fmt: skip
    options = [part for name, value in flags.items() for part in (f"--{name}", value)]
    token = local_issuer.load_or_create(plane.state).issue("shop", "waypoint-0")
    tied = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    process = await asyncio.create_subprocess_exec(
        *(*tied, sys.executable, "-m", "pilot.cli.main", "proxy", "waypoint", *options),
        env=os.environ | {"MESHPILOT_TOKEN": token},
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        told = run_dir / "agent.json"
        await eventually(told.exists, within=PATIENCE)
        host, _, port = json.loads(told.read_text())["admin"].rpartition(":")
        async with AdminClient(Address(host, int(port))) as admin:
            yield admin
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _options(name: str, directory: Path, envoy: Path, plane: ControlPlane, address: str) -> AgentOptions:
    return AgentOptions(
        pod=name,
        namespace="shop",
        service_account=name,
        labels={"app": name},
        metadata={"ENABLE_HBONE": "true"},
        ip=address,
        admin=Address(address, 0),
        root=plane.root,
        run_dir=directory / name,
        envoy=envoy,
        discovery=Address(plane.address, control_plane.SECURE),
        token=IssuedToken(local_issuer.load_or_create(plane.state), "shop", name),
        concurrency=1,
        drain=timedelta(0),
        statistics=Statistics.ALL,
    )


async def _answers(ask: Callable[[], Awaitable[Answer]], status: int, server: str = "") -> bool:
    try:
        answer = await ask()
    except (hbone.TunnelRefusedError, OSError):
        return False
    return answer.status == status and (not server or answer.headers.get("x-server") == server)


async def test_a_waypoint_allows_and_denies_requests_by_who_asks_and_what_for(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as scene:
        assert (await scene.get(scene.stranger)).status == 200
        scene.mesh.write("policy.yaml", POLICY)
        await eventually(partial(_answers, partial(scene.get, scene.stranger, "/allowed"), 403), within=LIVE_WITHIN)

        assert (await scene.get(scene.friend, "/allowed")).status == 200
        assert (await scene.get(scene.friend, "/other")).status == 403


async def test_requests_through_a_waypoint_follow_an_http_route(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as scene:
        scene.mesh.write("route.yaml", ROUTE)
        routed = partial(scene.get, scene.friend, "/", x_to="two")
        await eventually(partial(_answers, routed, 200, "web-2"), within=LIVE_WITHIN)

        assert scene.servers["web-2"].seen[-1]["x-routed"] == "yes"
        tunnels = await scene.mesh.admin("web-2").stats(r"^http\.connect_terminate\.downstream_rq_total$")
        assert sum(tunnels.values()) > 0, "web-2 has a sidecar that takes HBONE"
        assert (await scene.get(scene.friend)).headers["x-server"] == "web-1"


async def test_nobody_without_an_identity_of_the_mesh_opens_a_tunnel(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as scene:
        nobody = ssl.create_default_context(cafile=str(scene.mesh.control_plane.root))
        nobody.check_hostname = False
        nobody.set_alpn_protocols(["h2"])

        with pytest.raises((hbone.TunnelRefusedError, OSError)):
            await scene.get(nobody)
