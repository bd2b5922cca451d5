"""Two networks whose pods cannot reach each other: calls cross by east-west gateways, with mTLS from end to end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from pilot.view.proxy import Interception
from tests import control_plane
from tests.control_plane import ControlPlane
from tests.envoys import newest_envoy
from tests.live import namespaces, pods
from tests.live.mesh import PATIENCE
from tests.live.namespaces import Hub, Namespace, hub
from tests.live.pods import Pods, Seen
from tests.pilot.agent.eventually import eventually

pytestmark = [pytest.mark.root, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

NORTH, SOUTH = "north", "south"
PREFIXES = {NORTH: "10.64.0", SOUTH: "10.65.0"}
OUTSIDE = "10.66.0"
"""Where both networks lead to, where the control plane is, and where each gateway has its other address."""
CLIENT, WEB_NORTH, WEB_SOUTH, NEIGHBOUR = "client", "web-north", "web-south", "neighbour"
GATEWAYS = {NORTH: "gateway-north", SOUTH: "gateway-south"}
SHOWN = {NORTH: 21, SOUTH: 22}
"""The last part of each gateway's address outside."""
HTTP, TCP = 8000, 9000
WEB_VIP, ECHO_VIP, PRIVATE_VIP = "10.96.0.1", "10.96.0.2", "10.96.0.3"
CLIENT_ID = "spiffe://cluster.local/ns/shop/sa/client"
CROSSED = r"^cluster\.outbound_\.8000_\._\.web\.shop\.svc\.cluster\.local;?\.upstream_cx_total$"


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of one network, with a sidecar."""

    network: str
    number: int
    cluster: str = "Kubernetes"


MEMBERS = {
    CLIENT: Member(NORTH, 11, "northern"),
    WEB_NORTH: Member(NORTH, 12),
    WEB_SOUTH: Member(SOUTH, 12),
    NEIGHBOUR: Member(SOUTH, 13),
}
"""All endpoints are of the cluster that the control plane reads; the client is of another one."""

MESH = """
serviceSettings:
- settings: {clusterLocal: true}
  hosts: [private.shop.svc.cluster.local]
"""
GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: cross-network, namespace: istio-system}
spec:
  selector: {istio: eastwestgateway}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: ["*.local"]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""


class Networks(Pods):
    """The mesh: `get` and `say` are from a pod of either network."""

    async def web(self, client: str = CLIENT, address: str = WEB_VIP) -> Seen | None:
        """Who answers a call; None: nobody does."""
        status, seen = await self.get(client, address, HTTP)
        assert (seen is None) == (status == 503), status
        return seen if isinstance(seen, Seen) else None

    async def who(self, number: int = 20) -> set[str]:
        """Who answers calls of the client."""
        answers = [await self.web() for _ in range(number)]
        return {each.app if each is not None else "" for each in answers}

    async def is_answered_by(self, *names: str) -> bool:
        """Whether it is just these."""
        return await self.who() == set(names)

    def declare(self, name: str) -> None:
        """A pod is there."""
        self.write(f"{name}.yaml", _pod(name, self.address(name)))

    def remove(self, name: str) -> None:
        """It is not any more."""
        (self.control_plane.manifests / f"{name}.yaml").unlink()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Networks]:
    """One for every test of this module."""
    namespaces.require()
    async with playing(tmp_path_factory.mktemp("networks"), newest_envoy()) as found:
        yield found


@contextlib.asynccontextmanager
async def playing(directory: Path, envoy: Path) -> AsyncIterator[Networks]:
    """A mesh whose Envoys are ready, in which `web` has no pod yet."""
    async with contextlib.AsyncExitStack() as undo:
        outside = await undo.enter_async_context(hub(OUTSIDE))
        hubs = {name: await undo.enter_async_context(hub(prefix)) for name, prefix in PREFIXES.items()}
        places, shown = await _places(hubs, outside)
        settings = directory / "mesh.yaml"
        settings.write_text(MESH)
        plane = ControlPlane(
            outside.namespace.address,
            directory / "manifests",
            directory,
            ("--meshConfig", str(settings)),
            prefix=outside.namespace.command(),
            connector=outside.namespace.connector,
        )
        found = Networks(plane, places)
        plane.manifests.mkdir()
        found.write("mesh.yaml", _manifests(places, shown))
        await undo.enter_async_context(control_plane.running(plane))
        for name in MEMBERS:
            for port in (HTTP, TCP):
                await undo.enter_async_context(pods.workload(name, places[name], port))
        proxies = (*MEMBERS, *GATEWAYS.values())
        started = (pods.proxy(each, directory, plane, places[each], _options(each, envoy)) for each in proxies)
        await asyncio.gather(*map(undo.enter_async_context, started))
        for name in proxies:
            await eventually(lambda name=name: found.is_ready(name), within=PATIENCE)  # type: ignore[misc]
        yield found


async def _places(hubs: Mapping[str, Hub], outside: Hub) -> tuple[dict[str, Namespace], dict[str, str]]:
    """Namespaces by name, and by network the address outside of its gateway."""
    places, shown = {}, {}
    for count, (network, own) in enumerate(hubs.items()):
        await own.lead_to(outside, 11 + count)
        gateway = places[GATEWAYS[network]] = await own.pod(2)
        shown[network] = await outside.attach(gateway, SHOWN[network], "eth1")
    for name, member in MEMBERS.items():
        places[name] = await hubs[member.network].pod(member.number, Interception.REDIRECT)
    return places, shown


def _options(name: str, envoy: Path) -> dict[str, str]:
    same = {"envoy": str(envoy)}
    member = MEMBERS.get(name)
    if member is not None:
        app = name.partition("-")[0]
        own = {"namespace": "shop", "labels": f"app={app}", "interception": Interception.REDIRECT.value}
        return {**same, **own, "network": member.network, "meta": f"CLUSTER_ID={member.cluster}"}
    network = name.removeprefix("gateway-")
    own = {"namespace": "istio-system", "labels": "istio=eastwestgateway", "type": "router"}
    return {**same, **own, "network": network, "meta": f"REQUESTED_NETWORK_VIEW={network}"}


def _manifests(places: Mapping[str, Namespace], shown: Mapping[str, str]) -> str:
    services = [
        _service("web", WEB_VIP, f"{{name: http, port: {HTTP}}}"),
        _service("echo", ECHO_VIP, f"{{name: tcp-echo, port: {TCP}}}"),
        _service("private", PRIVATE_VIP, f"{{name: http, port: {HTTP}}}"),
    ]
    gateways = [_gateway(network, address) for network, address in shown.items()]
    fixed = [_pod(name, places[name].address) for name in (CLIENT, NEIGHBOUR)]
    return "---\n".join([GATEWAY, *services, *gateways, *fixed])


def _gateway(network: str, address: str) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: {GATEWAYS[network]}
  namespace: istio-system
  labels: {{topology.istio.io/network: {network}}}
spec:
  type: LoadBalancer
  clusterIP: 10.96.1.{address.rpartition(".")[2]}
  selector: {{istio: eastwestgateway, topology.istio.io/network: {network}}}
  ports: [{{name: tls, port: 15443}}]
status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}
"""


