"""Signs in a process of its own: the work of `ca.issue` without a lock that it would share with the event loop.

Threads of one interpreter hand its lock over two dozen times for each certificate (measured: 26 futex calls), which
costs a third of the CPU and of the rate. Here requests cross a socket pair, many at a time under load, and the other
process does nothing else: 1,800 certificates a second by an RSA-2048 root, instead of 1,200, on two cores that carry
the load as well.

Comes in: a bundle, requests. Goes out: what `ca.issue.issue` returns or raises. The key reaches the other process over
the socket pair, never by a file, argument or environment. A process that dies is started again by the next request;
what it was doing fails with GenerationError, which clients try again.
"""

import asyncio
import logging
import socket
import struct
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from ca import bundle as bundles
from ca import errors
from ca.bundle import Bundle
from ca.errors import GenerationError, SigningError
from ca.issue import issue
from ca.template import LifetimePolicy

_log = logging.getLogger("ca")

_SIZE = struct.Struct("!I")
_PROGRAM = "import sys; sys.path[:] = sys.argv[2:]; from ca import signing_process as it; it.main(int(sys.argv[1]))"
_MOST_AT_ONCE = 4
"""Answers that go back together: fewer wake-ups for the event loop. Arbitrary; it delays the first by 1 ms at most."""


class Signer(Protocol):
    """Who makes certificates; `ca.issue.issue` on the spot, or somewhere else."""

    async def issue(
        self,
        bundle: Bundle,
        policy: LifetimePolicy,
        csr_pem: str,
        identities: tuple[str, ...],
        requested_seconds: int,
        *,
        now: datetime,
        serial: int,
    ) -> list[str]:
        """As `ca.issue.issue`. Raises: SigningError."""
        ...


class Material(msgspec.Struct, frozen=True, array_like=True, tag="material"):
    """The CA from now on; PEM."""

    certificate: bytes
    key: bytes
    chain: bytes
    roots: bytes
    now: datetime

    def __repr__(self) -> str:
        return "<redacted>"


class Request(msgspec.Struct, frozen=True, array_like=True, tag="request"):
    """One certificate, please. `number` comes back with the answer."""

    number: int
    csr: str
    identities: tuple[str, ...]
    seconds: int
    default_seconds: float
    maximum_seconds: float
    now: datetime
    serial: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The chain; or the class and text of a SigningError (another class: a bug)."""

    number: int
    chain: list[str] = []
    error: str = ""
    text: str = ""


class SigningProcess:
    """One other process for one event loop; an async context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[list[str]]] = {}  # a new one for each process
        self._number = 0
        self._bundle: Bundle | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> "SigningProcess":
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """The other process ends when its socket does."""
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    async def issue(
        self,
        bundle: Bundle,
        policy: LifetimePolicy,
        csr_pem: str,
        identities: tuple[str, ...],
        requested_seconds: int,
        *,
        now: datetime,
        serial: int,
    ) -> list[str]:
        """As `ca.issue.issue`. Raises: SigningError."""
        if self._transport is None or self._transport.is_closing():
            await self._start()
        assert self._transport is not None, "start sets it"
        if bundle is not self._bundle:
            self._bundle = bundle
            self._send(_material(bundle, now))
        self._number += 1
        number, waiting = self._number, self._waiting
        future: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        waiting[number] = future
        self._send(
            Request(
                number,
                csr_pem,
                identities,
                requested_seconds,
                policy.default.total_seconds(),
                policy.maximum.total_seconds(),
                now,
                serial.to_bytes(16),
            )
        )
        try:
            return await future
        finally:
            waiting.pop(number, None)

    def _send(self, message: Material | Request) -> None:
        assert self._transport is not None, "nobody sends before the start"
        body = msgspec.msgpack.encode(message)
        self._transport.write(_SIZE.pack(len(body)) + body)

    async def _start(self) -> None:
        async with self._starting:
            if self._transport is not None and not self._transport.is_closing():
                return
            if self._process is not None:
                code = await asyncio.to_thread(self._process.wait)
                _log.error(f"signing process has ended ({code}); it is started again")
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = await asyncio.to_thread(_spawn, theirs)
            self._bundle, self._waiting = None, {}
            answers = _Answers(self._waiting)
            self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: answers, sock=ours)


