"""AuthorizationPolicies for plain bytes at real Envoys: who may connect where, and authorizers of connections."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.rpc.code_pb2 import OK, PERMISSION_DENIED
from google.rpc.status_pb2 import Status

from tests.live import shop
from tests.live.mesh import Mesh, playing
from tests.live.test_authentication import certificate_of
from tests.live.test_authorization import policy
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

LIVE_WITHIN = 5.0
"""Seconds until an edit is live; a fraction of one, but the machine may be busy."""
ONE, OTHER = 9300, 9301
FRIEND = "cluster.local/ns/shop/sa/friend"


def sidecar(mesh: Mesh) -> str:
    """That of `front`, with two ports for bytes."""
    address = mesh.network.address(shop.NUMBERS["front-v1"])
    ports = "".join(
        f"  - port: {{number: {port}, protocol: TCP, name: tcp-{port}}}\n    bind: {address}\n"
        f"    defaultEndpoint: unix://{mesh.network.socket('bytes')}\n"
        for port in (ONE, OTHER)
    )
    return shop.manifests(mesh.network)["sidecars.yaml"].replace("  ingress:\n", f"  ingress:\n{ports}", 1)


@contextlib.asynccontextmanager
async def echo(mesh: Mesh) -> AsyncIterator[None]:
    """What is behind the ports: it says everything again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, "\0" + mesh.network.socket("bytes")[1:])
    async with server:
        yield


async def says(mesh: Mesh, who: ssl.SSLContext, port: int) -> bool:
    """Whether a connection reaches the server."""
    address = mesh.network.address(shop.NUMBERS["front-v1"])
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(address, port, ssl=who)
            try:
                writer.write(b"hello\n")
                return await reader.readline() == b"hello\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def is_so(mesh: Mesh, who: ssl.SSLContext, port: int, wanted: bool) -> bool:
    """For `eventually`."""
    return await says(mesh, who, port) is wanted


def named(mesh: Mesh, directory: Path, name: str) -> ssl.SSLContext:
    """A client of the mesh with the account `name`, that speaks bytes."""
    made = certificate_of(mesh, directory / name, f"spiffe://cluster.local/ns/shop/sa/{name}")
    made.set_alpn_protocols(["istio"])
    return made


def _from(**source: Any) -> list[dict[str, Any]]:
    return [{"from": [{"source": source}]}]


def _to(**operation: Any) -> list[dict[str, Any]]:
    return [{"to": [{"operation": operation}]}]


CASES: list[tuple[str, list[dict[str, Any]], tuple[bool, bool, bool]]] = [
    # action, rules; whether the friend gets through to one port, to the other port, and a stranger to one port
    ("DENY", _to(ports=["9300"]), (False, True, False)),
    ("ALLOW", _to(ports=["9300"]), (True, False, True)),
    ("ALLOW", _from(principals=[FRIEND]), (True, True, False)),
    ("DENY", _from(principals=[FRIEND]), (False, False, True)),
    ("DENY", _from(serviceAccounts=["shop/friend"]), (False, False, True)),
    ("DENY", [{**_from(notPrincipals=[FRIEND])[0], **_to(ports=["9300"])[0]}], (True, True, False)),
    ("DENY", _from(ipBlocks=["127.0.0.0/8"]), (False, False, False)),
    ("ALLOW", _from(ipBlocks=["192.0.2.0/24"]), (False, False, False)),
    ("DENY", _from(notIpBlocks=["127.0.0.0/8"]), (True, True, True)),
    ("ALLOW", _from(namespaces=["shop"]), (True, True, True)),
    # what bytes do not have: nothing is allowed by it, and everything denied
    ("ALLOW", _to(methods=["GET"]), (False, False, False)),
    ("DENY", _to(methods=["GET"], ports=["9301"]), (True, False, True)),
]


