"""One ADS stream: a reader that tells the session what the client says, a sender that says what the session owes.

In: the messages of a gRPC call, turns from the push queue. Out: responses on the call. Ends when the client ends; a
failure of either task ends both, and only this stream. What a type is to hold is asked from the port, when its answer
is due: a stream that was slow to read gets the newest state, once.

An ACK wakes nobody: the reader alone deals with what owes the client nothing. Bounds: at most REQUESTS requests wait
for answers (then the reader stops reading, and flow control stops the client); at most one response is on its way; at
most one turn is given; what the session holds back until new clusters are warm waits WARMING seconds at most.
Source: xDS behaviour 1.2 ("Per-stream loop").
"""

import asyncio
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Any

import grpc

from pilot.errors import PilotError, Unauthenticated, Unimplemented
from pilot.resources import EMPTY, ResourceSet
from pilot.type_urls import BY_KEY, TypeUrl
from pilot.xds import wire
from pilot.xds.custody import Custody
from pilot.xds.discovery import Attendance, Connection, Discovery, Queries, WatchRow
from pilot.xds.events import Acked, Event, HealthReported, Nacked, Nonce, Queried
from pilot.xds.journal import Journal
from pilot.xds.names import Names
from pilot.xds.pace import Pace
from pilot.xds.pushes import Change
from pilot.xds.requests import FrontEnd, Request
from pilot.xds.responses import Responses
from pilot.xds.room import SMALL, Room
from pilot.xds.session import Response, Session

REQUESTS = 32
"""Arbitrary: Envoy has one request a type under way, and a few more while it starts."""

LONG = 0.005
"""Seconds of work after which a stream lets others run before it goes on: a quarter of what a task may take."""

WARMING = 1.0
"""Seconds that a client has to ask for the endpoints of new clusters before it is told of what leads to them.
Arbitrary: Envoy asks at once; a client that never does must get the rest all the same."""


SHORT = 256
"""Bytes of a request that is remembered: of one that accepts a response. Arbitrary; those with a node are longer."""


class Broken(Exception):  # noqa: N818 - not an error: clients go away
    """The client is gone."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all streams of a server have in common."""

    discovery: Discovery
    queries: Queries | None
    responses: Responses
    names: Names
    journal: Journal
    clock: Callable[[], float]
    """Seconds, steadily rising."""
    now: Callable[[], datetime]
    done: "Callable[[Stream], None]"
    """A turn is over."""
    custody: Custody | None = None
    pace: Pace = field(default_factory=Pace)
    room: Room = field(default_factory=Room)
    identifier: str = ""
    """Who we are, for who asks how proxies are (JSON)."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end."""

    id: str
    """Of the connection."""
    node_id: str
    peer: str
    protocol: str
    identities: tuple[str, ...] | None
    proxy: Any
    """What the port knows it by."""


