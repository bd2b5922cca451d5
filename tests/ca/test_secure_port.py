"""The TLS end over real sockets: in front of a gRPC server where calls matter, of a plain one where bytes do."""

import asyncio
import errno
import hashlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import uvloop
from cryptography import x509

from ca import secure_port
from ca.authn.client_certificate import spiffe_names
from ca.authn.local_issuer import utc_now
from ca.bundle import encode_certificate
from ca.secure_port import SecurePort
from ca.serving import build_context, issue_serving
from tests.ca.makers import APP, MESH, RunningAuthority, ec_key, make_leaf, make_root, running_authority, until

ROOT = make_root(ec_key(), utc_now() - timedelta(days=1))
WHO = "/test.Who/Call"


def certificate(
    *identities: str, root: int = 0, now: timedelta = timedelta(0), lifetime: timedelta = timedelta(hours=1)
) -> str:
    """Of key 2, by the mesh's root or another; begins two minutes before `now`."""
    issuer = ROOT if root == 0 else make_root(ec_key(root), utc_now() - timedelta(days=1))
    return encode_certificate(make_leaf(issuer, ec_key(2).public_key(), identities, utc_now() + now, lifetime))


@asynccontextmanager
async def telling_who(state: Path) -> AsyncIterator[RunningAuthority]:
    """A server that answers each call with what it knows of the caller."""
    authority: list[RunningAuthority] = []

    async def who(_: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        call = authority[0].authentication.read(context)
        return f"{call.is_secure} {call.peer.partition(':')[0]} {' '.join(call.certificate_names)}".encode()

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(who)
    handlers = (grpc.method_handlers_generic_handler("test.Who", {"Call": method}),)
    async with running_authority(state, ROOT, handlers=handlers) as running:
        authority.append(running)
        yield running


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningAuthority]:
    async with telling_who(tmp_path) as authority:
        yield authority


async def who(running: RunningAuthority, shown: str = "") -> str:
    return (await running.call(b"", (), ec_key(2) if shown else None, shown, WHO)).decode()


async def test_client_without_a_certificate_is_served(running: RunningAuthority) -> None:
    assert await who(running) == "True 127.0.0.1 "


async def test_client_with_a_certificate_is_known_by_it(running: RunningAuthority) -> None:
    assert await who(running, certificate(APP, "a.example")) == f"True 127.0.0.1 {APP} a.example"


async def test_connections_are_not_mixed_up(running: RunningAuthority) -> None:
    ids = [f"spiffe://cluster.local/ns/demo/sa/app-{number}" for number in range(20)]
    answers = await asyncio.gather(*(who(running, certificate(each)) for each in ids), *(who(running) for _ in ids))
    assert answers == [f"True 127.0.0.1 {each}" for each in ids] + ["True 127.0.0.1 "] * 20
    await until(lambda: len(running.port.connections) == 0)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (lambda: certificate(APP, root=3), "CERTIFICATE_VERIFY_FAILED"),
        (lambda: certificate(APP, now=timedelta(hours=-2)), "CERTIFICATE_VERIFY_FAILED"),
        (lambda: certificate(APP, now=timedelta(hours=2)), "CERTIFICATE_VERIFY_FAILED"),
        (lambda: certificate("spiffe://other.domain/ns/demo/sa/app"), "expected trust domain cluster.local"),
        (lambda: certificate("istiod.istio-system.svc"), "expected exactly one URI name, got 0"),
        (lambda: certificate(APP, f"{APP}-2"), "expected exactly one URI name, got 2"),
    ],
)
async def test_client_with_a_bad_certificate_is_refused_and_the_next_is_served(
    running: RunningAuthority, caplog: pytest.LogCaptureFixture, shown: Callable[[], str], said: str
) -> None:
    caplog.set_level("INFO")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await who(running, shown())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert said in caplog.text
    assert await who(running) == "True 127.0.0.1 "


async def test_renewed_server_certificate_is_seen_by_the_next_handshake_only(running: RunningAuthority) -> None:
    async with running.channel() as channel:
        call = channel.unary_unary(WHO, request_serializer=bytes, response_deserializer=bytes)
        await call(b"", timeout=10)
        before = await presented(running)
        assert before == running.rotation.serving.certificate
        running.authority.replace(make_root(ec_key(), utc_now() - timedelta(days=1)))
        await until(lambda: running.rotation.serving.certificate != before)
        assert await presented(running) == running.rotation.serving.certificate
        await call(b"", timeout=10)
        assert len(running.port.connections) == 1, "the old connection was not cut"
    assert await who(running) == "True 127.0.0.1 "


