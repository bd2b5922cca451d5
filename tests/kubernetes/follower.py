"""A proxy on a delta stream that remembers what it was told, and how often.

Comes in: a gRPC address. Goes out: names of clusters, addresses of the endpoints of some of them, messages by type.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.config.endpoint.v3 import endpoint_pb2

from pilot.type_urls import CLUSTER, ENDPOINT, TypeUrl
from tests.pilot.xds.clients import Client


class Follower:
    """What one proxy has."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.clusters: set[str] = set()
        self.endpoints: dict[str, set[str]] = {}
        self.messages: Counter[str] = Counter()

    async def follow(self, *endpoints: str) -> None:
        """Subscribes to all clusters and to the endpoints of some, and takes what comes."""
        await self._client.send(CLUSTER)
        if endpoints:
            await self._client.send(ENDPOINT, *endpoints)
        while True:
            with contextlib.suppress(TimeoutError):
                said = await self._client.receive()
                self.messages[said.type_url] += 1
                self._take(said.type_url, said.message)
                await self._client.send(TypeUrl(said.type_url), nonce=said.nonce)

    def _take(self, type_url: str, message: Any) -> None:
        names = {each.name for each in message.resources}
        removed = set(message.removed_resources)
        if type_url == CLUSTER:
            self.clusters = (self.clusters | names) - removed
            return
        for each in message.resources:
            assignment = endpoint_pb2.ClusterLoadAssignment.FromString(each.resource.value)
            self.endpoints[each.name] = {
                endpoint.endpoint.address.socket_address.address
                for locality in assignment.endpoints
                for endpoint in locality.lb_endpoints
            }
        for name in removed:
            self.endpoints.pop(name, None)


@contextlib.asynccontextmanager
async def following(address: str, *endpoints: str) -> AsyncIterator[Follower]:
    """A proxy that is connected for as long as the context lasts."""
    async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        follower = Follower(Client(channel, delta=True))
        task = asyncio.create_task(follower.follow(*endpoints))
        try:
            yield follower
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
