"""Addresses of host names, asked of the name servers of this machine, with how long they are good for.

In: `/etc/resolv.conf`, a name. Out: its A and AAAA addresses and the shortest time to live on the way to them. Over
UDP; over TCP where an answer is too long. Remembers nothing. Source: RFC 1035, 3596; xDS behaviour 2.6.
"""

import asyncio
import ipaddress
import pathlib
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RESOLV_CONF = pathlib.Path("/etc/resolv.conf")
PORT = 53
TIMEOUT = 5.0
"""Seconds for an answer of one server."""
A, CNAME, AAAA, IN = 1, 5, 28, 1
_RECURSION_WANTED, _IS_ANSWER, _TRUNCATED, _CODE = 0x0100, 0x8000, 0x0200, 0x000F
_NO_SUCH_NAME = 3

Server = tuple[str, int]


class LookUpError(Exception):
    """A name that cannot be looked up: no server answers, or what they say is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name stands for; no addresses where there is no such name."""

    addresses: tuple[str, ...] = ()
    ttl: float = 0.0
    """Seconds; 0 where nothing was found."""


def servers_of(text: str) -> tuple[Server, ...]:
    """The name servers in a `resolv.conf`, in order."""
    lines = (line.split() for line in text.splitlines())
    return tuple((parts[1].partition("%")[0], PORT) for parts in lines if len(parts) > 1 and parts[0] == "nameserver")


async def look_up(name: str, servers: Sequence[Server] | None = None) -> Answer:
    """Both families; the first server that answers counts. Raises: LookUpError."""
    asked = servers if servers is not None else await asyncio.to_thread(_system_servers)
    if not asked:
        raise LookUpError(f"{name}: there is no name server")
    found = await asyncio.gather(*(_ask(name, kind, asked) for kind in (A, AAAA)), return_exceptions=True)
    answers = [each for each in found if isinstance(each, Answer)]
    failures = [each for each in found if isinstance(each, BaseException)]
    addresses = tuple(address for each in answers for address in each.addresses)
    if failures and not addresses:
        raise failures[0]
    ttl = min((each.ttl for each in answers if each.addresses), default=0.0)
    return Answer(tuple(sorted(set(addresses))), ttl)


def _system_servers() -> tuple[Server, ...]:
    try:
        return servers_of(RESOLV_CONF.read_text())
    except (OSError, UnicodeError):
        return ()


async def _ask(name: str, kind: int, servers: Sequence[Server]) -> Answer:
    """Raises: LookUpError."""
    number = random.randint(0, 0xFFFF)
    question = encode_question(number, name, kind)
    failure = ""
    for server in servers:
        try:
            async with asyncio.timeout(TIMEOUT):
                data = await _by_udp(question, server)
                if _is_truncated(data):
                    data = await _by_tcp(question, server)
            return decode_answer(data, number, kind)
        except (OSError, TimeoutError, EOFError, LookUpError) as error:
            failure = f"{server[0]}: {str(error) or type(error).__name__}"
    raise LookUpError(f"{name}: {failure}")


class _Once(asyncio.DatagramProtocol):
    """The first datagram with the number of the question."""

    def __init__(self, number: bytes) -> None:
        self._number = number
        self.said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._number and not self.said.done():
            self.said.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.said.done():
            self.said.set_exception(exc)


async def _by_udp(question: bytes, server: Server) -> bytes:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Once(question[:2]), remote_addr=server)
    try:
        transport.sendto(question)
        return await protocol.said
    finally:
        transport.close()


async def _by_tcp(question: bytes, server: Server) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(struct.pack("!H", len(question)) + question)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()


# --- messages -------------------------------------------------------------------------------------------------------


def encode_question(number: int, name: str, kind: int) -> bytes:
    """One question. Raises: LookUpError for what is no host name."""
    labels = name.rstrip(".").split(".")
    try:
        encoded = [label.encode("ascii") for label in labels]
    except UnicodeError as error:
        raise LookUpError(f"{name!r}: expected a host name") from error
    if not all(0 < len(label) < 64 for label in encoded) or len(name) > 253:
        raise LookUpError(f"{name!r}: expected a host name")
    written = b"".join(bytes([len(label)]) + label for label in encoded)
    return struct.pack("!6H", number, _RECURSION_WANTED, 1, 0, 0, 0) + written + b"\0" + struct.pack("!2H", kind, IN)


def decode_answer(data: bytes, number: int, kind: int) -> Answer:
    """The addresses in an answer to that question. Raises: LookUpError."""
    try:
        found_number, flags, questions, count, _, _ = struct.unpack_from("!6H", data)
        if found_number != number or not flags & _IS_ANSWER:
            raise LookUpError("expected an answer, got something else")
        if flags & _CODE not in (0, _NO_SUCH_NAME):
            raise LookUpError(f"the server failed with code {flags & _CODE}")
        position = 12
        for _ in range(questions):
            position = _after_name(data, position) + 4
        records = list(_records(data, position, count))
    except (struct.error, IndexError) as error:
        raise LookUpError("the answer is cut off") from error
    addresses = [ipaddress.ip_address(content) for of, _, content in records if of == kind]
    ttls = [ttl for of, ttl, _ in records if of in (kind, CNAME)]
    return Answer(tuple(map(str, addresses)), float(min(ttls))) if addresses else Answer()


def _records(data: bytes, position: int, count: int) -> Iterator[tuple[int, int, bytes]]:
    """Type, time to live and content of each."""
    for _ in range(count):
        position = _after_name(data, position)
        kind, _, ttl, length = struct.unpack_from("!2HIH", data, position)
        content = data[position + 10 : position + 10 + length]
        if len(content) != length or (kind == A and length != 4) or (kind == AAAA and length != 16):
            raise LookUpError("a record is cut off")
        yield kind, ttl, content
        position += 10 + length


def _after_name(data: bytes, position: int) -> int:
    """Where the name that begins here ends."""
    while data[position]:
        if data[position] >= 0xC0:
            return position + 2
        position += data[position] + 1
    return position + 1


def _is_truncated(data: bytes) -> bool:
    return len(data) >= 4 and bool(struct.unpack_from("!H", data, 2)[0] & _TRUNCATED)
