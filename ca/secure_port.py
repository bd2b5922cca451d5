"""The TLS end of the secure port: handshakes here, HTTP/2 in grpc.aio behind a Unix socket.

Comes in: TCP connections. Goes out: their decrypted bytes to the gRPC server that listens on `target`, one inner
connection for each outer one, and what the handshake proved to `connections`, under the name of the inner one. Knows
nothing of what the bytes mean.

Why not gRPC's own TLS: agents prove themselves by a client certificate *or* by a token, on the same port. That needs
a certificate that is asked for, verified where shown, and not required; grpcio (1.85) asks for none or requires one:
the C core has the third mode, its Python API does not. Measured with uvloop, server CPU, gRPC's TLS against this one:
a unary call of 2 kB 130-140 and 170-190 us, a connection 1.0 and 1.4 ms, a message of 500 kB 0.44 and 0.60 ms; an idle
stream 82-92 and 73-82 kB, after such messages 137 and 138 kB. For that we also have the certificate, roots and ciphers
chosen anew for each handshake, and the SPIFFE rule applied before the first request.

The inner name cannot be forged: it is a file in a directory of mode 0700, bound by us just before connecting, and
gRPC reports it as the peer. When `_HIGH_WATER` bytes wait for one side, the other is not read.

Source: CA behaviour 1.4.
"""

import asyncio
import errno
import logging
import os
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from ca.authn.connections import Connection, Connections
from ca.errors import CaError, CredentialError

HANDSHAKE_SECONDS = 10.0
MAX_HANDSHAKES = 1024
"""Handshakes at a time; more connections wait in the system's queue. A peer that stalls holds its place 10 s."""

_log = logging.getLogger("ca")

_HIGH_WATER = 64 * 1024
_SLICE = 32 * 1024
"""Written to TLS at a time: the library never gives back the memory that its largest write took, for any connection."""
_SHUTDOWN_SECONDS = 2.0
_INNER_CONNECT_SECONDS = 5.0
_BACKLOG = 4096
_PREFIX, _SOCKET = "run-", "s"
_LONGEST_PATH = 80
"""A Unix socket's path has room for 104 bytes on macOS, 108 on Linux; the rest is for our names in the directory."""
_ABANDONED_SECONDS = 3600


