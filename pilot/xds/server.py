"""The xDS server: ADS in both protocols on any number of gRPC ports, and the turns of its streams.

In: calls; changes of the mesh, told by `publish`. Out: responses that bring each stream to what the port (`Discovery`)
says it is to have. Opens no port: `handler` and `server_options` go into a `grpc.aio.server`. Debouncing is done before
`publish`, where changes are gathered (`pushes.Debounce`).

    server = AdsServer(discovery, XdsMetrics(registry))
    grpc_server = grpc.aio.server(options=server_options())
    grpc_server.add_generic_rpc_handlers([server.handler()])             # a secure port: server.handler(authenticate)
    tasks.create_task(server.serve_pushes())

Messages go in and out as bytes: responses are ready, and a request that is none ends only its own stream, with a
proper status. Source: xDS behaviour 1.1, 1.2, 1.10.
"""

import asyncio
import os
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any, Final
from urllib.parse import unquote

import grpc

from pilot.errors import InternalError, NotReady, PilotError
from pilot.resources import ResourceSet
from pilot.type_urls import HEALTH, TypeUrl
from pilot.xds.admission import Admission
from pilot.xds.custody import Custody
from pilot.xds.delta import Delta
from pilot.xds.discovery import Attendance, Authenticate, Connection, Discovery, Queries, nobody
from pilot.xds.history import History
from pilot.xds.journal import Journal
from pilot.xds.metrics import XdsMetrics
from pilot.xds.names import Names
from pilot.xds.pushes import Change, PushQueue
from pilot.xds.requests import FrontEnd, Request, node_of
from pilot.xds.responses import Responses
from pilot.xds.sotw import StateOfTheWorld
from pilot.xds.stream import Broken, Client, Stream, Surroundings, read_request

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"

TURNS = 16
"""Streams that are told of their turn in one round of the event loop. Arbitrary: `pace.py` bounds what they do then."""


class AdsServer:
    """All streams of a control plane."""

    def __init__(
        self,
        discovery: Discovery,
        metrics: XdsMetrics,
        *,
        queries: Queries | None = None,
        admission: Admission | None = None,
        custody: Custody | None = None,
        responses: Responses | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._discovery = discovery
        self._admission = admission or Admission()
        self._journal = Journal(metrics)
        self._clock = clock
        self._around = Surroundings(
            discovery, queries, responses or Responses(), Names(), self._journal, clock, now, self._done, custody
        )
        self.custody = custody
        if custody is not None:
            custody.publish, custody.good_sets = self.publish, self._accepted
        self.attendance: Attendance | None = None
        """Whom to tell who comes and goes."""
        self._numbers = count(1)
        self._streams: dict[str, Stream] = {}
        self._queue: PushQueue[Stream] = PushQueue()
        self._queued_at: dict[Stream, float] = {}
        self._awake = asyncio.Event()

    def handler(
        self, authenticate: Authenticate = nobody, peer_of: Callable[[Any], str] = lambda context: str(context.peer())
    ) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """The two methods of the service, for the ports whose callers `authenticate` examines.

        `peer_of`: where a call comes from, for logs; a port with something in front of it knows better than gRPC.
        """

        def method(front: FrontEnd, protocol: str) -> Any:
            async def serve(_: Any, context: Any) -> None:
                await self._serve(context, front, protocol, authenticate, _address(peer_of(context)))

            # Without (de)serializers both sides are bytes; the unused iterator is the other way to read a call.
            return grpc.stream_stream_rpc_method_handler(serve)

        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "StreamAggregatedResources": method(StateOfTheWorld(), "sotw"),
                "DeltaAggregatedResources": method(Delta(), "delta"),
            },
        )

    def publish(self, change: Change) -> None:
        """The mesh changed: every stream is to have its turn. `Discovery` answers with the new state from now on."""
        now = self._clock()
        change = change.at(now)
        self._journal.metrics.triggered(change.reasons, now - change.since)
        self._journal.history.published(change)
        if change.causes:
            change = replace(change, causes=())  # queues of streams need not merge them
        if not change.is_urgent:
            self._around.responses.turn()
        for stream in self._streams.values():
            self._queue.put(stream, change)
            self._queued_at.setdefault(stream, now)
        self._awake.set()

    async def serve_pushes(self) -> None:
        """Gives one stream after another its turn; ends only by cancellation.

        Every few turns the event loop reads and writes: however many streams wait, none holds the others up.
        """
        while True:
            now = self._clock()
            for stream, change in islice(iter(self._queue.take, None), TURNS):
                self._journal.metrics.waited(now - self._queued_at.pop(stream, now))
                stream.push(change)
            if self._queue:
                await asyncio.sleep(0)
            else:
                self._awake.clear()
                await self._awake.wait()

    @property
    def metrics(self) -> XdsMetrics:
        """What is counted here."""
        return self._journal.metrics

    @property
    def history(self) -> History:
        """What was pushed lately."""
        return self._journal.history

    def connections(self) -> tuple[Connection, ...]:
        """All streams, oldest first."""
        return tuple(stream.row() for stream in self._streams.values())

    def clients(self) -> tuple[Client, ...]:
        """Who is connected, oldest first; costs little."""
        return tuple(stream.client for stream in self._streams.values())

    def answer_queries(self, queries: Queries, identifier: str = "") -> None:
        """Debug questions of streams to come are answered by these; `identifier` says who we are (JSON)."""
        self._around = replace(self._around, queries=queries, identifier=identifier)

    def close_streams(self) -> None:
        """Ends all streams; their clients look for another server."""
        for each in self._streams.values():
            each.close(NotReady("the server is shutting down"))

    def disconnect(self, connection: str) -> bool:
        """Ends the stream of a connection. Whether there is one."""
        found = self._streams.get(connection)
        if found is not None:
            found.close()
        return found is not None

    def _accepted(self, class_: Hashable, type_url: TypeUrl) -> Iterator[ResourceSet]:
        """What the streams of a class accepted last."""
        custody = self._around.custody
        for each in self._streams.values():
            if custody is not None and custody.class_of(each.client.proxy) == class_:
                yield each.accepted(type_url)

    def _done(self, stream: Stream) -> None:
        self._queue.done(stream)
        if self._queue:
            self._awake.set()

    async def _serve(self, context: Any, front: FrontEnd, protocol: str, authenticate: Authenticate, peer: str) -> None:
        """One call from its first byte to its status. No failure leaves it but as a status."""
        failure: PilotError | None = None
        try:
            await self._admit_and_run(context, front, protocol, authenticate, peer)
        except* Broken:
            pass
        except* PilotError as group:
            failure = _first(group)
        except* Exception as group:
            failure = InternalError("internal error")
            failure.__cause__ = group
        if failure is not None:
            self._journal.ended(peer, failure)
            await context.abort(grpc.StatusCode[failure.code], str(failure))

    async def _admit_and_run(
        self, context: Any, front: FrontEnd, protocol: str, authenticate: Authenticate, peer: str
    ) -> None:
        """Source: xDS behaviour 1.2, steps 3 to 10."""
        wait = self._admission.reserve(self._clock())
        if wait:
            await asyncio.sleep(wait.total_seconds())
        identities = await authenticate(context)
        request = await self._first_request(context, front)
        if request is None:
            return
        node = node_of(request)
        proxy, attendance = self._discovery.connect(node, identities), self.attendance
        if attendance is not None:
            attendance.arrived(proxy)
        version = _version(node)
        client = Client(f"{_proxy_id(node.id)}-{next(self._numbers)}", node.id, peer, protocol, identities, proxy)
        stream = Stream(self._around, context, front, client, request, attendance)
        del node, request  # they can be large, and the stream lives long
        # Before anything is asked from the port: a change that comes now must reach this stream.
        self._streams[client.id] = stream
        self._journal.connected(client.id, peer, version)
        try:
            await stream.run()
        finally:
            del self._streams[client.id]
            self._queue.forget(stream)
            self._queued_at.pop(stream, None)
            self._journal.disconnected(client.id, version)
            if attendance is not None:
                attendance.left(proxy)
            if self._around.custody is not None:
                self._around.custody.left(client.id)

    async def _first_request(self, context: Any, front: FrontEnd) -> Request | None:
        """Health reports before it are dropped. None: the client left without a word."""
        while (request := await read_request(context, front, self._journal)) is not None:
            if request.type_url != HEALTH:
                return request
        return None