async def test_connections_are_allowed_and_denied_as_policies_say(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy) as mesh, echo(mesh):
        friend, stranger = (named(mesh, tmp_path, name) for name in ("friend", "stranger"))
        mesh.write("sidecars.yaml", sidecar(mesh))
        await eventually(partial(is_so, mesh, friend, ONE, True), within=LIVE_WITHIN)
        who = ((friend, ONE), (friend, OTHER), (stranger, ONE))
        for action, rules, expected in CASES:
            for (client, port), wanted in zip(who, expected, strict=True):
                mesh.write("tried.json", policy({"action": action, "rules": rules}))
                await eventually(partial(is_so, mesh, client, port, wanted), within=LIVE_WITHIN)
            found = tuple([await says(mesh, client, port) for client, port in who])
            assert found == expected, (action, rules)
            mesh.remove("tried.json")
            for client, port in who:
                await eventually(partial(is_so, mesh, client, port, True), within=LIVE_WITHIN)
        assert not any((await mesh.rejected()).values())


PROVIDERS = """
extensionProviders:
- name: asked
  envoyExtAuthzGrpc: {service: authz.shop.internal, port: 9080, timeout: 1s, failOpen: FAIL_OPEN}
"""
AUTHORIZER = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: shop}
spec:
  hosts: [authz.shop.internal]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: grpc, protocol: GRPC}]
  endpoints: [{address: ADDRESS}]
"""


class _Authorization(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic at run time
    """Lets the friend in."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method != "/envoy.service.auth.v3.Authorization/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(
            self._check, CheckRequest.FromString, CheckResponse.SerializeToString
        )

    async def _check(self, request: Any, context: Any) -> Any:
        may = request.attributes.source.principal == f"spiffe://{FRIEND}"
        return CheckResponse(status=Status(code=OK if may else PERMISSION_DENIED))


@contextlib.asynccontextmanager
async def authorizer(address: str) -> AsyncIterator[None]:
    """A running one."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Authorization(),))
    server.add_insecure_port(f"{address}:9080")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def custom(rules: list[dict[str, Any]]) -> str:
    """A policy that asks the authorizer."""
    spec: Mapping[str, Any] = {"action": "CUSTOM", "provider": {"name": "asked"}, "rules": rules}
    return policy(spec)


async def test_an_authorizer_decides_about_connections_and_its_absence_is_handled_as_configured(
    tmp_path: Path, any_envoy: Path
) -> None:
    async with playing(tmp_path, any_envoy, PROVIDERS.replace("FAIL_OPEN", "false")) as mesh, echo(mesh):
        friend, stranger = (named(mesh, tmp_path, name) for name in ("friend", "stranger"))
        address = mesh.network.address(70)
        mesh.write("sidecars.yaml", sidecar(mesh))
        mesh.write("authz.yaml", AUTHORIZER.replace("ADDRESS", address))
        await eventually(partial(is_so, mesh, stranger, ONE, True), within=LIVE_WITHIN)
        async with authorizer(address):
            mesh.write("custom.json", custom(_to(ports=[str(ONE)])))
            await eventually(partial(is_so, mesh, stranger, ONE, False), within=LIVE_WITHIN)
            await eventually(partial(is_so, mesh, friend, ONE, True), within=LIVE_WITHIN)
            assert not await says(mesh, stranger, ONE)
            assert await says(mesh, stranger, OTHER), "nobody is asked about this port"
        await eventually(partial(is_so, mesh, friend, ONE, False), within=LIVE_WITHIN)
        assert await says(mesh, stranger, OTHER)
        (tmp_path / "mesh.yaml").write_text(PROVIDERS.replace("FAIL_OPEN", "true"))
        await eventually(partial(is_so, mesh, stranger, ONE, True), within=LIVE_WITHIN)
        async with authorizer(address):
            await eventually(partial(is_so, mesh, stranger, ONE, False), within=LIVE_WITHIN)
            assert await says(mesh, friend, ONE)
        assert not any((await mesh.rejected()).values())
