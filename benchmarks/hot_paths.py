"""The paths that everything goes through, each by itself: certificates, pushes of ready bytes, generation by shape.

python -m benchmarks.hot_paths
"""

import asyncio
import gc
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click
import grpc
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import calibration, server, shapes
from ca.authn import local_issuer
from istio_api import ca_pb2

CALLERS = 32
CONNECTIONS = 8
SECONDS = 3.0
_CREATE = "/istio.v1.auth.IstioCertificateService/CreateCertificate"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    cpu_ms: float
    """Of the measured process, for each operation."""
    per_s: float = 0.0
    istiod_ms: float = 0.0
    """0: not recorded."""


def key_and_csr(identity: str) -> tuple[bytes, bytes]:
    """A P-256 key and a request for a certificate of this SPIFFE id, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=True)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def certificates(target: server.Server) -> Iterable[Figure]:
    """CreateCertificate, by token and then by the certificate that was issued for it."""
    assert target.state_dir is not None
    root = (target.state_dir / "root-cert.pem").read_bytes()
    issuer = local_issuer.load_or_create(target.state_dir)
    token = issuer.issue("ns-1", "s1", local_issuer.LIFETIME, local_issuer.AUDIENCE)
    key, csr = key_and_csr("spiffe://cluster.local/ns/ns-1/sa/s1")
    request: Any = ca_pb2.IstioCertificateRequest(csr=csr.decode(), validity_duration=3600)
    data, metadata = bytes(request.SerializeToString()), (("authorization", f"Bearer {token}"),)
    by_token = grpc.ssl_channel_credentials(root)
    async with grpc.aio.secure_channel(target.secure_address, by_token) as channel:
        answer: Any = await channel.unary_unary(_CREATE, None, None)(data, metadata=metadata)
    chain = "".join(ca_pb2.IstioCertificateResponse.FromString(answer).cert_chain).encode()
    by_certificate = grpc.ssl_channel_credentials(root, key, chain)
    return [
        await _calls("CreateCertificate by client certificate", target, by_certificate, data, (), 1.44),
        await _calls("CreateCertificate by token", target, by_token, data, metadata, 3.3),
    ]


async def _calls(
    name: str,
    target: server.Server,
    credentials: grpc.ChannelCredentials,
    data: bytes,
    metadata: tuple[tuple[str, str], ...],
    istiod_ms: float,
) -> Figure:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.secure_channel(target.secure_address, credentials, options) for _ in range(CONNECTIONS)]
    methods: list[Any] = [each.unary_unary(_CREATE, None, None) for each in channels]
    await asyncio.gather(*(method(data, metadata=metadata) for method in methods))  # handshakes are not counted
    done, started, cpu = 0, time.monotonic(), target.cpu_of_all()

    async def call(number: int) -> int:
        count = 0
        while time.monotonic() < started + SECONDS:
            await methods[number % CONNECTIONS](data, metadata=metadata)
            count += 1
        return count

    done = sum(await asyncio.gather(*map(call, range(CALLERS))))
    spent, took = target.cpu_of_all() - cpu, time.monotonic() - started
    for each in channels:
        await each.close(None)
    return Figure(name, spent / done * 1e3, done / took, istiod_ms)


async def pushes(size: int, streams: int = 50, rounds: int = 20) -> Figure:
    """Ready bytes to many streams that acknowledge each, both ends in this process: what gRPC itself costs."""
    body, turn, waiting = b"x" * size, asyncio.Condition(), 0

    async def serve(_: Any, context: Any) -> None:
        nonlocal waiting
        for _ in range(rounds):
            async with turn:
                waiting += 1
                await turn.wait()
            await context.write(body)
            await context.read()

    grpc_server = grpc.aio.server()
    handler: Any = grpc.stream_stream_rpc_method_handler(serve)
    grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", {"Push": handler}),))
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()

    async def receive() -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call: Any = channel.stream_stream("/bench/Push", None, None)(None)
            for _ in range(rounds):
                await call.read()
                await call.write(b"ack")
            await call.done_writing()
            await call.read()

    clients = [asyncio.create_task(receive()) for _ in range(streams)]
    cpu = 0.0
    for number in range(rounds):
        while waiting < streams * (number + 1):  # noqa: ASYNC110 - of all streams at once
            await asyncio.sleep(0.001)
        if number == 0:
            cpu = time.process_time()  # connections are not counted
        async with turn:
            turn.notify_all()
    await asyncio.gather(*clients)
    spent = time.process_time() - cpu
    await grpc_server.stop(None)
    return Figure(f"push of {size:,} bytes and its ACK, both ends", spent / (streams * rounds) * 1e3)


def timed(name: str, work: Callable[[], object], times: int = 3) -> Figure:
    """The least CPU time of a few runs."""
    figures = []
    for _ in range(times):
        gc.collect()
        started = time.process_time()
        work()
        figures.append(time.process_time() - started)
    return Figure(name, min(figures) * 1e3)


def generation() -> Iterable[Figure]:
    """Everything of one type for one proxy, with nothing remembered."""
    for name, work in shapes.cases():
        yield timed(name, work)


async def over_the_wire() -> list[Figure]:
    """What needs a server."""
    with tempfile.TemporaryDirectory(prefix="meshpilot-hot-") as scratch:
        work = pathlib.Path(scratch)
        (work / "config").mkdir()
        target = await asyncio.to_thread(server.start, work / "config", work)
        try:
            signed = list(await certificates(target))
        finally:
            target.stop()
    return [*signed, await pushes(400), await pushes(100_000)]


def show(figures: Iterable[Figure], factor: float, console: Console) -> None:
    """A table for people."""
    table = Table(title=f"hot paths; machine factor {factor:.2f}", box=box.SIMPLE)
    for head in ("", "CPU ms", "per s", "istiod ms", "of istiod"):
        table.add_column(head, justify="right" if head else "left")
    for each in figures:
        ratio = f"{each.cpu_ms / factor / each.istiod_ms:.0%}" if each.istiod_ms else ""
        known = f"{each.istiod_ms:.2f}" if each.istiod_ms else ""
        table.add_row(each.name, f"{each.cpu_ms:.3f}", f"{each.per_s:.0f}" if each.per_s else "", known, ratio)
    console.print(table)


def measure(console: Console) -> None:
    """Measures everything and shows it."""
    with console.status("certificates, pushes, generation"):
        figures = [*uvloop.run(over_the_wire()), *generation()]
    show(figures, calibration.factor(), console)


@click.command()
def main() -> None:
    """Measures the hot paths: about a minute."""
    measure(Console(width=110))


if __name__ == "__main__":
    main()
