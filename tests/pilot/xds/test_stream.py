"""The stream with a call that a test plays: what cannot be steered from the far end of a socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from prometheus_client import CollectorRegistry

from pilot.errors import BadRequest
from pilot.resources import ResourceSet
from pilot.type_urls import ADDRESS, CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl
from pilot.xds import stream as streams
from pilot.xds.journal import Journal
from pilot.xds.metrics import XdsMetrics
from pilot.xds.names import Names
from pilot.xds.pushes import Change
from pilot.xds.requests import Request
from pilot.xds.responses import Responses
from pilot.xds.stream import REQUESTS, Broken, Client, Stream, Surroundings, read_request
from tests.pilot.xds.clients import DEADLINE, eventually
from tests.pilot.xds.conversations import SOTW, small_world
from tests.pilot.xds.worlds import World, anything, cluster, name_in, node


class Call:
    """The server's end of a call."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.reads = 0
        self.written: list[discovery_pb2.DiscoveryResponse] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.broken = False

    async def read(self) -> Any:
        self.reads += 1
        return await self.incoming.get()

    async def write(self, data: bytes) -> None:
        if self.broken:
            raise grpc.aio.UsageError("the call is over")
        self.written.append(discovery_pb2.DiscoveryResponse.FromString(data))
        await self.may_write.wait()

    def say(self, type_url: TypeUrl, *names: str, nonce: str = "") -> None:
        message = discovery_pb2.DiscoveryRequest(type_url=type_url, resource_names=names, response_nonce=nonce)
        self.incoming.put_nowait(message.SerializeToString())

    def types(self) -> list[str]:
        return [each.type_url for each in self.written]


@asynccontextmanager
async def streaming(world: World) -> AsyncIterator[tuple[Call, Stream, list[Stream]]]:
    done: list[Stream] = []
    call = Call()
    journal = Journal(XdsMetrics(CollectorRegistry()))
    around = Surroundings(
        world, None, Responses(), Names(), journal, time.monotonic, lambda: datetime.now(UTC), done.append
    )
    client = Client("web-1.default-1", node().id, "peer", "sotw", None, "web")
    stream = Stream(around, call, SOTW, client, Request(CLUSTER, node=node()))
    task = asyncio.create_task(stream.run())
    try:
        yield call, stream, done
    finally:
        call.may_write.set()
        call.incoming.put_nowait(grpc.aio.EOF)  # type: ignore[attr-defined]  # missing in grpc-stubs
        await asyncio.wait_for(task, DEADLINE)


async def test_requests_are_handled_before_what_is_left_of_a_push() -> None:
    world = small_world()
    async with streaming(world) as (call, stream, done):
        call.say(LISTENER)
        await eventually(lambda: call.types() == [CLUSTER, LISTENER])
        call.may_write.clear()
        world.put(CLUSTER, cluster("a", "2"))
        world.put(LISTENER, anything(LISTENER, "l", "2"))
        stream.push(Change())
        await eventually(lambda: len(call.written) == 3)  # clusters are on their way
        call.say(ENDPOINT, "a")
        await eventually(lambda: call.reads == 3)
        call.may_write.set()
        await eventually(lambda: len(call.written) == 5)
        assert call.types()[2:] == [CLUSTER, ENDPOINT, LISTENER]
        await eventually(lambda: done == [stream])


async def test_reader_stops_when_requests_pile_up() -> None:
    async with streaming(small_world()) as (call, _, _):
        call.may_write.clear()
        await eventually(lambda: len(call.written) == 1)
        for number in range(3 * REQUESTS):
            call.say(ENDPOINT, f"e{number}")
        await eventually(lambda: call.incoming.qsize() == 2 * REQUESTS)
        for _ in range(10):
            await asyncio.sleep(0)
        assert call.incoming.qsize() == 2 * REQUESTS
        call.may_write.set()
        await eventually(call.incoming.empty)


async def with_a_new_cluster(call: Call, stream: Stream, world: World, done: list[Stream]) -> None:
    """The client has everything; then a cluster and a route to it come together."""
    call.say(ENDPOINT, "a", "b")
    call.say(ROUTE, "r")
    await eventually(lambda: call.types() == [CLUSTER, ENDPOINT, ROUTE])
    world.put(CLUSTER, cluster("new"))
    world.put(ENDPOINT, anything(ENDPOINT, "new"))
    world.put(ROUTE, anything(ROUTE, "r", "to new"))
    stream.push(Change())
    await eventually(lambda: done == [stream])
    assert call.types() == [CLUSTER, ENDPOINT, ROUTE, CLUSTER]