async def test_root_that_is_added_is_believed_without_a_restart(running: RunningAuthority) -> None:
    other = make_root(ec_key(4), utc_now() - timedelta(days=1))
    shown = certificate(APP, root=4)
    with pytest.raises(grpc.aio.AioRpcError):
        await who(running, shown)
    before = running.rotation.serving
    both = type(ROOT)(ROOT.certificate, ROOT.key, (), ROOT.roots + other.roots, ROOT.issuer)
    running.authority.replace(both)
    await until(lambda: running.rotation.serving is not before)
    assert await who(running, shown) == f"True 127.0.0.1 {APP}"


async def presented(running: RunningAuthority) -> x509.Certificate:
    """What a new handshake shows."""
    host, _, port = running.address.partition(":")
    context = client_context()
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)


# --- bytes ----------------------------------------------------------------------------------------------------------


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ROOT.roots)
    context.set_alpn_protocols(["h2"])
    return context


@dataclass
class Pipe:
    """A secure port in front of something that is no gRPC server."""

    port: SecurePort
    number: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("localhost", self.number, ssl=client_context(), family=socket.AF_INET)


Behind = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def pipe(state: Path, behind: Behind) -> AsyncIterator[Pipe]:
    serving = build_context(issue_serving(ROOT, ("localhost",), now=utc_now(), serial=3))
    port = SecurePort(lambda: serving, lambda der: spiffe_names(der, MESH, utc_now()), state)
    inner = await asyncio.start_unix_server(behind, port.target.removeprefix("unix:"))
    number = port.bind("127.0.0.1", 0)
    task = asyncio.create_task(port.serve_connections())
    try:
        yield Pipe(port, number)
    finally:
        task.cancel()
        await asyncio.wait([task])
        port.close()
        inner.close()
        await inner.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def big_echo(state: Path) -> None:
    content = os.urandom(1 << 20) * 16
    async with pipe(state, echo) as made:
        reader, writer = await made.connect()

        async def send() -> None:
            writer.write(content)
            await writer.drain()

        sending = asyncio.create_task(send())
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        digest = hashlib.sha256()
        left = len(content)
        while left:
            data = await reader.read(65536)
            assert data
            digest.update(data)
            left -= len(data)
        await sending
        assert digest.digest() == hashlib.sha256(content).digest()
        writer.close()
        await until(lambda: len(made.port.connections) == 0)


async def test_bytes_arrive_as_they_were_sent(tmp_path: Path) -> None:
    await big_echo(tmp_path)


def test_uvloop_carries_the_same(tmp_path: Path) -> None:
    uvloop.run(big_echo(tmp_path))


def test_uvloop_carries_calls(tmp_path: Path) -> None:
    async def calls() -> None:
        async with telling_who(tmp_path) as running:
            shown = certificate(APP)
            answers = await asyncio.gather(*(who(running, shown if n % 2 else "") for n in range(10)))
            assert answers == ["True 127.0.0.1 ", f"True 127.0.0.1 {APP}"] * 5

    uvloop.run(calls())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_server_may_speak_first_and_its_end_ends_the_client(
    tmp_path: Path, run: Callable[[Coroutine[None, None, None]], None]
) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"good-bye")
        writer.close()

    async def call() -> None:
        async with pipe(tmp_path, greet) as made:
            reader, writer = await made.connect()
            assert await asyncio.wait_for(reader.read(), 10) == b"good-bye"
            writer.close()

    run(call())


async def test_slow_reader_holds_up_the_writer_instead_of_filling_memory(tmp_path: Path) -> None:
    sent = 0
    chunk = b"x" * 65536

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            for _ in range(1024):  # 64 MiB
                writer.write(chunk)
                sent += len(chunk)
                await writer.drain()
        finally:
            writer.close()

    async with pipe(tmp_path, flood) as made:
        reader, writer = await made.connect()
        await still(lambda: sent)
        stuck = sent
        assert stuck < 32 << 20, "most of it waits for the reader"
        received = 0
        while data := await reader.read(1 << 20):
            received += len(data)
        assert received == 64 << 20
        writer.close()


