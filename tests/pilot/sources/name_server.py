"""A real name server for tests, over UDP and TCP on one port of the loopback.

Comes in: records by name. Goes out: answers; each name that was asked for is remembered.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

A, CNAME, AAAA = 1, 5, 28
TRUNCATED = 0x0200
POINTER = b"\xc0\x0c"


@dataclass
class NameServer:
    """`records`: name to addresses, or to another name by `=name`; all with the time to live `ttl`."""

    records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ttl: int = 60
    code: int = 0
    is_silent: bool = False
    truncates: bool = False
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def answer(self, question: bytes, *, udp: bool) -> bytes:
        number = struct.unpack_from("!H", question)[0]
        name, position = _name(question, 12)
        (kind,) = struct.unpack_from("!H", question, position)
        self.asked.append(name)
        records = list(self._records(name, kind))
        flags = 0x8180 | (self.code or (0 if name in self.records else 3))
        if udp and self.truncates:
            flags, records = flags | TRUNCATED, []
        head = struct.pack("!6H", number, flags, 1, len(records), 0, 0)
        return head + question[12 : position + 4] + b"".join(records)

    def _records(self, name: str, kind: int) -> Any:
        for each in self.records.get(name, ()):
            if each.startswith("="):
                target = b"".join(bytes([len(p)]) + p.encode() for p in each[1:].split(".")) + b"\0"
                yield POINTER + struct.pack("!2HIH", CNAME, 1, 5, len(target)) + target
                yield from self._records(each[1:], kind)
                continue
            address = ipaddress.ip_address(each)
            if kind == (A if address.version == 4 else AAAA):
                yield POINTER + struct.pack("!2HIH", kind, 1, self.ttl, len(address.packed)) + address.packed


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self._server.is_silent:
            self._transport.sendto(self._server.answer(data, udp=True), addr)


def _name(data: bytes, position: int) -> tuple[str, int]:
    labels = []
    while data[position]:
        length = data[position]
        labels.append(data[position + 1 : position + 1 + length].decode())
        position += length + 1
    return ".".join(labels), position + 1


@contextlib.asynccontextmanager
async def name_server(**records: tuple[str, ...]) -> AsyncIterator[NameServer]:
    """Runs while the context lasts; `_` in names stands for a dot."""
    made = NameServer({name.replace("_", "."): found for name, found in records.items()})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        said = made.answer(await reader.readexactly(length), udp=False)
        writer.write(struct.pack("!H", len(said)) + said)
        await writer.drain()
        writer.close()

    streams = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = streams.sockets[0].getsockname()[1]
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(made.address)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(made), sock=datagram)
    try:
        yield made
    finally:
        transport.close()
        streams.close()
