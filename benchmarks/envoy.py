"""One simulated Envoy: a connection and an ADS stream of its own, behaving as Envoy does.

CDS, then EDS for the clusters that want it, LDS, RDS for the routes that listeners name; every response is
acknowledged; after a broken stream it comes back and (delta) names the versions that it has. Knows nothing of the
server behind the address.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

from benchmarks.learned import CDS, EDS, LDS, RDS, Learned, again, learn, merged

_SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
_NONE: frozenset[str] = frozenset()
_NO_VERSIONS: Mapping[str, str] = {}
_NEEDED = {CDS: EDS, LDS: RDS}
_TYPES = (CDS, EDS, LDS, RDS)


@dataclass(slots=True)
class Counts:
    """What one Envoy received since the last reset."""

    messages: int = 0
    bytes: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    last: float = 0.0
    """time.monotonic() of the last acknowledgement; 0: none."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How an Envoy differs from a well-behaved one that speaks delta in plaintext."""

    delta: bool = True
    slow: float = 0.0
    """Seconds it takes over each message."""
    nack: bool = False
    """It refuses every cluster."""
    only: str = ""
    """It asks for nothing but the endpoints of this name: an idle stream."""
    credentials: grpc.ChannelCredentials | None = None
    token: str = ""


class Envoy:
    """`serve` ends only by cancellation."""

    def __init__(self, address: str, node_id: str, metadata: Mapping[str, object], habits: Habits) -> None:
        self._address, self._habits = address, habits
        self._node = base_pb2.Node(id=node_id, cluster="load", user_agent_name="envoy")
        self._node.user_agent_build_version.version.major_number = 1
        self._node.user_agent_build_version.version.minor_number = 36
        json_format.ParseDict(dict(metadata), self._node.metadata)
        self.counts = Counts()
        self.synced = asyncio.Event()
        self.streams = 0
        """Streams opened so far."""
        self._needs: dict[str, Mapping[str, tuple[str, ...]]] = {CDS: {}, LDS: {}}
        only = frozenset((habits.only,)) if habits.only else frozenset()
        self._names: dict[str, frozenset[str]] = {EDS: only, RDS: frozenset()}
        self._versions: dict[str, Mapping[str, str]] = {}
        self._asked: set[str] = set()

    async def serve(self) -> None:
        """Connects, and again whenever the server goes away (0.1 to 1 s later, as Envoy backs off)."""
        pause = 0.1
        async with self._channel() as channel:
            while True:
                try:
                    await self._stream(channel)
                    pause = 0.1
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the latter: it ended while we wrote
                    pause = min(pause * 2, 1.0)
                self.synced.clear()
                await asyncio.sleep(pause)

    def _channel(self) -> grpc.aio.Channel:
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        if self._habits.credentials is None:
            return grpc.aio.insecure_channel(self._address, options)
        return grpc.aio.secure_channel(self._address, self._habits.credentials, options)

    async def _stream(self, channel: grpc.aio.Channel) -> None:
        method = "DeltaAggregatedResources" if self._habits.delta else "StreamAggregatedResources"
        token = self._habits.token
        metadata = (("authorization", f"Bearer {token}"),) if token else None
        call: Any = channel.stream_stream(_SERVICE + method, None, None)(None, metadata=metadata)
        self._asked = set()
        for request in self._first_requests():
            await call.write(request)
        self.streams += 1
        while isinstance(data := await call.read(), bytes):  # else it is the end of the stream
            if self._habits.slow:
                await asyncio.sleep(self._habits.slow)
            for request in self._receive(data):
                await call.write(request)
            self.counts.last = time.monotonic()

    def _first_requests(self) -> Iterator[bytes]:
        """Clusters; after a reconnect everything that was watched, with the versions that are there."""
        if self._habits.only:
            yield self._request(EDS, node=True, add={self._habits.only})
        elif not self._needs[CDS]:
            yield self._request(CDS, node=True)
        else:
            head = discovery_pb2.DeltaDiscoveryRequest if self._habits.delta else discovery_pb2.DiscoveryRequest
            for number, url in enumerate(_TYPES):
                sender = bytes(head(node=self._node).SerializeToString()) if number == 0 else b""
                self._asked.add(url)
                yield sender + again(
                    url, self._habits.delta, self._names.get(url, _NONE), self._versions.get(url, _NO_VERSIONS)
                )

    def _receive(self, data: bytes) -> Iterator[bytes]:
        learned, nonce = learn(data, self._habits.delta)
        url, counts = learned.type_url, self.counts
        counts.messages += 1
        counts.bytes += len(data)
        counts.by_type[url] = counts.by_type.get(url, 0) + len(data)
        self._keep(learned)
        yield self._request(url, nonce=nonce, version=learned.version)
        if url in _NEEDED:
            wanted = frozenset(name for names in self._needs[url].values() for name in names)
            yield from self._subscribe(_NEEDED[url], wanted)
        if url in (CDS, EDS) and LDS not in self._asked and not self._habits.only:
            yield self._request(LDS)
        if url == RDS or self._habits.only:
            self.synced.set()

    def _keep(self, learned: Learned) -> None:
        """Mappings are shared with other Envoys until they differ."""
        url = learned.type_url
        held = self._versions.get(url)
        if not self._habits.delta:
            if url in self._needs:
                self._needs[url] = learned.needs
        elif not held:
            self._versions[url] = learned.versions
            if url in self._needs:
                self._needs[url] = learned.needs
        elif learned.versions or learned.removed:
            gone = learned.removed
            self._versions[url] = merged(held, learned.versions, gone)
            if url in self._needs:
                self._needs[url] = merged(self._needs[url], learned.needs, gone)

    def _subscribe(self, url: str, wanted: frozenset[str]) -> Iterator[bytes]:
        held = self._names[url]
        if wanted != held or url not in self._asked:
            self._names[url] = wanted
            yield self._request(url, add=wanted - held, drop=held - wanted)

    def _request(
        self,
        url: str,
        *,
        node: bool = False,
        nonce: str = "",
        version: str = "",
        add: Set[str] | tuple[str, ...] = (),
        drop: Set[str] = frozenset(),
        claims: Mapping[str, str] | None = None,
    ) -> bytes:
        self._asked.add(url)
        sender = self._node if node else None
        refused = self._habits.nack and nonce and url == CDS
        error = {"code": 13, "message": "refused on request"} if refused else None
        request: Any
        if self._habits.delta:
            request = discovery_pb2.DeltaDiscoveryRequest(
                node=sender,
                type_url=url,
                response_nonce=nonce,
                error_detail=error,
                resource_names_subscribe=sorted(add),
                resource_names_unsubscribe=sorted(drop),
                initial_resource_versions=claims,
            )
        else:
            request = discovery_pb2.DiscoveryRequest(
                node=sender,
                type_url=url,
                response_nonce=nonce,
                version_info=version,
                error_detail=error,
                resource_names=sorted(self._names.get(url, add)),
            )
        return bytes(request.SerializeToString())