def _spawn(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """The other process, with our import path and its end of the socket pair; our terminal's signals miss it."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


class _Answers(asyncio.Protocol):
    """Brings answers to who waits for them; when the connection ends, an error."""

    def __init__(self, waiting: dict[int, "asyncio.Future[list[str]]"]) -> None:
        self._waiting = waiting
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._pending = bytearray()

    def data_received(self, data: bytes) -> None:
        self._pending += data
        for body in _frames(self._pending):
            answer = self._decoder.decode(body)
            future = self._waiting.get(answer.number)
            if future is None or future.done():  # cancelled
                continue
            if answer.error:
                future.set_exception(_error(answer))
            else:
                future.set_result(answer.chain)

    def connection_lost(self, exc: Exception | None) -> None:
        for each in self._waiting.values():
            if not each.done():
                each.set_exception(GenerationError("signing process has ended"))


def _error(answer: Answer) -> Exception:
    found = getattr(errors, answer.error, None)
    if isinstance(found, type) and issubclass(found, SigningError):
        return found(answer.text)
    return RuntimeError(f"{answer.error} in the signing process: {answer.text}")


def _frames(pending: bytearray) -> list[bytes]:
    """Takes the whole frames off the front."""
    frames, begin = [], 0
    while len(pending) - begin >= _SIZE.size:
        (length,) = _SIZE.unpack_from(pending, begin)
        end = begin + _SIZE.size + length
        if end > len(pending):
            break
        frames.append(bytes(pending[begin + _SIZE.size : end]))
        begin = end
    del pending[:begin]
    return frames


def _material(bundle: Bundle, now: datetime) -> Material:
    certificate = bundles.encode_certificate(bundle.certificate).encode()
    key = bundles.encode_private_key(bundle.key.reveal())
    return Material(certificate, key, "".join(bundle.chain).encode(), bundle.roots.encode(), now)


def serve(connection: socket.socket) -> None:
    """The other process: answers until the connection ends."""
    decoder: msgspec.msgpack.Decoder[Material | Request] = msgspec.msgpack.Decoder(Material | Request)
    pending, current, answers = bytearray(), None, bytearray()
    while data := connection.recv(1 << 18):
        pending += data
        for number, body in enumerate(_frames(pending), 1):
            message = decoder.decode(body)
            if isinstance(message, Material):
                current = _bundle(message)
                continue
            answer = msgspec.msgpack.encode(_answer(current, message))
            answers += _SIZE.pack(len(answer)) + answer
            if number % _MOST_AT_ONCE == 0:
                connection.sendall(answers)
                answers.clear()
        connection.sendall(answers)
        answers.clear()


def _bundle(found: Material) -> Bundle:
    return bundles.decode_bundle(found.certificate, found.key, found.chain, found.roots, now=found.now)


def _answer(bundle: Bundle | None, asked: Request) -> Answer:
    try:
        if bundle is None:
            raise errors.NotReadyError("signing process has no signing certificate")
        chain = issue(
            bundle,
            LifetimePolicy(timedelta(seconds=asked.default_seconds), timedelta(seconds=asked.maximum_seconds)),
            asked.csr,
            asked.identities,
            asked.seconds,
            now=asked.now,
            serial=int.from_bytes(asked.serial),
        )
        return Answer(asked.number, chain)
    except Exception as error:
        return Answer(asked.number, [], type(error).__name__, str(error))


def main(descriptor: int) -> None:
    """The other process, from its beginning to its end."""
    with socket.socket(fileno=descriptor) as connection:
        serve(connection)