def prepare_transport() -> None:
    """Before anything of gRPC is used: let the thread that waits for events read and write sockets as well.

    gRPC would hand each to a pool of threads; without these handovers a push and its ACK cost a quarter less CPU. Who
    sets the variable knows better.
    """
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")


def server_options(
    *,
    max_receive_bytes: int = 64 << 20,
    max_streams: int = 100_000,
    keepalive_interval: timedelta = timedelta(seconds=30),
    keepalive_timeout: timedelta = timedelta(seconds=10),
    max_connection_age: timedelta | None = None,
) -> list[tuple[str, int]]:
    """Options of the gRPC server. Source: xDS behaviour 1.1.

    istiod receives 4 MiB at most; a delta client that comes back and names all it has can need more. gRPC varies the
    connection age by a tenth, so that proxies do not all come back at once.
    """
    options = {
        "grpc.max_receive_message_length": max_receive_bytes,
        "grpc.max_send_message_length": -1,
        "grpc.max_concurrent_streams": max_streams,
        "grpc.keepalive_time_ms": _milliseconds(keepalive_interval),
        "grpc.keepalive_timeout_ms": _milliseconds(keepalive_timeout),
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.http2.min_ping_interval_without_data_ms": _milliseconds(keepalive_interval / 2),
        "grpc.http2.min_recv_ping_interval_without_data_ms": _milliseconds(keepalive_interval / 2),
        "grpc.so_reuseport": 0,  # a port that is taken is an error, not a second server on it
    }
    if max_connection_age is not None:
        options["grpc.max_connection_age_ms"] = _milliseconds(max_connection_age)
        options["grpc.max_connection_age_grace_ms"] = 10_000
    return list(options.items())


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _version(node: Any) -> str | None:
    """What a proxy says that it is; None: it is a tool that only asks (operations 5)."""
    said = node.metadata.fields
    if "GENERATOR" in said and said["GENERATOR"].string_value == "event":
        return None
    return str(said["ISTIO_VERSION"].string_value) if "ISTIO_VERSION" in said else ""


def _first(group: BaseExceptionGroup[PilotError]) -> PilotError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, PilotError)
    return error


def _address(peer: str) -> str:
    """`ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234` as people write it."""
    scheme, _, rest = peer.partition(":")
    return unquote(rest) if scheme in ("ipv4", "ipv6") else peer


def _proxy_id(node_id: str) -> str:
    """Source: xDS behaviour 1.3: the third of four parts."""
    parts = node_id.split("~")
    return parts[2] if len(parts) == 4 else node_id