class Slow(World):
    """Takes its time over endpoints, as long as a test wants."""

    def __init__(self, world: World) -> None:
        super().__init__(world.resources)
        self.is_slow = False
        self.begun = 0

    def steps(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> Iterator[None]:
        while self.is_slow and type_url == ENDPOINT:
            self.begun += 1
            time.sleep(2 * streams.LONG)
            yield


async def test_a_name_that_is_asked_for_while_an_answer_is_made_is_in_it() -> None:
    world = Slow(small_world())
    async with streaming(world) as (call, stream, _):
        call.say(ENDPOINT, "a")
        await eventually(lambda: call.types() == [CLUSTER, ENDPOINT])
        world.put(ENDPOINT, anything(ENDPOINT, "a", "2"))
        world.is_slow = True
        stream.push(Change(types=frozenset((ENDPOINT,))))
        await eventually(lambda: world.begun > 0)
        call.say(ENDPOINT, "a", "b", nonce=call.written[1].nonce)
        await eventually(lambda: call.reads == 3)
        world.is_slow = False
        await eventually(lambda: len(call.written) == 3)
        assert [name_in(each) for each in call.written[2].resources] == ["a", "b"]


class Known(World):
    """Has computed everything."""

    def steps(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> Any:
        return None


async def test_everything_of_a_mesh_is_encoded_in_pieces_before_it_is_first_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, prepared = Known(small_world().resources), list[ResourceSet]()

    def prepare(responses: Responses, new: ResourceSet) -> Iterator[None]:
        prepared.append(new)
        time.sleep(2 * streams.LONG)
        yield

    monkeypatch.setattr(SOTW, "prepare", prepare)
    world.put(ADDRESS, anything(ADDRESS, "w", "1"))
    async with streaming(world) as (call, stream, _):
        call.say(ADDRESS)
        await eventually(lambda: call.types() == [CLUSTER, ADDRESS])
        assert prepared == [world.all(ADDRESS)]
        world.put(ADDRESS, anything(ADDRESS, "w", "2"))
        stream.push(Change())
        await eventually(lambda: len(call.written) == 3)
    assert len(prepared) == 1, "later answers are differences"


async def test_a_route_waits_until_its_new_cluster_is_warm() -> None:
    world = small_world()
    async with streaming(world) as (call, stream, done):
        await with_a_new_cluster(call, stream, world, done)
        call.say(ENDPOINT, "a", "b", "new", nonce=call.written[1].nonce)
        await eventually(lambda: len(call.written) == 6)
        assert call.types()[4:] == [ENDPOINT, ROUTE]


async def test_a_route_does_not_wait_for_a_client_that_never_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WARMING", 0.01)
    world = small_world()
    async with streaming(world) as (call, stream, done):
        await with_a_new_cluster(call, stream, world, done)
        await eventually(lambda: call.types()[4:] == [ROUTE])


async def test_turn_ends_even_if_nothing_is_to_be_said() -> None:
    async with streaming(small_world()) as (call, stream, done):
        await eventually(lambda: len(call.written) == 1)
        stream.push(Change())
        await eventually(lambda: done == [stream])
        assert call.types() == [CLUSTER]


class LateRoutes(World):
    """Serves no routes until it is asked the second time."""

    def resources_for(self, proxy: object, type_url: TypeUrl, names: frozenset[str] | None) -> ResourceSet | None:
        found = super().resources_for(proxy, type_url, names)
        return None if self.asked.count((type_url, names)) == 1 and type_url == ROUTE else found


async def test_type_that_was_declined_is_asked_for_again_when_the_client_speaks_of_it() -> None:
    async with streaming(LateRoutes(small_world().resources)) as (call, _, _):
        call.may_write.clear()
        await eventually(lambda: len(call.written) == 1)
        call.say(ROUTE, "r")
        call.say(LISTENER)
        await eventually(lambda: call.reads == 3)
        call.may_write.set()
        await eventually(lambda: LISTENER in call.types())
        assert ROUTE not in call.types()
        call.say(ROUTE, "r")
        await eventually(lambda: ROUTE in call.types())


async def test_client_that_is_gone_breaks_the_stream() -> None:
    call = Call()
    call.broken = True
    journal = Journal(XdsMetrics(CollectorRegistry()))
    around = Surroundings(
        small_world(), None, Responses(), Names(), journal, time.monotonic, lambda: datetime.now(UTC), lambda _: None
    )
    client = Client("web-1.default-1", "", "peer", "sotw", None, "web")
    with pytest.raises(ExceptionGroup) as caught:
        await Stream(around, call, SOTW, client, Request(CLUSTER, node=node())).run()
    assert caught.group_contains(Broken)


async def test_end_of_a_call_is_no_request() -> None:
    class Gone:
        async def read(self) -> bytes:
            raise grpc.aio.UsageError("the call is over")

    journal = Journal(XdsMetrics(CollectorRegistry()))
    assert await read_request(Gone(), SOTW, journal) is None
    call = Call()
    call.incoming.put_nowait(b"\xff")
    with pytest.raises(BadRequest):
        await read_request(call, SOTW, journal)
