"""Commands on somebody's own machine, with a kubeconfig: a real API server between them and the pods.

The node's kubelet is ours: it does port-forward and nothing else (tests/pilot/cli/port_forwarder.py).
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pilot.cli import forwarding
from tests.kubernetes.cluster import TestCluster
from tests.pilot.cli.answering import answering, envoy, run
from tests.pilot.cli.port_forwarder import Ports
from tests.pilot.cli.port_forwarder import forwarding as forwarder

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(60)]


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS with a certificate that nobody vouches for, as kubelets have by default."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = directory / "kubelet.pem"
    path.write_bytes(certificate + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@asynccontextmanager
async def node(cluster: TestCluster, directory: Path, ports: Ports) -> AsyncIterator[None]:
    """A node whose kubelet forwards ports."""
    application = web.Application()
    application.router.add_get("/portForward/{namespace}/{pod}", forwarder(ports, "port"))
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(directory)).start()
    try:
        await cluster.call("POST", "/api/v1/nodes", {"metadata": {"name": "node-1"}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": runner.addresses[0][1]}},
        }
        await cluster.call("PATCH", "/api/v1/nodes/node-1/status", {"status": status})
        yield
    finally:
        await runner.cleanup()


async def run_pod(cluster: TestCluster, name: str, namespace: str, **labels: str) -> None:
    """A pod of the node that says it runs."""
    spec = {"nodeName": "node-1", "containers": [{"name": "c", "image": "none"}]}
    place = f"/api/v1/namespaces/{namespace}/pods"
    await cluster.call("POST", place, {"metadata": {"name": name, "labels": labels}, "spec": spec})
    await cluster.call("PATCH", f"{place}/{name}/status", {"status": {"phase": "Running", "podIP": "10.9.9.9"}})


async def test_a_kubeconfig_is_enough(cluster: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.server.kubeconfig))
    monkeypatch.setenv("MESHPILOT_ADDRESS", "kubernetes")
    forwarding._through.cache_clear()
    forwarding._opened.cache_clear()
    async with answering() as control_plane, answering(envoy(stats="server.live: 1\n")) as proxy:
        ports = {("istiod-1", 15014): int(control_plane[10:]), ("web-1", 15000): int(proxy[10:])}
        async with node(cluster, tmp_path, ports):
            await run_pod(cluster, "istiod-1", "istio-system", app="istiod")
            await run_pod(cluster, "web-1", "istio-system")
            shown = await run("proxy-status")
            assert shown.exit_code == 0, shown.output
            assert "productpage-v1-a.default" in shown.output
            assert "istiod-1" in shown.output
            assert "reviews.default" in (await run("pc", "c", "productpage-v1-a.default")).output
            assert (await run("pc", "es", "--envoy", "pod/web-1.istio-system")).output == "server.live: 1\n"
            nobody = await run("pc", "es", "--envoy", "pod/nobody.istio-system")
            assert (nobody.exit_code, "status 404" in nobody.output) == (1, True)
