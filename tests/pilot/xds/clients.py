"""A real gRPC server with a world behind it, and real clients that say what a test tells them to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from prometheus_client import CollectorRegistry

from pilot.type_urls import TypeUrl
from pilot.xds.admission import Admission
from pilot.xds.discovery import Authenticate, nobody
from pilot.xds.metrics import XdsMetrics
from pilot.xds.pushes import Change
from pilot.xds.server import SERVICE, AdsServer, server_options
from tests.pilot.xds.worlds import World, name_in, node

DEADLINE = 10.0
"""Seconds after which a test gives up waiting for what must come."""

QUIET = 0.2
"""Seconds in which what must not come does not come."""


@dataclass
class Said:
    """A response, taken apart."""

    type_url: str
    nonce: str
    names: list[str]
    removed: list[str]
    raw: bytes
    message: Any


class Client:
    """One ADS stream."""

    def __init__(self, channel: grpc.aio.Channel, delta: bool, metadata: tuple[tuple[str, str], ...] = ()) -> None:
        self.delta = delta
        method = "DeltaAggregatedResources" if delta else "StreamAggregatedResources"
        open_call: Any = channel.stream_stream  # grpc-stubs asks for serializers; without them bytes go in and out
        self.call: Any = open_call(f"/{SERVICE}/{method}")(metadata=metadata)
        self.first = True
        self.node: Any = None
        """Who asks; None for a sidecar of which only the id matters."""

    async def send(
        self,
        type_url: TypeUrl,
        *names: str,
        nonce: str = "",
        error: str = "",
        unsubscribe: tuple[str, ...] = (),
        node_id: str = "web-1.default",
        claims: dict[str, str] | None = None,
    ) -> None:
        """A request; the first one says who asks."""
        kind = discovery_pb2.DeltaDiscoveryRequest if self.delta else discovery_pb2.DiscoveryRequest
        message = kind(type_url=type_url, response_nonce=nonce)
        if self.delta:
            message.resource_names_subscribe.extend(names)
            message.resource_names_unsubscribe.extend(unsubscribe)
            message.initial_resource_versions.update(claims or {})
        else:
            message.resource_names.extend(names)
        if self.first:
            message.node.CopyFrom(node(node_id) if self.node is None else self.node)
        if error:
            message.error_detail.message = error
        self.first = False
        await self.call.write(message.SerializeToString())

    async def receive(self) -> Said:
        """The next response."""
        data = await asyncio.wait_for(self.call.read(), DEADLINE)
        if data is grpc.aio.EOF:  # type: ignore[attr-defined]  # missing in grpc-stubs
            raise EOFError(await self.status())
        if self.delta:
            message = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
            names = [each.name for each in message.resources]
            return Said(message.type_url, message.nonce, names, list(message.removed_resources), data, message)
        message = discovery_pb2.DiscoveryResponse.FromString(data)
        names = [name_in(each) for each in message.resources]
        return Said(message.type_url, message.nonce, names, [], data, message)

    async def ask(self, type_url: TypeUrl, *names: str, **more: Any) -> Said:
        """Sends a request, takes the answer, accepts it."""
        await self.send(type_url, *names, **more)
        said = await self.receive()
        await self.ack(said, *names)
        return said

    async def ack(self, said: Said, *names: str) -> None:
        """Accepts a response; in state of the world the names are said again."""
        await self.send(TypeUrl(said.type_url), *(() if self.delta else names), nonce=said.nonce)

    async def is_quiet(self) -> bool:
        """Whether nothing more comes for now. The call cannot be used any more."""
        try:
            await asyncio.wait_for(self.call.read(), QUIET)
        except TimeoutError:
            return True
        return False

    async def status(self) -> tuple[str, str]:
        """How the call ended."""
        code = await asyncio.wait_for(self.call.code(), DEADLINE)
        return code.name, await self.call.details()


@dataclass
class Site:
    """A server on 127.0.0.1, and its world."""

    world: World
    server: AdsServer
    registry: CollectorRegistry
    address: str
    channels: list[grpc.aio.Channel]

    def client(
        self, delta: bool, metadata: tuple[tuple[str, str], ...] = (), options: tuple[tuple[str, int], ...] = ()
    ) -> Client:
        """A new stream on a new connection. `options`: of the channel."""
        channel = grpc.aio.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1), *options])
        self.channels.append(channel)
        return Client(channel, delta, metadata)

    def publish(self, *types: TypeUrl, reason: str = "config") -> None:
        """Tells that the world changed."""
        self.server.publish(Change(frozenset(types) if types else None, (reason,)))

    def count(self, name: str, **labels: str) -> float:
        """A figure; zero if it was never counted."""
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def serving(
    world: World, authenticate: Authenticate = nobody, max_receive_bytes: int = 64 << 20, **more: Any
) -> AsyncIterator[Site]:
    """Serves a world. Admission is not limited unless the test says so."""
    registry = CollectorRegistry()
    server = AdsServer(world, XdsMetrics(registry), **{"admission": Admission(rate=0), **more})
    grpc_server = grpc.aio.server(options=server_options(max_receive_bytes=max_receive_bytes))
    grpc_server.add_generic_rpc_handlers([server.handler(authenticate)])
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()
    pushes = asyncio.create_task(server.serve_pushes())
    site = Site(world, server, registry, f"127.0.0.1:{port}", [])
    try:
        yield site
    finally:
        for channel in site.channels:
            await channel.close(None)
        await grpc_server.stop(0)
        pushes.cancel()
        await asyncio.wait([pushes])


async def eventually(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process or library
            await asyncio.sleep(0.005)
