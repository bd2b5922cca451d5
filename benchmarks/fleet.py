"""A fleet of simulated Envoys in one process: each has a connection and an ADS stream of its own and behaves as Envoy does.

CDS, then EDS for the EDS clusters, LDS, RDS for the routes that listeners name; every response is acknowledged. Counts
messages, bytes and the time of the last acknowledgement. Knows nothing of the server behind the address.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import grpc
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import json_format

TYPE = "type.googleapis.com/envoy."
CDS, EDS = TYPE + "config.cluster.v3.Cluster", TYPE + "config.endpoint.v3.ClusterLoadAssignment"
LDS, RDS = TYPE + "config.listener.v3.Listener", TYPE + "config.route.v3.RouteConfiguration"
HCM = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


@dataclass(slots=True)
class Counts:
    """What one Envoy received since the last reset."""

    messages: int = 0
    bytes: int = 0
    by_type: dict[str, int] = field(default_factory=dict)
    resources: int = 0
    last: float = 0.0
    """time.monotonic() of the last acknowledgement; 0: none."""


@lru_cache(maxsize=200_000)
def eds_name(body: bytes) -> str:
    """The EDS name of a serialized cluster, or empty."""
    cluster = cluster_pb2.Cluster.FromString(body)
    if cluster.type != cluster_pb2.Cluster.EDS:
        return ""
    return str(cluster.eds_cluster_config.service_name or cluster.name)


@lru_cache(maxsize=50_000)
def route_names(body: bytes) -> tuple[str, ...]:
    """The route tables a serialized listener names."""
    listener, names = listener_pb2.Listener.FromString(body), []
    for chain in (*listener.filter_chains, listener.default_filter_chain):
        for each in chain.filters:
            if each.typed_config.type_url == HCM:
                manager = http_connection_manager_pb2.HttpConnectionManager.FromString(each.typed_config.value)
                if manager.HasField("rds"):
                    names.append(manager.rds.route_config_name)
    return tuple(names)


class Envoy:
    """One simulated proxy. `serve` ends only by cancellation or when the server ends the stream for good."""

    def __init__(
        self,
        address: str,
        node_id: str,
        metadata: Mapping[str, object],
        *,
        delta: bool = True,
        credentials: grpc.ChannelCredentials | None = None,
        slow: float = 0.0,
        nack: bool = False,
    ) -> None:
        self._address, self._delta, self._credentials = address, delta, credentials
        self._slow, self._nack = slow, nack
        self._node = base_pb2.Node(id=node_id, cluster="load", user_agent_name="envoy")
        self._node.user_agent_build_version.version.major_number = 1
        self._node.user_agent_build_version.version.minor_number = 36
        json_format.ParseDict(dict(metadata), self._node.metadata)
        self.counts = Counts()
        self.synced = asyncio.Event()
        self.reconnects = 0
        self._reset()

    def _reset(self) -> None:
        self._clusters: dict[str, str] = {}
        self._listeners: dict[str, tuple[str, ...]] = {}
        self._names: dict[str, set[str]] = {EDS: set(), RDS: set()}
        self._versions: dict[str, dict[str, str]] = {}
        self._asked: set[str] = set()
        self.synced.clear()

    async def serve(self) -> None:
        """Connects, and again whenever the server goes away (0.1 to 1 s later, as Envoy backs off)."""
        pause = 0.1
        while True:
            try:
                await self._stream()
                pause = 0.1
            except grpc.aio.AioRpcError:
                pause = min(pause * 2, 1.0)
            self.reconnects += 1
            self._reset()
            await asyncio.sleep(pause)

    async def _stream(self) -> None:
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        if self._credentials:
            options.append(("grpc.ssl_target_name_override", "istiod.istio-system.svc"))
            channel = grpc.aio.secure_channel(self._address, self._credentials, options)
        else:
            channel = grpc.aio.insecure_channel(self._address, options)
        method = "DeltaAggregatedResources" if self._delta else "StreamAggregatedResources"
        async with channel:
            call = channel.stream_stream(SERVICE + method, request_serializer=None, response_deserializer=None)()
            await call.write(self._request(CDS, node=True))
            receive = self._receive_delta if self._delta else self._receive_full
            while True:
                data = await call.read()
                if data is grpc.aio.EOF:
                    return
                if self._slow:
                    await asyncio.sleep(self._slow)
                for request in receive(data):
                    await call.write(request)
                self.counts.last = time.monotonic()

    def _count(self, type_url: str, data: bytes, resources: int) -> None:
        counts = self.counts
        counts.messages += 1
        counts.bytes += len(data)
        counts.resources += resources
        counts.by_type[type_url] = counts.by_type.get(type_url, 0) + len(data)

    def _learn(self, type_url: str, bodies: Iterable[tuple[str, bytes]]) -> None:
        for name, body in bodies:
            if type_url == CDS:
                self._clusters[name] = eds_name(body)
            elif type_url == LDS:
                self._listeners[name] = route_names(body)

    def _receive_delta(self, data: bytes) -> Iterable[bytes]:
        answer = discovery_pb2.DeltaDiscoveryResponse.FromString(data)
        url = answer.type_url
        self._count(url, data, len(answer.resources))
        self._learn(url, ((r.name, r.resource.value) for r in answer.resources))
        for name in answer.removed_resources:
            self._clusters.pop(name, None) if url == CDS else self._listeners.pop(name, None) if url == LDS else None
        yield self._request(url, nonce=answer.nonce)
        yield from self._follow(url)

    def _receive_full(self, data: bytes) -> Iterable[bytes]:
        answer = discovery_pb2.DiscoveryResponse.FromString(data)
        url = answer.type_url
        self._count(url, data, len(answer.resources))
        if url == CDS:
            self._clusters = {}
        elif url == LDS:
            self._listeners = {}
        self._learn(url, ((str(i), r.value) for i, r in enumerate(answer.resources)))
        yield self._request(url, nonce=answer.nonce, version=answer.version_info)
        yield from self._follow(url)

    def _follow(self, url: str) -> Iterable[bytes]:
        """What Envoy asks next: names that clusters and listeners have come to need, or need no more."""
        if url == CDS:
            yield from self._subscribe(EDS, {name for name in self._clusters.values() if name})
        if url in (CDS, EDS) and LDS not in self._asked:
            yield self._request(LDS)
        if url == LDS:
            yield from self._subscribe(RDS, {name for names in self._listeners.values() for name in names})
        if url == RDS:
            self.synced.set()

    def _subscribe(self, url: str, wanted: set[str]) -> Iterable[bytes]:
        held = self._names[url]
        if wanted != held:
            self._names[url] = wanted
            yield self._request(url, add=wanted - held, drop=held - wanted)

    def _request(
        self,
        url: str,
        *,
        node: bool = False,
        nonce: str = "",
        version: str = "",
        add: Iterable[str] = (),
        drop: Iterable[str] = (),
    ) -> bytes:
        self._asked.add(url)
        sender = self._node if node else None
        error = {"code": 13, "message": "refused on request"} if self._nack and nonce and url == CDS else None
        if self._delta:
            return discovery_pb2.DeltaDiscoveryRequest(
                node=sender,
                type_url=url,
                response_nonce=nonce,
                error_detail=error,
                resource_names_subscribe=sorted(add),
                resource_names_unsubscribe=sorted(drop),
            ).SerializeToString()
        return discovery_pb2.DiscoveryRequest(
            node=sender,
            type_url=url,
            response_nonce=nonce,
            version_info=version,
            error_detail=error,
            resource_names=sorted(self._names.get(url, ())),
        ).SerializeToString()


class Fleet:
    """Many Envoys, started together, counted together."""

    def __init__(self, envoys: Iterable[Envoy]) -> None:
        self.envoys = list(envoys)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Connects all of them."""
        self._tasks += [asyncio.create_task(each.serve()) for each in self.envoys]

    async def stop(self) -> None:
        """Disconnects all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Forgets what was counted."""
        for each in self.envoys:
            each.counts = Counts()

    async def all_synced(self, limit: float, progress: Callable[[int], None]) -> bool:
        """Waits until everybody has a route table. False after `limit` seconds."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done = sum(each.synced.is_set() for each in self.envoys)
            progress(done)
            if done == len(self.envoys):
                return True
            await asyncio.sleep(0.05)
        return False

    async def quiet(self, gap: float, limit: float) -> None:
        """Waits until nobody has received anything for `gap` seconds, `limit` seconds at most."""
        end = time.monotonic() + limit
        while (now := time.monotonic()) < end:
            last = max((each.counts.last for each in self.envoys), default=0.0)
            if last and now - last > gap:
                return
            await asyncio.sleep(0.05)
