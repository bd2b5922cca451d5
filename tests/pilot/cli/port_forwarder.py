"""What a kubelet does of port-forward: WebSockets become connections to ports of this machine.

Comes in: programs that listen here, by pod and port. Goes out: an aiohttp handler.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import WSMsgType, web

Ports = Mapping[tuple[str, int], int]
"""By pod and its port: a port of this machine."""


def forwarding(ports: Ports, query: str = "ports") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`query`: what names the port: an API server is asked for `ports`, and asks a kubelet for `port`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        wanted = int(request.query[query])
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        assert socket.ws_protocol == "v4.channel.k8s.io"
        for channel in (0, 1):
            await socket.send_bytes(bytes((channel,)) + wanted.to_bytes(2, "little"))
        port = ports.get((request.match_info["pod"], wanted))
        if port is None:
            await socket.send_bytes(b"\x01connection refused inside of the pod\n")
            return socket
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def back() -> None:
            while data := await reader.read(1024):
                await socket.send_bytes(b"\x00" + data)
            await socket.close()

        task = asyncio.create_task(back())
        async for message in socket:
            if message.type is WSMsgType.BINARY and message.data[:1] == b"\x00":
                writer.write(message.data[1:])
        writer.close()
        await asyncio.gather(task, return_exceptions=True)
        return socket

    return handle
