"""Both ends of HBONE: HTTP/2 CONNECT over mutual TLS, with identities that the mesh's authority certified.

Comes in: a control plane, who the client or the end is, where tunnels begin. Goes out: what a server behind the tunnel
answers; a server that takes tunnels.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from ca.authn import local_issuer
from pilot.agent.certificate_authority import ControlPlane as Authority
from pilot.agent.options import Address, AgentOptions, KeyType
from pilot.agent.workload_certificate import accept_answer, build_csr, decode_certificates, generate_key
from pilot.demo.stage import IssuedToken
from tests import control_plane
from tests.control_plane import ControlPlane

PATIENCE = 10.0
_CHUNK = 65_536


class TunnelRefusedError(Exception):
    """The end of the tunnel did not answer 200, or closed the connection."""


@dataclass(frozen=True)
class Answer:
    """What a server said through the tunnel."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""


async def identity(plane: ControlPlane, directory: Path, namespace: str, account: str) -> ssl.SSLContext:
    """TLS of a client with a fresh certificate of the mesh for this account."""
    options = AgentOptions(
        pod=account,
        namespace=namespace,
        service_account=account,
        ip="127.0.0.1",
        root=plane.root,
        run_dir=directory,
        discovery=Address(plane.address, control_plane.SECURE),
    )
    roots = plane.root.read_bytes()
    token = await IssuedToken(local_issuer.load_or_create(plane.state), namespace, account).read()
    key = generate_key(KeyType.P256)
    answer = await Authority(options).sign(build_csr(key, options.spiffe_id), roots, token)
    made = accept_answer(answer, key, options.spiffe_id, decode_certificates(roots, "root"), datetime.now(UTC))
    chain, private = directory / f"{namespace}-{account}.pem", directory / f"{namespace}-{account}.key"
    chain.write_bytes(made.chain_pem)
    private.write_bytes(made.key_pem)
    context = ssl.create_default_context(cafile=str(plane.root))
    context.check_hostname = False  # workloads have identities, not host names
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(chain, private)
    return context


class Tunnel:
    """One CONNECT: bytes go in, bytes come out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        config = h2.config.H2Configuration(header_encoding=None, validate_outbound_headers=False)
        self._http = h2.connection.H2Connection(config)
        self.received = b""
        self.ended = False
        self.status = ""

    async def open(self, authority: str) -> None:
        """Asks for a connection to `address:port`. Raises: TunnelRefusedError."""
        self._http.initiate_connection()
        self._http.send_headers(1, [(":method", "CONNECT"), (":authority", authority)])
        await self._flush()
        while not self.status and not self.ended:
            await self.read()
        if self.status != "200":
            raise TunnelRefusedError(self.status or "closed")

    async def send(self, data: bytes) -> None:
        """Into the tunnel."""
        self._http.send_data(1, data)
        await self._flush()

    async def read(self) -> None:
        """Takes what comes next; `received` grows, or the tunnel has ended."""
        data = await self._reader.read(_CHUNK)
        if not data:
            self.ended = True
            return
        for event in self._http.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.status = dict(event.headers)[b":status"].decode()
                case h2.events.DataReceived():
                    self.received += event.data
                    self._http.acknowledge_received_data(event.flow_controlled_length, 1)
                case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    self.ended = True
        await self._flush()

    async def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())
        await self._writer.drain()


async def get(end: tuple[str, int], tls: ssl.SSLContext, authority: str, path: str = "/", **headers: str) -> Answer:
    """One HTTP/1.1 request through a tunnel to `authority`; `x_user="a"` is the header `x-user`.

    Raises: TunnelRefusedError, OSError.
    """
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(*end, ssl=tls)
        try:
            tunnel = Tunnel(reader, writer)
            await tunnel.open(authority)
            lines = [f"GET {path} HTTP/1.1", f"host: {authority}", "connection: close"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            await tunnel.send("\r\n".join((*lines, "", "")).encode())
            while b"\r\n\r\n" not in tunnel.received and not tunnel.ended:
                await tunnel.read()
            return _answer(tunnel.received)
        finally:
            writer.close()


def _answer(received: bytes) -> Answer:
    head = received.partition(b"\r\n\r\n")[0].decode()
    if not head:
        raise TunnelRefusedError("the tunnel ended without an answer")
    first, *rest = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest if ": " in line)
    return Answer(int(first.split(" ")[1]), {name.lower(): value for name, value in headers.items()})


@dataclass
class Ztunnel:
    """The end of a tunnel that answers HTTP/1.1 requests itself, where a ztunnel would hand them to a workload."""

    name: str
    opened: list[dict[str, str]] = field(default_factory=list)
    """Headers of each CONNECT."""
    clients: list[str] = field(default_factory=list)
    """Identity of who opened each."""

    @contextlib.asynccontextmanager
    async def listening(self, address: str, identified: Path, root: Path) -> AsyncIterator[None]:
        """At the port for tunnels, with the certificate that `identity` left at `identified` (.pem and .key)."""
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(root))
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.set_alpn_protocols(["h2"])
        tls.load_cert_chain(identified.with_suffix(".pem"), identified.with_suffix(".key"))
        server = await asyncio.start_server(self._serve, address, 15008, ssl=tls)
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names = writer.get_extra_info("peercert").get("subjectAltName", ())
        self.clients.append(next(value for kind, value in names if kind == "URI"))
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                for event in http.receive_data(data):
                    self._handle(http, event)
                writer.write(http.data_to_send())
                await writer.drain()
        writer.close()

    def _handle(self, http: h2.connection.H2Connection, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self.opened.append({str(name): str(value) for name, value in event.headers})
                http.send_headers(event.stream_id, [(":status", "200")])
            case h2.events.DataReceived():
                http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if b"\r\n\r\n" in event.data:
                    answer = f"HTTP/1.1 200 OK\r\nx-server: {self.name}\r\ncontent-length: 0\r\n\r\n"
                    http.send_data(event.stream_id, answer.encode())
