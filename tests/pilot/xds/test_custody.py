"""The quarantine on real streams, with clients that refuse."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from prometheus_client import CollectorRegistry

from pilot.type_urls import CLUSTER, LISTENER, ROUTE
from pilot.xds.custody import Custody
from pilot.xds.requests import FrontEnd
from tests.pilot.xds.clients import Client, Said, Site, eventually, serving
from tests.pilot.xds.conversations import DELTA, SOTW, small_world
from tests.pilot.xds.guarded import Guarded
from tests.pilot.xds.worlds import World, anything, name_in

both = pytest.mark.parametrize("delta", [False, True], ids=["sotw", "delta"])


@asynccontextmanager
async def guarded(world: World) -> AsyncIterator[tuple[Site, Custody]]:
    custody = Custody(lambda proxy: proxy, CollectorRegistry())
    async with serving(world, custody=custody) as site:
        yield site, custody


def listeners(content: str, *names: str) -> Any:
    return [anything(LISTENER, name, content) for name in names]


async def watching(site: Site, delta: bool) -> Client:
    """A client that has all listeners."""
    client = site.client(delta)
    await client.ask(LISTENER)
    await eventually(lambda: all(row.is_synced for row in site.server.connections()[-1].watches))
    return client


async def told(client: Client) -> Said:
    said = await client.receive()
    assert said.type_url == LISTENER
    return said


async def refuse(client: Client, said: Said, words: str) -> None:
    await client.send(LISTENER, nonce=said.nonce, error=words)


def contents(said: Said) -> dict[str, str]:
    """What a response says of each listener, by name."""
    packed = [getattr(each, "resource", each) for each in said.message.resources]
    return {name_in(each): Listener.FromString(each.value).stat_prefix for each in packed}


@both
async def test_the_rest_of_a_refused_response_is_sent_again_and_the_good_version_stays(
    delta: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world = small_world()
    world.put(LISTENER, *listeners("1", "a", "b"))
    async with guarded(world) as (site, custody):
        client = await watching(site, delta)
        world.put(LISTENER, *listeners("2", "a", "b"))
        site.publish()
        await refuse(client, await told(client), "listener a: no such filter")
        said = await told(client)
        assert contents(said) == ({"b": "2"} if delta else {"l": "1", "a": "1", "b": "2"})
        assert said.removed == []
        await client.ack(said)
        site.publish()  # brings nothing
        lines = [each.getMessage() for each in caplog.records if "until it changes" in each.getMessage()]
        fate = "was refused by web-1.default-1: its last good version stays, until it changes"
        assert lines == [f"LDS a {fate}: listener a: no such filter"]

        world.put(LISTENER, *listeners("3", "a"))
        site.publish()
        said = await told(client)
        assert contents(said)["a"] == "3"
        assert custody.is_idle


@both
async def test_who_comes_later_gets_the_good_version(delta: bool) -> None:
    world = small_world()
    async with guarded(world) as (site, _):
        first = await watching(site, delta)
        world.put(LISTENER, *listeners("2", "l"))
        site.publish()
        await refuse(first, await told(first), "l: no")
        assert await first.is_quiet()
        assert contents(await site.client(delta).ask(LISTENER)) == {"l": "1"}


@both
async def test_what_was_never_good_is_left_out_and_the_client_told_nothing_of_it(delta: bool) -> None:
    world = small_world()
    world.put(LISTENER, *listeners("1", "a"))
    async with guarded(world) as (site, _):
        client = site.client(delta)
        await client.send(LISTENER)
        await refuse(client, await told(client), "listener a: no")
        said = await told(client)
        assert contents(said) == {"l": "1"}
        assert said.removed == []


@both
async def test_without_a_name_in_the_words_the_response_is_sent_in_parts(delta: bool) -> None:
    world = small_world()
    world.put(LISTENER, *listeners("1", "a", "b", "c", "d"))
    async with guarded(world) as (site, custody):
        client, other = await watching(site, delta), await watching(site, delta)
        world.put(LISTENER, *listeners("2", "a", "b", "c", "d"))
        site.publish()
        await told(other)  # never judges
        held: dict[str, str] = {}
        for _ in range(12):
            said = await told(client)
            came = contents(said)
            if came.get("c") == "2":
                await refuse(client, said, "something is wrong")
            else:
                held |= came
                await client.ack(said)
            if custody.quarantine.entries() and held.get("d") == "2":
                break
        await eventually(lambda: not custody.is_searching)
        assert [each.resource.name for each in custody.quarantine.entries()] == ["c"]
        assert {name: held[name] for name in "abd"} == {"a": "2", "b": "2", "d": "2"}
        assert held.get("c", "1") == "1"


@both
async def test_streams_that_refused_nothing_cost_nothing(delta: bool) -> None:
    async with guarded(small_world()) as (site, custody):
        client = site.client(delta)
        for type_url, *names in ((CLUSTER,), (LISTENER,), (ROUTE, "r")):
            await client.ask(type_url, *names)
        assert custody.is_idle
        assert custody.quarantine.entries() == ()


async def test_what_is_withheld_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    registry = CollectorRegistry()
    custody = Custody(lambda proxy: proxy, registry)
    assert list(registry.collect())
    async with serving(small_world(), custody=custody) as site:
        client = await watching(site, True)
        site.world.put(LISTENER, *listeners("2", "l"))
        site.publish()
        await refuse(client, await told(client), "l: no")
        await eventually(lambda: not custody.is_idle)
        assert registry.get_sample_value("meshpilot_quarantined_resources", {"type": "lds"}) == 1
        assert registry.get_sample_value("meshpilot_quarantine_entries", {"type": "lds"}) == 1


async def test_what_is_gone_after_it_was_withheld_is_told_as_gone() -> None:
    world = small_world()
    world.put(LISTENER, *listeners("2", "a"))
    async with guarded(world) as (site, custody):
        client = site.client(True)
        await client.send(LISTENER, claims={"a": "of an earlier stream"})
        said = await told(client)
        assert contents(said) == {"l": "1", "a": "2"}
        await refuse(client, said, "listener a: no")
        said = await told(client)
        assert (contents(said), said.removed) == ({"l": "1"}, [])
        await client.ack(said)
        world.drop(LISTENER, "a")
        site.publish()
        said = await told(client)
        assert (contents(said), said.removed) == ({}, ["a"])
        assert custody.is_idle


@pytest.mark.parametrize("words", [True, False], ids=["by name", "without a word"])
@pytest.mark.parametrize("front", [SOTW, DELTA], ids=["sotw", "delta"])
def test_whatever_happens_everything_good_reaches_the_client(front: FrontEnd, words: bool) -> None:
    machine = type("Machine", (Guarded,), {"front": front, "words": words})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))