def _pod(name: str, address: str) -> str:
    labels = f"app: {name.partition('-')[0]}, topology.istio.io/network: {MEMBERS[name].network}"
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{{labels}, security.istio.io/tlsMode: istio}}}}
spec: {{serviceAccountName: {name}, containers: [{{name: app}}]}}
status: {{phase: Running, podIP: {address}, conditions: [{{type: Ready, status: "True"}}]}}
"""


def _service(name: str, address: str, port: str) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {address}, selector: {{app: web}}, ports: [{port}]}}
"""


@pytest.fixture
def south_only(mesh: Networks) -> Networks:
    """With a single pod of `web`, in the network where the client is not."""
    for each in mesh.control_plane.manifests.glob("web-*.yaml"):
        each.unlink()
    mesh.declare(WEB_SOUTH)
    return mesh


async def test_a_call_crosses_with_the_identity_of_its_caller(south_only: Networks) -> None:
    mesh = south_only
    with pytest.raises((OSError, TimeoutError)):
        async with asyncio.timeout(1):
            await mesh.places[GATEWAYS[NORTH]].connect(mesh.address(WEB_SOUTH), HTTP)
    before = await mesh.stats(GATEWAYS[SOUTH], CROSSED)

    await eventually(lambda: mesh.is_answered_by(WEB_SOUTH))
    seen = await mesh.web()
    assert seen is not None
    assert seen.caller == CLIENT_ID, "the gateway passes TLS on: the server sees who calls"
    assert await mesh.stats(GATEWAYS[SOUTH], CROSSED) > before
    assert await mesh.stats(GATEWAYS[NORTH], CROSSED) == 0
    assert await mesh.stats(WEB_SOUTH, r"^http\.inbound.*downstream_cx_ssl_total$") > 0


async def test_bytes_cross_too(south_only: Networks) -> None:
    async def is_answered() -> bool:
        seen = await south_only.say(CLIENT, ECHO_VIP, TCP)
        return seen is not None and seen.app == WEB_SOUTH

    await eventually(is_answered)
    crossed = await south_only.stats(GATEWAYS[SOUTH], r"^cluster\.outbound_\.9000_\._\.echo.*upstream_cx_total$")
    assert crossed > 0


async def test_calls_follow_the_pods_from_network_to_network(south_only: Networks) -> None:
    mesh = south_only
    await eventually(lambda: mesh.is_answered_by(WEB_SOUTH))

    mesh.declare(WEB_NORTH)
    await eventually(lambda: mesh.is_answered_by(WEB_NORTH, WEB_SOUTH))

    mesh.remove(WEB_SOUTH)
    await eventually(lambda: mesh.is_answered_by(WEB_NORTH))
    before = await mesh.stats(GATEWAYS[SOUTH], CROSSED)
    assert await mesh.is_answered_by(WEB_NORTH)
    assert await mesh.stats(GATEWAYS[SOUTH], CROSSED) == before, "nothing crosses any more"

    mesh.remove(WEB_NORTH)
    await eventually(lambda: mesh.is_answered_by(""))
    mesh.declare(WEB_SOUTH)
    await eventually(lambda: mesh.is_answered_by(WEB_SOUTH))


async def test_what_is_local_to_its_cluster_does_not_cross(south_only: Networks) -> None:
    mesh = south_only
    await eventually(lambda: mesh.is_answered_by(WEB_SOUTH))
    assert await mesh.web(CLIENT, PRIVATE_VIP) is None

    neighbour = await mesh.web(NEIGHBOUR, PRIVATE_VIP)
    assert neighbour is not None
    assert neighbour.app == WEB_SOUTH


async def test_the_gateway_leads_nobody_anywhere_without_the_mesh(south_only: Networks) -> None:
    """Plain HTTP has no server name that the gateway knows."""
    stranger = south_only.places[GATEWAYS[NORTH]]
    async with aiohttp.ClientSession(connector=stranger.connector(), trust_env=False) as session:
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            async with asyncio.timeout(2), session.get(f"http://{OUTSIDE}.{SHOWN[SOUTH]}:15443/"):
                pass
