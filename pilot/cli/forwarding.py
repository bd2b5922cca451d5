"""Ports of pods, reached through the API server of their cluster, as kubectl's port-forward does.

In: what people write for an address: `kubernetes[/NAMESPACE][@CONTEXT]` (the control planes of that namespace), or
`pod/NAME.NAMESPACE[:PORT][@CONTEXT]`. Out: addresses on this machine, open as long as this program
runs. Inside of the pod a connection comes from the pod itself: who may forward its ports needs no other right.
Source: operations 5; Kubernetes' streaming protocol v4.channel.k8s.io: the first byte of a message is its channel
(0 the port, 1 what is wrong with it), the first message of each channel repeats the port.
"""

import asyncio
import contextlib
import os
import pathlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import aiohttp
import click

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, connect

CONTROL_PLANES: Final = "app=istiod"
POD: Final = "pod/"
_PROTOCOL: Final = "v4.channel.k8s.io"
_DATA, _WRONG = 0, 1
_PIECE: Final = 64 << 10
_PATIENCE: Final = 30.0
_QUESTION: Final = 0.1
"""Seconds for a question that may already have been read; arbitrary."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a pod."""

    name: str
    namespace: str
    port: int
    context: str = ""

    def __str__(self) -> str:
        at = f"@{self.context}" if self.context else ""
        return f"{POD}{self.name}.{self.namespace}:{self.port}{at}"


def expand(address: str, port: int) -> list[str]:
    """An address as addresses of single pods; `port` where it names none. Raises: click.ClickException."""
    where, _, context = address.partition("@")
    if where.startswith(POD):
        return [str(parse_pod(address, port))]
    namespace = where.partition("/")[2] or "istio-system"
    names = _through(context).control_planes(namespace)
    if not names:
        raise click.ClickException(f"{address}: no running pod with the label {CONTROL_PLANES} in {namespace}")
    return [str(Place(name, namespace, port, context)) for name in names]


def parse_pod(address: str, port: int) -> Place:
    """`pod/NAME.NAMESPACE[:PORT][@CONTEXT]`. Raises: click.BadParameter."""
    where, _, context = address.removeprefix(POD).partition("@")
    pod, colon, number = where.partition(":")
    name, dot, namespace = pod.rpartition(".")
    if not (name and dot and namespace) or (colon and not number.isdecimal()):
        raise click.BadParameter(f"expected pod/NAME.NAMESPACE[:PORT][@CONTEXT], got {address}")
    return Place(name, namespace, int(number) if colon else port, context)


def reach(address: str, port: int) -> str:
    """`host:port` on this machine for the port of a pod. Raises: click.ClickException."""
    return _opened(parse_pod(address, port))


@cache
def _opened(place: Place) -> str:
    return _through(place.context).open(place)


@cache
def _through(context: str) -> "Forwarder":
    return Forwarder(context)


class Forwarder:
    """One cluster. Lives in a thread of its own until the program ends."""

    def __init__(self, context: str = "") -> None:
        """Raises: click.ClickException."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        configured = os.environ.get("KUBECONFIG", "").partition(os.pathsep)[0] or "~/.kube/config"
        self._client: KubeClient = self._do(connect(pathlib.Path(configured).expanduser(), context or None))

    def control_planes(self, namespace: str) -> list[str]:
        """Names of pods that run one. Raises: click.ClickException."""
        query = f"labelSelector={CONTROL_PLANES.replace('=', '%3D')}&fieldSelector=status.phase%3DRunning"
        found = self._do(self._client.call("GET", f"/api/v1/namespaces/{namespace}/pods?{query}"))
        return sorted(each["metadata"]["name"] for each in found.get("items") or ())

    def open(self, place: Place) -> str:
        """An address on this machine that leads there. Raises: click.ClickException."""

        async def serve() -> str:
            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._forward(place, reader, writer)

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

        return self._do(serve())

    async def _forward(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"/api/v1/namespaces/{place.namespace}/pods/{place.name}/portforward?ports={place.port}"
        try:
            async with self._client.channel(path, _PROTOCOL) as channel:
                sending = asyncio.create_task(_send(reader, channel))
                try:
                    await _receive(channel, writer)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except KubernetesError as error:
            # The one who asks speaks HTTP, and is told so that a person reads it.
            text = f"{place}: {error}\n".encode()
            head = f"HTTP/1.1 502 Bad Gateway\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                async with asyncio.timeout(_QUESTION):  # what stays unread would end the connection too early
                    await reader.read(_PIECE)
            with contextlib.suppress(OSError):
                writer.write(head.encode() + text)
                await writer.drain()
        finally:
            writer.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)
        except TimeoutError as error:
            raise click.ClickException("the API server does not answer") from error
        except KubernetesError as error:
            raise click.ClickException(str(error)) from error


async def _send(reader: asyncio.StreamReader, channel: aiohttp.ClientWebSocketResponse) -> None:
    while data := await reader.read(_PIECE):
        await channel.send_bytes(bytes((_DATA,)) + data)


async def _receive(channel: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    """Until the other side ends it. Raises: KubernetesError."""
    greeted: set[int] = set()
    async for message in channel:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        number, data = message.data[0], message.data[1:]
        if number not in greeted:
            greeted.add(number)  # the port, in two bytes
            data = data[2:]
        if number == _WRONG and data:
            raise KubernetesError(data.decode(errors="replace").strip(), 0)
        if number == _DATA and data:
            writer.write(data)
            await writer.drain()
