"""The webhooks wired: verdicts, nodes, and a port that presents the certificate in force."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from prometheus_client import CollectorRegistry

from ca.serving import ServingCertificate, issue_serving
from pilot.mesh import Mesh
from pilot.model.kubernetes import Node, NodeStatus, NodeSystem
from pilot.model.objects import Event, Metadata
from pilot.model.snapshot import Snapshot
from pilot.settings import Settings, Webhooks
from pilot.sources.kubernetes.injector import InjectorTexts
from pilot.webhooks import WebhookSide, judge, native_sidecars, serve_tls
from tests.ca.makers import NOON, ec_key, make_root
from tests.pilot.agent.eventually import eventually
from webhook.review import Review


def test_the_kind_is_what_the_api_server_says() -> None:
    found = {"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a"}, "spec": {}}
    review = Review("v1", "u", "networking.istio.io", "v1", "Gateway", namespace="ns", object=found)
    judged = judge(review)
    assert (judged.allowed, judged.reason) == (False, "invalid_resource")
    assert "spec.servers: expected a server, got none" in judged.message
    assert judge(Review("v1", "u", "networking.istio.io", "v1", "Teapot", object={})).reason == "unknown_type"


def nodes(*versions: str) -> Snapshot:
    made = [
        Node(metadata=Metadata(name=f"n{index}"), status=NodeStatus(node_info=NodeSystem(kubelet_version=version)))
        for index, version in enumerate(versions)
    ]
    snapshot, _ = Snapshot.empty().apply([Event(each.key, each) for each in made])
    return snapshot


@pytest.mark.parametrize(
    ("versions", "node", "expected"),
    [
        ((), "", True),
        (("v1.33.0", "v1.34.1-eks-1"), "", True),
        (("v1.33.0", "v1.32.9"), "", False),
        (("v1.33.0", "v1.32.9"), "n0", True),
        (("v1.33.0", "v1.32.9"), "n1", False),
        (("v1.33.0", "odd"), "", False),
    ],
)
def test_proxies_are_native_where_all_nodes_can(versions: tuple[str, ...], node: str, expected: bool) -> None:
    pod = {"spec": {"nodeName": node}}
    assert native_sidecars(None, nodes(*versions), pod) is expected
    assert native_sidecars(False, nodes(*versions), pod) is False


ROOT = make_root(ec_key())


def certificate(serial: int) -> ServingCertificate:
    return issue_serving(ROOT, ("localhost", "127.0.0.1"), now=NOON, serial=serial)


async def shown(port: int, name: str | None) -> int:
    """Serial of the certificate that is presented; `name` None: the client asks for none."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])

    def handshake() -> tuple[bytes | None, str | None]:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            return secure.getpeercert(binary_form=True), secure.selected_alpn_protocol()

    found, protocol = await asyncio.to_thread(handshake)
    assert found is not None
    assert protocol == "http/1.1"
    return x509.load_der_x509_certificate(found).serial_number


async def test_every_handshake_gets_the_certificate_in_force() -> None:
    current = [certificate(5)]
    application = web.Application()

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    application.router.add_get("/", hello)
    async with serve_tls(application, "127.0.0.1", 0, lambda: current[0]) as port:
        assert [await shown(port, "localhost"), await shown(port, None)] == [5, 5]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
            async with session.get(f"https://127.0.0.1:{port}/") as response:
                assert await response.text() == "hello"
            current[0] = certificate(6)
            assert [await shown(port, "localhost"), await shown(port, None)] == [6, 6]
            async with session.get(f"https://127.0.0.1:{port}/") as response:
                assert response.status == 200  # on the connection that was there before


async def test_the_config_map_of_a_cluster_is_followed(tmp_path: Path) -> None:
    settings = Settings(webhooks=Webhooks(injection_directory=tmp_path))
    side = WebhookSide(settings, Mesh(Snapshot.empty()), CollectorRegistry(), lambda: ())
    side.files.follow_cluster(side.mesh_text)
    texts = "policy: enabled\ntemplates: {sidecar: 'spec: {}'}", "{}"

    async def versions() -> AsyncIterator[InjectorTexts | None]:
        assert side.injector() is None
        yield InjectorTexts(*texts)
        await asyncio.Event().wait()

    following = asyncio.create_task(side.serve_config_map(versions))
    await eventually(lambda: side.injector() is not None)
    following.cancel()
    side.webhooks.close()
    assert side.files.installation is not None
    assert side.files.installation.config.templates.keys() == {"sidecar"}
