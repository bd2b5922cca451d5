"""What a stock Envoy says in ALPN makes a server take HTTP for HTTP and bytes for bytes, on one port.

One Envoy plays both sides over Unix sockets: a server that tells the two apart as an inbound sniffed port does, and a
client for everything that a cluster can speak.
"""

import asyncio
import datetime as dt
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format

from pilot.generators.envoy import alpn
from pilot.generators.envoy.alpn import Speaks
from pilot.model.features import Features
from tests.pilot.generators.samples import STOCK

TYPE = "type.googleapis.com/envoy"
HCM = f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
CODECS: dict[Speaks, Any] = {
    Speaks.HTTP1: {"explicit_http_config": {"http_protocol_options": {}}},
    Speaks.HTTP2: {"explicit_http_config": {"http2_protocol_options": {}}},
    Speaks.ANY: {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}},
}
SERVER_HTTP = ["istio-http/1.0", "istio-http/1.1", "istio-h2"]
SERVER_TCP = ["istio-peer-exchange", "istio"]


def _certificate() -> tuple[str, str]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "workload")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return (
        made.public_bytes(encoding).decode(),
        key.private_bytes(encoding, form, serialization.NoEncryption()).decode(),
    )


def _tls(kind: str, protocols: Iterator[str] | list[str] | tuple[str, ...], pair: tuple[str, str]) -> Any:
    chain, key = ({"inline_string": each} for each in pair)
    context = {
        "alpn_protocols": list(protocols),
        "tls_certificates": [{"certificate_chain": chain, "private_key": key}],
        "validation_context": {"trusted_ca": chain},
    }
    config: dict[str, Any] = {"@type": f"{TYPE}.extensions.transport_sockets.tls.v3.{kind}"}
    config["common_tls_context"] = context
    if kind == "DownstreamTlsContext":
        config["require_client_certificate"] = True
    return {"name": "envoy.transport_sockets.tls", "typed_config": config}


def _hcm(action: dict[str, Any]) -> Any:
    route = {"match": {"prefix": "/"}, **action}
    router = {"@type": f"{TYPE}.extensions.filters.http.router.v3.Router"}
    return {
        "name": "hcm",
        "typed_config": {
            "@type": HCM,
            "stat_prefix": "x",
            "route_config": {"virtual_hosts": [{"name": "x", "domains": ["*"], "routes": [route]}]},
            "http_filters": [{"name": "router", "typed_config": router}],
        },
    }


def _tcp_filters(cluster: str, speaks: Speaks) -> list[Any]:
    override = alpn.overrides_tcp(speaks, STOCK)
    proxy = {
        "name": "tcp",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "x",
            "cluster": cluster,
        },
    }
    return [*([json_format.MessageToDict(override)] if override is not None else []), proxy]


def _listener(directory: Path, name: str, *chains: Any, **more: Any) -> Any:
    return {"name": name, "address": {"pipe": {"path": f"{directory}/{name}"}}, "filter_chains": list(chains), **more}


def _server(directory: Path, pair: tuple[str, str]) -> Any:
    socket = _tls(
        "DownstreamTlsContext", alpn.downstream_protocols(http=True, features=Features(), flavour=STOCK), pair
    )
    answer = {"status": 200, "body": {"inline_string": "answered"}}
    protocol = [{"header": {"key": "spoken", "value": "%PROTOCOL%"}}]
    http = _hcm({"direct_response": answer, "response_headers_to_add": protocol})
    echo = {"name": "echo", "typed_config": {"@type": f"{TYPE}.extensions.filters.network.echo.v3.Echo"}}
    inspector = {"@type": f"{TYPE}.extensions.filters.listener.tls_inspector.v3.TlsInspector"}

    def chain(protocols: list[str], each: Any) -> Any:
        match = {"transport_protocol": "tls", "application_protocols": protocols}
        return {"filter_chain_match": match, "filters": [each], "transport_socket": socket}

    inspectors = [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}]
    chains = (chain(SERVER_HTTP, http), chain(SERVER_TCP, echo))
    return _listener(directory, "server", *chains, listener_filters=inspectors)


def _cluster(directory: Path, name: str, to: str, codec: Any, **more: Any) -> Any:
    address = {"pipe": {"path": f"{directory}/{to}"}}
    options = {HTTP_OPTIONS: {"@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions", **codec}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        **({"typed_extension_protocol_options": options} if codec else {}),
        **more,
    }


def _bootstrap(directory: Path) -> Any:
    pair = _certificate()
    listeners, clusters = [_server(directory, pair)], []
    for speaks in Speaks:
        name = speaks.name
        offered = alpn.upstream_protocols(speaks, Features(), STOCK)
        socket = _tls("UpstreamTlsContext", offered, pair)
        clusters.append(_cluster(directory, name, "server", CODECS.get(speaks, {}), transport_socket=socket))
        listeners.append(_listener(directory, f"http-{name}", {"filters": [_hcm({"route": {"cluster": name}})]}))
        listeners.append(_listener(directory, f"tcp-{name}", {"filters": _tcp_filters(name, speaks)}))
    clusters.append(_cluster(directory, "as-http2", "http-ANY", CODECS[Speaks.HTTP2]))
    listeners.append(_listener(directory, "http2-ANY", {"filters": [_hcm({"route": {"cluster": "as-http2"}})]}))
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


@contextmanager
def _playing(envoy: Path, directory: Path) -> Iterator[None]:
    path = directory / "bootstrap.json"
    path.write_text(json.dumps(_bootstrap(directory)))
    command = [
        str(envoy),
        "--config-path",
        str(path),
        "--use-dynamic-base-id",
        "--log-level",
        "error",
        "--concurrency",
        "1",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


@asynccontextmanager
async def _connected(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, as soon as somebody listens."""
    reader, writer = await asyncio.wait_for(_connect(path), 20)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_unix_connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.02)


async def _ask(path: Path) -> str:
    """The HTTP version that the server saw, else the status."""
    async with _connected(path) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = (await asyncio.wait_for(reader.read(), 10)).decode().lower()
    spoken = [line.partition(": ")[2] for line in answer.splitlines() if line.startswith("spoken: ")]
    return spoken[0] if spoken else answer.splitlines()[0]


async def _echoed(path: Path) -> bytes:
    async with _connected(path) as (reader, writer):
        writer.write(b"\x00bytes\n")
        return await asyncio.wait_for(reader.read(100), 10)


@pytest.mark.timeout(120)
async def test_a_server_that_sniffs_takes_http_for_http_and_bytes_for_bytes(any_envoy: Path, tmp_path: Path) -> None:
    with _playing(any_envoy, tmp_path):
        assert await _ask(tmp_path / "http-HTTP1") == "http/1.1"
        assert await _ask(tmp_path / "http-HTTP2") == "http/2"
        assert await _ask(tmp_path / "http-ANY") == "http/1.1"
        assert await _ask(tmp_path / "http2-ANY") == "http/2"
        assert await _echoed(tmp_path / "tcp-ANY") == b"\x00bytes\n"
        assert await _echoed(tmp_path / "tcp-TCP") == b"\x00bytes\n"
