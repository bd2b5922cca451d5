"""A mesh that trusts several roots (ISTIO_MULTIROOT_MESH): clients are told of all of them, and of changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2

from istio_api import proxy_config_pb2
from pilot.type_urls import PROXY_CONFIG
from tests.ca.makers import ec_key, make_root
from tests.control_plane import ControlPlane, running
from tests.loopback import network

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
NODE = base_pb2.Node(id="sidecar~127.0.0.1~web-1.demo~demo.svc.cluster.local")


def mesh_config(*roots: str) -> str:
    items = ("\n    ".join(("- pem: |", *each.strip().split("\n"))) for each in roots)
    return "caCertificates:\n" + "\n".join(items) + "\n" if roots else "{}\n"


@asynccontextmanager
async def asking(plane: ControlPlane) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(plane.grpc) as channel:
        method: Any = channel.stream_stream(
            METHOD,
            request_serializer=discovery_pb2.DiscoveryRequest.SerializeToString,
            response_deserializer=discovery_pb2.DiscoveryResponse.FromString,
        )
        call = method(timeout=30)
        await call.write(discovery_pb2.DiscoveryRequest(node=NODE, type_url=PROXY_CONFIG))
        yield call
        call.cancel()


async def told(call: Any) -> set[str]:
    """The roots of the next response, which is accepted."""
    response = await call.read()
    await call.write(
        discovery_pb2.DiscoveryRequest(
            type_url=PROXY_CONFIG, response_nonce=response.nonce, version_info=response.version_info
        )
    )
    (body,) = response.resources
    return set(proxy_config_pb2.ProxyConfig.FromString(body.value).ca_certificates_pem)


@pytest.mark.timeout(90)
async def test_client_is_told_of_all_roots_and_of_their_changes(tmp_path: Path) -> None:
    one, two = make_root(ec_key(1), name="one").roots, make_root(ec_key(2), name="two").roots
    (tmp_path / "manifests").mkdir()
    config = tmp_path / "mesh.yaml"
    config.write_text(mesh_config(one))
    with network() as addresses:
        plane = ControlPlane(
            addresses.address(1),
            tmp_path / "manifests",
            tmp_path,
            ("--meshConfig", str(config)),
            {"ISTIO_MULTIROOT_MESH": "true"},
        )
        async with running(plane), asking(plane) as call:
            own = plane.root.read_text()
            assert await told(call) == {own, one}
            config.write_text(mesh_config(one, two))
            assert await told(call) == {own, one, two}
            config.write_text(mesh_config())
            assert await told(call) == {own}