class SecurePort:
    """One TLS port in front of one gRPC server."""

    def __init__(
        self,
        tls: Callable[[], ssl.SSLContext],
        names_of: Callable[[bytes], tuple[str, ...]],
        directory: Path | None = None,
    ) -> None:
        """`tls`: the context for the next handshake. `names_of`: the names in a verified client certificate (DER) that
        is acceptable, else CredentialError. `directory`: where the inner socket may lie; a long path falls back to the
        system's temporary directory.
        """
        self._tls = tls
        self._names_of = names_of
        self.connections = Connections()
        self._directory = _runtime_directory(directory)
        self._listener: socket.socket | None = None
        self._handshakes = asyncio.Semaphore(MAX_HANDSHAKES)
        self._open: set[_End] = set()
        self._count = 0

    @property
    def target(self) -> str:
        """For the gRPC server's `add_insecure_port`, before it starts."""
        return f"unix:{self._directory}/{_SOCKET}"

    def bind(self, host: str, port: int) -> int:
        """Listens; connections wait until `serve_connections`. An empty host is every interface, port 0 any free one.

        Returns the port. Raises: OSError.
        """
        if host:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        elif socket.has_dualstack_ipv6():
            listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        else:
            listener = socket.create_server(("", port), backlog=_BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        return int(listener.getsockname()[1])

    async def serve_connections(self) -> None:
        """Accepts for ever; ends only by cancellation, which closes the port but no connection (see `close`)."""
        listener = self._listener
        if listener is None:
            raise RuntimeError("bind comes before serve_connections")
        try:
            async with asyncio.TaskGroup() as handshakes:
                while True:
                    await self._handshakes.acquire()
                    accepted, address = await _accept(listener)
                    handshakes.create_task(self._handshake(accepted, _text(address)))
        finally:
            listener.close()

    def close(self) -> None:
        """Cuts what is still open, and leaves no file. Stop the gRPC server first: it says good-bye to its clients."""
        if self._listener is not None:
            self._listener.close()
        for end in tuple(self._open):
            end.transport.abort()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _handshake(self, accepted: socket.socket, address: str) -> None:
        try:
            await self._connect(accepted, address)
        except CredentialError as error:
            _log.info(f"connection of {address} refused: {error}")
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            _log.info(f"connection of {address} failed in its handshake: {str(error) or type(error).__name__}")
        except CaError:
            _log.exception(f"connection of {address} failed")
        finally:
            self._handshakes.release()

    async def _connect(self, accepted: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        outer = _End(self._open)
        await loop.connect_accepted_socket(
            lambda: outer,
            accepted,
            ssl=self._tls(),
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        try:
            shown: bytes | None = outer.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            names = self._names_of(shown) if shown else ()
            name, connected = await self._inner_socket()
            peer = f"unix:{name}"
            # Known before its first byte is read; forgotten when the client leaves, whenever that is.
            self.connections.add(peer, Connection(address, names))
            outer.when_lost(lambda: self.connections.remove(peer))
            await loop.create_unix_connection(lambda: _End(self._open, outer), sock=connected)
        except BaseException:
            outer.transport.abort()
            raise

    async def _inner_socket(self) -> tuple[str, socket.socket]:
        """Connected to the gRPC server, and bound to the name by which that server will know it."""
        self._count += 1
        name = f"{self._directory}/{self._count}"
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.setblocking(False)
            connected.bind(name)
            try:
                await _connect_unix(connected, f"{self._directory}/{_SOCKET}")
            finally:
                os.unlink(name)  # the name stays known to the other end; the file is not needed
        except BaseException:
            connected.close()
            raise
        return name, connected


class _End(asyncio.Protocol):
    """One end of a pipe: what it reads, the other end writes. The first end reads nothing until there is a second."""

    __slots__ = ("_lost", "_on_lost", "_open", "_other", "transport")

    transport: asyncio.Transport

    def __init__(self, open_ends: set["_End"], other: "_End | None" = None) -> None:
        self._open = open_ends
        self._other = other
        self._lost = False
        self._on_lost: Callable[[], None] | None = None

    def when_lost(self, action: Callable[[], None]) -> None:
        """Runs it when the connection is over; now, if it is."""
        if self._lost:
            action()
        else:
            self._on_lost = action

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by class, only by what they do
        self._open.add(self)
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        if self._other is None:
            self.transport.pause_reading()
        elif self._other._lost:
            self.transport.abort()
        else:
            self._other._other = self
            self._other.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        assert self._other is not None, "the first end reads nothing until there is a second"
        if len(data) <= _SLICE:
            self._other.transport.write(data)
            return
        whole = memoryview(data)
        for begin in range(0, len(data), _SLICE):
            self._other.transport.write(whole[begin : begin + _SLICE])

    def pause_writing(self) -> None:
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._open.discard(self)
        if self._on_lost is not None:
            self._on_lost()
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.close()  # what is written already still arrives


async def _accept(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
    """The next connection; a shortage of descriptors or memory is waited out."""
    while True:
        try:
            return await asyncio.get_running_loop().sock_accept(listener)
        except OSError as error:
            if error.errno == errno.ECONNABORTED:
                continue
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            _log.error(f"secure port cannot accept connections: {error.strerror}")
            await asyncio.sleep(0.2)


def _text(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _connect_unix(connected: socket.socket, path: str) -> None:
    """Connects at once, or waits while the server's queue is full (a storm of reconnects)."""
    async with asyncio.timeout(_INNER_CONNECT_SECONDS):
        while True:
            try:
                return connected.connect(path)
            except BlockingIOError:
                await asyncio.sleep(0.01)


def _runtime_directory(parent: Path | None) -> str:
    """A new private directory. Below `parent` also removes those of processes that were killed."""
    if parent is None or len(os.fsencode(parent)) > _LONGEST_PATH:
        return tempfile.mkdtemp(prefix="meshpilot-")
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.glob(f"{_PREFIX}*"):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.mkdtemp(prefix=_PREFIX, dir=parent)


def _is_abandoned(directory: Path) -> bool:
    """Nobody listens on its socket: the system refuses a connection to a dead one."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(directory / _SOCKET))
        except ConnectionRefusedError:
            return True
        except FileNotFoundError:
            return time.time() - directory.stat().st_mtime > _ABANDONED_SECONDS
    return False
