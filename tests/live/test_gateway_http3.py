"""HTTP/3 at a real gateway, asked by another Envoy: nobody else here speaks it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.live.gateway_side import LIVE_WITHIN, Gate, gateway, playing, routed, tls_secret
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

HOST = "shop.example.com"
TLS = "tls: {mode: SIMPLE, credentialName: c}"
SERVER = f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [{HOST}], {TLS}}}"
TYPE = "type.googleapis.com/envoy"
CLIENT_NUMBER = 91


def bootstrap(gate: Gate, roots: Path) -> dict[str, Any]:
    """A client Envoy: takes plain requests, asks the gateway over HTTP/3."""
    tls = {
        "@type": f"{TYPE}.extensions.transport_sockets.quic.v3.QuicUpstreamTransport",
        "upstream_tls_context": {
            "sni": HOST,
            "common_tls_context": {"validation_context": {"trusted_ca": {"filename": str(roots)}}},
        },
    }
    options = {
        "@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http3_protocol_options": {}},
    }
    there = {"socket_address": {"protocol": "UDP", "address": gate.address, "port_value": gate.ports[443]}}
    cluster = {
        "name": "gate",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "transport_socket": {"name": "envoy.transport_sockets.quic", "typed_config": tls},
        "load_assignment": {
            "cluster_name": "gate",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": there}}]}],
        },
    }
    router = {"@type": f"{TYPE}.extensions.filters.http.router.v3.Router"}
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "gate"}}]
    manager = {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "client",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    here = {"socket_address": {"address": gate.mesh.network.address(CLIENT_NUMBER), "port_value": 8080}}
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "client", "address": here, "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@contextlib.asynccontextmanager
async def asking(gate: Gate, envoy: Path, directory: Path) -> AsyncIterator[str]:
    """A running client; the URL where it takes requests."""
    (directory / "roots.pem").write_text(gate.authority.roots)
    config = directory / "client.json"
    config.write_text(json.dumps(bootstrap(gate, directory / "roots.pem")))
    process = await asyncio.create_subprocess_exec(
        *(str(envoy), "--config-path", str(config), "--use-dynamic-base-id", "--log-level", "error"),
        *("--concurrency", "1"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://{gate.mesh.network.address(CLIENT_NUMBER)}:8080/"
    finally:
        process.kill()
        await process.wait()


async def get(url: str) -> tuple[int, str]:
    """Status and server; 0 while the client is not up."""
    with contextlib.suppress(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(url, headers={"host": HOST}) as response,
        ):
            await response.read()
            return response.status, response.headers.get("x-server", "")
    return 0, ""


async def is_answered(url: str) -> bool:
    """Whether the server behind the gateway answers."""
    return await get(url) == (200, "web-1")


async def test_a_gateway_speaks_http3_and_says_so(tmp_path: Path, any_envoy: Path) -> None:
    async with playing(tmp_path, any_envoy, {"PILOT_ENABLE_QUIC_LISTENERS": "true"}) as gate:
        secret = tls_secret("c", gate.authority.pair(HOST))
        gate.mesh.write("given.yaml", f"{gateway(f'[{SERVER}]')}{routed(f'[{HOST}]')}---\n{secret}")
        await eventually(partial(gate.is_served, HOST, gate.authority.client()), within=LIVE_WITHIN)
        assert (await gate.handshake(HOST, gate.authority.client())).alternative == 'h3=":443"; ma=86400'
        async with asking(gate, any_envoy, tmp_path) as url:
            await eventually(partial(is_answered, url), within=LIVE_WITHIN)
        assert await gate.figure("downstream_cx_http3_total$") > 0
        assert not await gate.refused()
