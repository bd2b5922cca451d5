"""A control plane of a few lines: signs certificates and serves fixed resources over ADS, in both protocols.

TLS ends in a small front that asks for a client certificate but does not insist, as the real port does; behind it, one
gRPC server for callers with a certificate and one for those without.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import grpc
import grpc.aio
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2

from istio_api import ca_pb2
from pilot.agent.options import Address
from tests.pilot.agent.small_ca import DAY, SmallCa, key_pem, pem

NAME = "istiod.istio-system.svc"
TOKEN = "a.good.token"

TOLERANT = (("grpc.http2.min_ping_interval_without_data_ms", 15_000),)
"""Envoy's pings keep an idle stream alive; gRPC's own limit, 5 minutes, takes them for an attack and hangs up."""

Resources = dict[str, list[tuple[str, Any]]]
"""Messages by type URL, each with its name."""


class SmallControlPlane:
    """Everything a test wants to know or to change is an attribute."""

    def __init__(self, directory: Path, ca: SmallCa | None = None) -> None:
        self.ca = ca or SmallCa()
        self.lifetime = DAY
        self.refusals: list[grpc.StatusCode] = []
        """Answers to the next requests for a certificate, before any is signed."""
        self.signed_for: list[str] = []
        """The credentials of each caller who got a certificate: "token" or "certificate"."""
        self.peers: list[tuple[str, ...]] = []
        """URI names in the client certificate of each connection, none where there was no certificate."""
        self.nodes: list[Any] = []
        self.rejected: list[str] = []
        """Envoy's words."""
        self.resources: Resources = {}
        self.address = Address("127.0.0.1", 0)
        self._directory = directory
        self._servers: list[grpc.aio.Server] = []
        self._front: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.root = directory / "root-cert.pem"
        self.root.write_text(self.ca.pem)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens: on a free port at first, on the same port later."""
        for credentials in ("token", "certificate"):
            server = grpc.aio.server(options=TOLERANT)
            server.add_generic_rpc_handlers((self._authority(credentials), self._discovery()))
            server.add_insecure_port(f"unix:{self._backend(credentials)}")
            await server.start()
            self._servers.append(server)
        self._front = await asyncio.start_server(
            self._connected, self.address.host, self.address.port, ssl=self._tls(), reuse_address=True
        )
        self.address = Address(self.address.host, self._front.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes every connection at once, as a killed process does."""
        if self._front is not None:
            self._front.close()
        for each in tuple(self._pumps):
            each.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for server in self._servers:
            await server.stop(None)
        self._servers.clear()

    def _backend(self, credentials: str) -> Path:
        return self._directory / f"{credentials}.sock"

    def _tls(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        chain, private = self._directory / "server.pem", self._directory / "server.key"
        chain.write_text(pem(self.ca.sign(key.public_key(), hosts=[NAME])))
        private.write_bytes(key_pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        context.load_verify_locations(cadata=self.ca.pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["h2"])
        return context

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        certificate = writer.get_extra_info("peercert") or {}
        uris = tuple(value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI")
        self.peers.append(uris)
        backend, to_backend = await asyncio.open_unix_connection(self._backend("certificate" if uris else "token"))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, to_backend))
                both.create_task(_copy(backend, writer))
        except* (ConnectionError, ssl.SSLError):
            pass
        finally:
            self._pumps.discard(task)
            for each in (writer, to_backend):
                each.transport.abort()

    def _authority(self, credentials: str) -> Any:
        async def create(request: Any, context: Any) -> Any:
            if self.refusals:
                await context.abort(self.refusals.pop(0), "not now")
            headers = dict(context.invocation_metadata())
            if credentials == "token" and headers.get("authorization") != f"Bearer {TOKEN}":
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you")
            lifetime = min(self.lifetime, timedelta(seconds=request.validity_duration))
            leaf = self.ca.sign_csr(request.csr.encode(), lifetime)
            self.signed_for.append(credentials)
            return ca_pb2.IstioCertificateResponse(cert_chain=[pem(leaf), self.ca.pem])

        method = grpc.unary_unary_rpc_method_handler(
            create,
            request_deserializer=ca_pb2.IstioCertificateRequest.FromString,
            response_serializer=ca_pb2.IstioCertificateResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(
            "istio.v1.auth.IstioCertificateService", {"CreateCertificate": method}
        )

    def _discovery(self) -> Any:
        def method(serve: Any, request: Any) -> Any:
            return grpc.stream_stream_rpc_method_handler(
                serve,
                request_deserializer=request.FromString,
                response_serializer=lambda response: response.SerializeToString(),
            )

        return grpc.method_handlers_generic_handler(
            "envoy.service.discovery.v3.AggregatedDiscoveryService",
            {
                "DeltaAggregatedResources": method(self._delta, discovery_pb2.DeltaDiscoveryRequest),
                "StreamAggregatedResources": method(self._state_of_the_world, discovery_pb2.DiscoveryRequest),
            },
        )

    async def _delta(self, requests: AsyncIterator[Any], _context: object) -> AsyncIterator[Any]:
        async for type_url in self._new_types(requests):
            response = discovery_pb2.DeltaDiscoveryResponse(type_url=type_url, nonce="1", system_version_info="1")
            for name, message in self.resources.get(type_url, ()):
                response.resources.add(name=name, version="1", resource=_packed(message))
            yield response

    async def _state_of_the_world(self, requests: AsyncIterator[Any], _context: object) -> AsyncIterator[Any]:
        async for type_url in self._new_types(requests):
            resources = [_packed(message) for _, message in self.resources.get(type_url, ())]
            yield discovery_pb2.DiscoveryResponse(type_url=type_url, nonce="1", version_info="1", resources=resources)

    async def _new_types(self, requests: AsyncIterator[Any]) -> AsyncIterator[str]:
        """Each type the first time it is asked for; what comes later are acknowledgements."""
        seen: set[str] = set()
        async for request in requests:
            if request.HasField("node"):
                self.nodes.append(request.node)
            if request.HasField("error_detail"):
                self.rejected.append(request.error_detail.message)
            if request.type_url not in seen:
                seen.add(request.type_url)
                yield request.type_url


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


def _packed(message: Any) -> Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
