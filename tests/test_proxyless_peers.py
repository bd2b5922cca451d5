"""Real gRPC clients and servers without proxies reach each other by what the control plane tells them.

They are grpcio's, and grpc-go's where there is Go: its program is built from the module `proxyless_go`.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests import go_programs, proxyless_peer
from tests.control_plane import ControlPlane, running
from tests.loopback import Network, network
from tests.pilot.agent.eventually import eventually
from tests.pilot.agent.small_ca import SmallCa, key_pem, pem

pytestmark = pytest.mark.timeout(400)  # the first one may have to build the program for Go

GO_MODULE = Path(__file__).parent / "proxyless_go"
PYTHON = (sys.executable, proxyless_peer.__file__)
PORT = 17070
HOST = "echo.app.svc.cluster.local:7070"
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: app}
spec: {clusterIP: 10.0.0.1, selector: {app: echo}, ports: [{name: grpc, port: 7070, targetPort: 17070}]}
"""


def _pod(address: str, version: str) -> str:
    labels = f"{{app: echo, version: {version}, security.istio.io/tlsMode: istio}}"
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: echo-{version}, namespace: app, labels: {labels}}}
spec: {{serviceAccountName: echo, containers: [{{name: echo}}]}}
status: {{phase: Running, podIP: {address}, conditions: [{{type: Ready, status: 'True'}}]}}
"""


SUBSETS = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: app}
spec:
  host: echo
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
"""