class Stream:
    """The stream of one proxy. `run` serves it."""

    def __init__(
        self,
        around: Surroundings,
        context: Any,
        front: FrontEnd,
        client: Client,
        first: Request,
        attendance: Attendance | None = None,
    ) -> None:
        self.client = client
        self._attendance = attendance
        self._around = around
        self._context = context
        self._front = front
        self._session = Session(front, around.responses, (Nonce(str(number)) for number in count(1)), around.names.same)
        self._connected_at = around.now()
        self._sent_at: dict[TypeUrl, datetime] = {}
        self._first: Request | None = first
        self._queries: list[Queried] = []
        self._heard: set[TypeUrl] = set()
        """Types that requests were about since the sender looked last."""
        self._waiting = 0
        """Requests since then that are owed something."""
        self._turn: Change | None = None
        self._held: set[TypeUrl] = set()
        """Types of earlier turns that wait for new clusters."""
        self._again: set[TypeUrl] = set()
        """Types to look at anew: what is withheld of them has changed."""
        self._release: asyncio.TimerHandle | None = None
        self._awake = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False
        self._reason: PilotError | None = None
        """Why we ended it."""

    async def run(self) -> None:
        """Serves until the client ends. Raises: PilotError, groups of PilotError or Broken."""
        first, self._first = self._first, None
        if first is not None:
            self._hear(first)
        del first  # a node can be large: it must not live as long as the stream
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read())
            try:
                await self._send()
            finally:
                if self._release is not None:
                    self._release.cancel()
            reader.cancel()

    def push(self, change: Change) -> None:
        """It is this stream's turn: what the change means for it is sent; then the surroundings' `done` is called."""
        self._turn = change
        self._awake.set()

    def close(self, reason: PilotError | None = None) -> None:
        """Ends for this reason; without one as if the client had ended it: it comes back."""
        self._ended, self._reason = True, reason
        self._awake.set()

    def row(self) -> Connection:
        """How it looks from outside."""
        watches = tuple(self._row(type_url) for type_url in self._session.watched())
        client = self.client
        return Connection(
            client.id, client.node_id, client.peer, client.protocol, self._connected_at, client.proxy, watches
        )

    def _row(self, type_url: TypeUrl) -> WatchRow:
        watch = self._session.watches[type_url]
        return WatchRow(
            type_url,
            watch.wanted.names,
            watch.wanted.wildcard,
            watch.sent.version if watch.nonce else "",
            watch.nonce or "",
            self._sent_at.get(type_url),
            watch.acked_version,
            watch.acked or "",
            watch.error,
        )

    async def _read(self) -> None:
        while (request := await read_request(self._context, self._front, self._around.journal)) is not None:
            self._hear(request)
            del request  # a node can be large: it must not live as long as we wait for the next request
            if self._waiting >= REQUESTS:
                self._room.clear()
                await self._room.wait()
        self._ended = True
        self._awake.set()

    async def _send(self) -> None:
        while not self._ended or self._awake.is_set():
            await self._awake.wait()
            self._awake.clear()
            turn, self._turn = self._turn, None
            await self._answer(turn)
            if turn is not None:
                self._around.journal.metrics.converged(self._around.clock() - turn.since)
                self._around.done(self)
        if self._reason is not None:
            raise self._reason

    async def _answer(self, turn: Change | None) -> None:
        """Questions first; then in push order what is owed, and what a turn may have changed."""
        due, self._held = self._held, set()
        if turn is not None:
            due.update(filter(turn.affects, self._session.watched()))
        declined: set[TypeUrl] = set()  # owed, but there is nothing to say: not to be asked again in this round
        while True:
            declined -= await self._catch_up()
            if self._again:
                due, self._again = due | self._again, set()
            type_url = self._next(due, declined)
            if type_url is None:
                break
            due.discard(type_url)
            response, made = await self._make(type_url)
            if response is None:
                declined.add(type_url)
            else:
                await self._write(response, made)
        if due:
            self._hold(due)
        elif self._release is not None:
            self._release.cancel()
            self._release = None

    def _hold(self, due: set[TypeUrl]) -> None:
        """These wait for new clusters, but not for ever."""
        self._held |= due.intersection(self._session.watched())
        if self._held and self._release is None:
            self._release = asyncio.get_running_loop().call_later(WARMING, self._stop_waiting)

    def _next(self, due: Set[TypeUrl], declined: Set[TypeUrl]) -> TypeUrl | None:
        """The first type of the push order that is due. Clusters may make endpoints due: looked at anew each time."""
        session = self._session
        for type_url in session.watched():
            if type_url in due:
                if not session.holds(type_url):
                    return type_url
            elif session.owes(type_url) and type_url not in declined:
                return type_url
        return None

    def _stop_waiting(self) -> None:
        self._release = None
        self._session.release()
        self._awake.set()

    async def _make(self, type_url: TypeUrl) -> tuple[Response | None, float]:
        """What is to be sent of a type, and the seconds that it took to make."""
        around, prepared = self._around, EMPTY
        while True:
            work = self._steps(type_url)
            if work is None and (first := self._first_answer(type_url)) is not prepared:
                work, prepared = self._front.prepare(around.responses, first), first
            if work is None or not await self._work(work):
                break
            # meanwhile the client may have asked for more, and the mesh may have changed
        if around.pace.is_spent:
            await around.pace.turn()
        started = around.clock()
        response = self._respond(type_url)
        made = around.clock() - started
        if response is None:
            around.pace.spend(made)
        return response, made

    def _steps(self, type_url: TypeUrl) -> Iterator[None] | None:
        """The work that has to be done for an answer; None: there is none left."""
        wanted = self._session.wanted(type_url)
        if wanted.is_empty:
            return None
        return self._around.discovery.steps(self.client.proxy, type_url, None if wanted.wildcard else wanted.names)

    def _first_answer(self, type_url: TypeUrl) -> ResourceSet:
        """Everything of a mesh, where the client has nothing of it yet: it is long to encode."""
        watch = self._session.watches.get(type_url)
        if type_url not in BY_KEY or watch is None or watch.wanted.is_empty or watch.sent is not EMPTY or watch.claims:
            return EMPTY
        names = None if watch.wanted.wildcard else watch.wanted.names
        return self._around.discovery.resources_for(self.client.proxy, type_url, names) or EMPTY

    def _hear(self, request: Request) -> None:
        """Tells the session, and wakes the sender if that owes the client something now."""
        for event in self._session.receive(request):
            self._around.journal.happened(self.client.id, event)
            if type(event) is Queried:
                self._queries.append(event)
            elif type(event) is HealthReported and self._attendance is not None:
                self._attendance.reported(self.client.proxy, event.healthy, event.message)
            elif (
                (custody := self._around.custody) is not None
                and (type(event) is not Acked or custody.is_searching)  # nearly always an ACK, of nothing
                and self._judged(event, custody)
            ):
                self._again.add(request.type_url)
                self._awake.set()
        self._heard.add(request.type_url)
        if self._queries or self._session.owes(request.type_url):
            self._waiting += 1
            self._awake.set()

    def _judged(self, event: Event, custody: Custody) -> bool:
        """Whether a verdict of the client changes what is withheld from it."""
        if type(event) is Acked:
            watch = self._session.watches.get(event.type_url)
            return custody.accepted(self.client.id, self.client.proxy, event.type_url, watch)
        if type(event) is Nacked:
            watch = self._session.watches.get(event.type_url)
            return custody.refused(self.client.id, self.client.proxy, event, watch)
        return False

    def accepted(self, type_url: TypeUrl) -> ResourceSet:
        """What the client accepted last of a type."""
        watch = self._session.watches.get(type_url)
        return watch.good if watch is not None else EMPTY

    async def _catch_up(self) -> set[TypeUrl]:
        """Makes room for requests, answers questions; the types that were heard of since the last time."""
        self._waiting = 0
        self._room.set()
        if self._turn is None and not self._ended:
            self._awake.clear()  # what woke us is dealt with in this round
        while self._queries:
            await self._answer_query(self._queries.pop(0))
        heard, self._heard = self._heard, set()
        return heard

    async def _work(self, work: Iterator[None]) -> bool:
        """Does what is long to do in pieces, between which others run. Whether others have run."""
        clock, pace = self._around.clock, self._around.pace
        paused = pace.is_spent
        if paused:
            await pace.turn()
        started = clock()
        try:
            for _ in work:
                if (spent := clock() - started) > LONG:
                    pace.spend(spent)
                    await pace.turn()
                    started, paused = clock(), True
        except Exception:
            return False  # the answer will meet it again, and report it
        pace.spend(clock() - started)
        return paused

    def _respond(self, type_url: TypeUrl) -> Response | None:
        wanted = self._session.wanted(type_url)
        names = None if wanted.wildcard else wanted.names
        try:
            resources = (
                EMPTY if wanted.is_empty else self._around.discovery.resources_for(self.client.proxy, type_url, names)
            )
            custody, watch = self._around.custody, self._session.watches.get(type_url)
            if custody is not None and not custody.is_idle and resources is not None and watch is not None:
                resources = custody.served(self.client.id, self.client.proxy, type_url, resources, watch)
            return self._session.respond(type_url, resources) if resources is not None else None
        except PilotError:
            raise
        except Exception as error:
            # A bug in one type must not cost the proxy the others, nor its stream: it would only come back for more.
            self._around.journal.failed(self.client.id, type_url, error)
            return None

    async def _answer_query(self, query: Queried) -> None:
        if self._around.queries is None:
            if self.client.identities is None:
                raise Unauthenticated("authentication required")  # recorded
            raise Unimplemented(f"{query.type_url} is not answered here")
        found = await self._around.queries(self.client.identities, query.type_url, query.names)
        response = self._session.answer(query.type_url, found)
        if self._around.identifier and query.type_url.endswith("/syncz"):
            signature = wire.encode_identifier(self._around.identifier, self._front.CONTROL_PLANE)
            response = replace(response, body=replace(response.body, chunks=(*response.body.chunks, signature)))
        await self._write(response, 0.0)

    async def _write(self, response: Response, made: float) -> None:
        around, size = self._around, response.body.size + len(response.nonce) + 2
        place = await around.room.enter(size) if size > SMALL else None
        started = around.clock()
        self._sent_at[response.type_url] = around.now()
        try:
            writing = self._context.write(response.data)
            # gRPC copies the data when the coroutine begins; that is not seen here, but goes with the size as this does
            around.pace.spend(made + 2 * (around.clock() - started))
            await writing
        except grpc.aio.BaseError as error:
            around.journal.metrics.unsent(response.type_url)
            raise Broken from error
        finally:
            if place is not None:
                around.room.leave(place)
        around.journal.sent(self.client.id, response, size, made, around.clock() - started)


async def read_request(context: Any, front: FrontEnd, journal: Journal) -> Request | None:
    """The next message of a call; None at its end. Raises: BadRequest, MissingType."""
    try:
        data = await context.read()
    except grpc.aio.BaseError:  # the client went away while we read
        return None
    if data is grpc.aio.EOF:  # type: ignore[attr-defined]  # missing in grpc-stubs
        return None
    journal.metrics.received(len(data))
    return _decode_short(front.decode, data) if len(data) <= SHORT else front.decode(data)


@lru_cache(maxsize=4096)
def _decode_short(decode: Callable[[bytes], Request], data: bytes) -> Request:
    """Streams count their nonces alike, so that what accepts a response is mostly the same for all of them."""
    return decode(data)