async def still(value: Callable[[], int]) -> None:
    """Waits until a growing figure has stopped for a fifth of a second."""
    last, since = -1, time.monotonic()

    def stopped() -> bool:
        nonlocal last, since
        if value() != last:
            last, since = value(), time.monotonic()
        return last > 0 and time.monotonic() - since > 0.2

    await until(stopped)


async def test_end_of_the_client_ends_the_server(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    async with pipe(tmp_path, listen) as made:
        _, writer = await made.connect()
        writer.write(b"hello")
        await until(lambda: len(made.port.connections) == 1)
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 10)
        await until(lambda: len(made.port.connections) == 0)


async def test_client_that_speaks_no_tls_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with pipe(tmp_path, echo) as made:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.number)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert "failed in its handshake" in caplog.text
        reader, writer = await made.connect()
        writer.write(b"next")
        assert await reader.readexactly(4) == b"next"
        writer.close()


async def test_old_tls_is_refused(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    async with pipe(tmp_path, echo) as made:
        context = client_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        recwarn.clear()  # the library warns of what is tested here
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("localhost", made.number, ssl=context, family=socket.AF_INET)


async def test_stalled_handshake_holds_up_nobody_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secure_port, "HANDSHAKE_SECONDS", 0.3)
    async with pipe(tmp_path, echo) as made:
        stalled, stalling = await asyncio.open_connection("127.0.0.1", made.number)
        reader, writer = await made.connect()
        writer.write(b"quick")
        assert await reader.readexactly(5) == b"quick"
        assert await asyncio.wait_for(stalled.read(), 10) == b""
        stalling.close()
        writer.close()


async def test_without_a_server_behind_it_a_connection_is_closed(tmp_path: Path) -> None:
    async with pipe(tmp_path, echo) as made:
        os.unlink(made.port.target.removeprefix("unix:"))
        reader, writer = await made.connect()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


# --- what it leaves -------------------------------------------------------------------------------------------------


async def test_close_leaves_no_file_and_no_connection(tmp_path: Path) -> None:
    async with pipe(tmp_path, echo) as made:
        reader, writer = await made.connect()
        directory = Path(made.port.target.removeprefix("unix:")).parent
        assert directory.stat().st_mode & 0o777 == 0o700
        await until(lambda: len(made.port.connections) == 1)
        assert [path.name for path in directory.iterdir()] == ["s"]
        made.port.close()
        assert not directory.exists()
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, alive, starting = tmp_path / "run-dead", tmp_path / "run-alive", tmp_path / "run-starting"
    for each in (dead, alive, starting):
        each.mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(dead / "s"))
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(alive / "s"))
        living.listen()
        port = SecurePort(ssl.create_default_context, lambda _: (), tmp_path)
        assert (dead.exists(), alive.exists(), starting.exists()) == (False, True, True)
        port.close()


def test_long_path_falls_back_to_the_temporary_directory(tmp_path: Path) -> None:
    port = SecurePort(ssl.create_default_context, lambda _: (), tmp_path / ("long" * 30))
    assert len(port.target) < 100
    assert str(tmp_path) not in port.target
    port.close()


async def test_serving_before_binding_is_a_mistake() -> None:
    port = SecurePort(ssl.create_default_context, lambda _: ())
    with pytest.raises(RuntimeError):
        await port.serve_connections()
    port.close()


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost"])
def test_port_listens_where_it_is_told(host: str) -> None:
    port = SecurePort(ssl.create_default_context, lambda _: ())
    number = port.bind(host, 0)
    with socket.create_connection(("127.0.0.1", number), 5):
        pass
    port.close()


async def test_shortage_of_descriptors_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [errno.EMFILE, errno.ECONNABORTED]

    async def failing(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        if failures:
            raise OSError(failures[0], os.strerror(failures.pop(0)))
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", failing)
    async with pipe(tmp_path, echo) as made:
        reader, writer = await made.connect()
        writer.write(b"late")
        assert await reader.readexactly(4) == b"late"
        writer.close()
    assert "cannot accept connections: Too many open files" in caplog.text