def _weights(first: int) -> str:
    routes = ", ".join(
        f"{{destination: {{host: echo, subset: {name}}}, weight: {weight}}}"
        for name, weight in (("v1", first), ("v2", 100 - first))
        if weight
    )
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: echo, namespace: app}}
spec: {{hosts: [echo], http: [{{route: [{routes}]}}]}}
"""


class Peer:
    """A process of `proxyless_peer.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            return (await self._process.stdout.readline()).decode().strip()

    async def call(self, number: int) -> dict[str, int]:
        """How often each answer came in so many calls."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n".encode())
        found: dict[str, int] = json.loads(await self.line() or "{}")
        return found

    async def answers(self, number: int, *names: str) -> bool:
        """Whether just these answer."""
        return set(await self.call(number)) == set(names)


class Stage:
    """A control plane, a directory of manifests, and peers with their bootstraps."""

    def __init__(self, work: Path, plane: ControlPlane, addresses: Network, program: Sequence[str]) -> None:
        self._work, self._plane, self.addresses, self._program = work, plane, addresses, program

    def declare(self, name: str, text: str | None) -> None:
        """Writes a manifest, or takes it away."""
        path = self._plane.manifests / f"{name}.yaml"
        if text is None:
            path.unlink()
        else:
            path.with_suffix(".new").write_text(text)
            path.with_suffix(".new").rename(path)

    @contextlib.asynccontextmanager
    async def peer(self, name: str, account: str, *arguments: str) -> AsyncIterator[Peer]:
        """A process of its own that ends with the context."""
        environment = {"GRPC_XDS_BOOTSTRAP": str(self._bootstrap(name, account)), "no_proxy": "*", "PATH": ""}
        process = await asyncio.create_subprocess_exec(
            *(*self._program, *arguments),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Peer(process)
        finally:
            process.kill()
            await process.wait()

    def _bootstrap(self, name: str, account: str) -> Path:
        """What the agent would have written: who it is, where the control plane is, where certificates lie."""
        directory = self._work / name
        directory.mkdir()
        state = self._plane.state
        signer = SmallCa.of((state / "ca-cert.pem").read_bytes(), (state / "ca-key.pem").read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        (directory / "key.pem").write_bytes(key_pem(key))
        identity = f"spiffe://cluster.local/ns/app/sa/{account}"
        (directory / "cert.pem").write_text(pem(signer.sign(key.public_key(), uris=[identity])))
        files = {
            "certificate_file": str(directory / "cert.pem"),
            "private_key_file": str(directory / "key.pem"),
            "ca_certificate_file": str(state / "root-cert.pem"),
            "refresh_interval": "60s",
        }
        metadata = {
            "NAMESPACE": "app", "CLUSTER_ID": "Kubernetes", "GENERATOR": "grpc", "ISTIO_VERSION": "1.29.1",
            "LABELS": {"app": account, "security.istio.io/tlsMode": "istio"},
        }  # fmt: skip
        own = self.addresses.address(1)
        bootstrap = {
            "xds_servers": [
                {
                    "server_uri": self._plane.grpc,
                    "channel_creds": [{"type": "insecure"}],
                    "server_features": ["xds_v3"],
                }
            ],
            "node": {"id": f"sidecar~{own}~{name}.app~app.svc.cluster.local", "metadata": metadata},
            "certificate_providers": {"default": {"plugin_name": "file_watcher", "config": files}},
            "server_listener_resource_name_template": "xds.istio.io/grpc/lds/inbound/%s",
        }
        path = directory / "bootstrap.json"
        path.write_text(json.dumps(bootstrap))
        return path


@pytest.fixture(params=["python", "go"])
def program(request: pytest.FixtureRequest) -> Sequence[str]:
    """A command that is a peer, one for each implementation of gRPC."""
    return PYTHON if request.param == "python" else _go_program()


def _go_program() -> Sequence[str]:
    version = go_programs.named_version(GO_MODULE, "google.golang.org/grpc")
    name = f"proxyless_go-{version}-{go_programs.fingerprint(GO_MODULE)}"
    return (str(go_programs.build(GO_MODULE, name)),)


@contextlib.asynccontextmanager
async def staged(work: Path, program: Sequence[str]) -> AsyncIterator[Stage]:
    """A mesh of one service with two versions, at addresses 11 and 12; `program`: what its peers are."""
    with network() as addresses:
        manifests = work / "manifests"
        manifests.mkdir()
        plane = ControlPlane(addresses.address(1), manifests, work)
        stage = Stage(work, plane, addresses, program)
        stage.declare("service", SERVICE)
        stage.declare("v1", _pod(addresses.address(11), "v1"))
        stage.declare("v2", _pod(addresses.address(12), "v2"))
        async with running(plane):
            yield stage


async def test_client_finds_servers_weights_and_what_is_gone(tmp_path: Path, program: Sequence[str]) -> None:
    async with staged(tmp_path, program) as stage, contextlib.AsyncExitStack() as peers:
        for number, name in ((11, "v1"), (12, "v2")):
            where = f"{stage.addresses.address(number)}:{PORT}"
            server = await peers.enter_async_context(stage.peer(f"server-{name}", "echo", "server", where, name))
            assert await server.line() == "ready"
        client = await peers.enter_async_context(stage.peer("client", "client", "client", HOST))
        assert await client.answers(20, "v1", "v2")

        stage.declare("rule", SUBSETS)
        stage.declare("routes", _weights(0))
        await eventually(lambda: client.answers(20, "v2"), within=20)

        stage.declare("routes", _weights(80))
        await eventually(lambda: client.answers(20, "v1", "v2"), within=20)
        counted = await client.call(1000)
        assert 0.74 < counted["v1"] / 1000 < 0.86

        stage.declare("routes", None)
        stage.declare("v2", None)
        await eventually(lambda: client.answers(20, "v1"), within=20)


async def test_names_that_nobody_has_fail(tmp_path: Path) -> None:
    async with staged(tmp_path, PYTHON) as stage, stage.peer("client", "client", "client", "nobody.app:7070") as client:
        assert await client.answers(1, "UNAVAILABLE")


async def test_servers_demand_certificates_and_obey_policies(tmp_path: Path, program: Sequence[str]) -> None:
    """mTLS both ways: what the server demands and what the client speaks come from the control plane."""
    async with staged(tmp_path, program) as stage, contextlib.AsyncExitStack() as peers:
        stage.declare("v2", None)
        stage.declare("mtls", _security("PeerAuthentication", "{mtls: {mode: STRICT}}"))
        stage.declare(
            "rule", SUBSETS.replace("host: echo\n", "host: echo\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n")
        )
        where = f"{stage.addresses.address(11)}:{PORT}"
        server = await peers.enter_async_context(stage.peer("server", "echo", "server", where, "v1", "--mtls"))
        assert await server.line() == "ready"
        client = await peers.enter_async_context(stage.peer("client", "client", "client", HOST, "--mtls"))
        await eventually(lambda: client.answers(5, "v1"), within=20)

        plain = await peers.enter_async_context(stage.peer("plain", "client", "client", HOST))
        assert await plain.answers(3, "UNAVAILABLE")

        denied = "{action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/app/sa/client]}}]}]}"
        stage.declare("policy", _security("AuthorizationPolicy", denied))
        await eventually(lambda: client.answers(3, "PERMISSION_DENIED"), within=20)
        other = await peers.enter_async_context(stage.peer("other", "other", "client", HOST, "--mtls"))
        await eventually(lambda: other.answers(3, "v1"), within=20)


def _security(kind: str, spec: str) -> str:
    return f"apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: x, namespace: app}}\nspec: {spec}\n"
