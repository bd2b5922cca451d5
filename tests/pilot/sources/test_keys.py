"""Keys are kept: fetched again and again, the last good ones stay, also over a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ca.state_directory import StateDirectory
from pilot.model.key_sets import KeySet, KeySource
from pilot.model.objects import Event
from pilot.sources.key_fetch import KeysUnavailableError
from pilot.sources.keys import KeyKeeper
from tests.pilot.agent.eventually import eventually

ONE, OTHER = KeySource("https://one/keys"), KeySource("https://other", is_discovery=True)
FIRST, SECOND = '{"keys":[{"kty":"EC","kid":"1"}]}', '{"keys":[{"kty":"EC","kid":"2"}]}'


@dataclass
class World:
    """Issuers, and a clock that stands still until somebody moves it."""

    answers: dict[KeySource, str] = field(default_factory=dict)
    """None for a place: it does not answer."""
    asked: list[KeySource] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    tick: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, source: KeySource) -> str:
        self.asked.append(source)
        if source not in self.answers:
            raise KeysUnavailableError("no answer")
        return self.answers[source]

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.tick.wait()
        self.tick.clear()

    def last(self, source: KeySource) -> KeySet | None:
        """What was said last of a place."""
        found = [each.object for each in self.said if each.key.name == source.name]
        assert found
        assert found[-1] is None or isinstance(found[-1], KeySet)
        return found[-1]


@contextlib.asynccontextmanager
async def keeping(world: World, directory: Path) -> AsyncIterator[KeyKeeper]:
    """A keeper at work."""
    keeper = KeyKeeper(world.fetch, StateDirectory(directory / "keys"), timedelta(minutes=20), world.pause)
    world.said.extend(await asyncio.to_thread(keeper.remembered))
    task = asyncio.create_task(keeper.serve(world.said.extend))
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_are_fetched_and_refreshed_and_a_failure_leaves_them(tmp_path: Path) -> None:
    world = World({ONE: FIRST})
    async with keeping(world, tmp_path) as keeper:
        keeper.want(frozenset({ONE}))
        await eventually(lambda: world.pauses)
        assert world.pauses[0] == pytest.approx(20 * 60, rel=0.1)
        found = world.last(ONE)
        assert found is not None
        assert (found.keys, found.failure) == (FIRST, "")
        assert keeper.statuses[ONE].fetched is not None

        world.answers[ONE] = SECOND
        world.tick.set()
        await eventually(lambda: len(world.pauses) == 2)
        found = world.last(ONE)
        assert found is not None
        assert found.keys == SECOND

        del world.answers[ONE]
        world.tick.set()
        await eventually(lambda: len(world.pauses) == 3)
        found = world.last(ONE)
        assert found is not None
        assert (found.keys, found.failure) == (SECOND, "no answer")
        assert (keeper.statuses[ONE].failure, keeper.statuses[ONE].failures) == ("no answer", 1)
        assert keeper.statuses[ONE].fetched is not None


async def test_who_does_not_answer_is_asked_less_and_less_often(tmp_path: Path) -> None:
    world = World()
    async with keeping(world, tmp_path) as keeper:
        keeper.want(frozenset({ONE}))
        for number in range(12):
            await eventually(lambda: len(world.pauses) > number)  # noqa: B023 - asked at once
            world.tick.set()
        assert world.pauses[0] == pytest.approx(1, rel=0.2)
        assert world.pauses[3] == pytest.approx(8, rel=0.2)
        assert world.pauses[11] == pytest.approx(300, rel=0.2)


async def test_keys_outlive_a_restart(tmp_path: Path) -> None:
    async with keeping(World({ONE: FIRST, OTHER: SECOND}), tmp_path) as keeper:
        keeper.want(frozenset({ONE, OTHER}))
        await eventually(lambda: len(list((tmp_path / "keys").glob("*.json"))) == 2)
    silent = World()
    async with keeping(silent, tmp_path) as keeper:
        known = {each.key.name: each.object for each in silent.said}
        assert {name: each.keys for name, each in known.items() if isinstance(each, KeySet)} == {
            ONE.name: FIRST,
            OTHER.name: SECOND,
        }
        keeper.want(frozenset({ONE}))
        await eventually(lambda: silent.last(OTHER) is None)
        await eventually(lambda: len(list((tmp_path / "keys").glob("*.json"))) == 1)
        await eventually(lambda: silent.pauses)
        found = silent.last(ONE)
        assert found is not None
        assert found.keys == FIRST


async def test_broken_files_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name, text in (("a.json", "{"), ("b.json", "[]"), ("c.json", '{"url":"x","discovery":false,"keys":"y"}')):
        (tmp_path / "keys" / name).write_text(text)
    world = World()
    async with keeping(world, tmp_path):
        assert world.said == []


async def test_a_full_disk_costs_nothing_but_the_memory_of_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("not a directory")
    world = World({ONE: FIRST})
    async with keeping(world, tmp_path) as keeper:
        keeper.want(frozenset({ONE}))
        await eventually(lambda: world.pauses)
        found = world.last(ONE)
        assert found is not None
        assert found.keys == FIRST


async def test_what_is_no_longer_wanted_is_no_longer_asked_for(tmp_path: Path) -> None:
    world = World({ONE: FIRST})
    async with keeping(world, tmp_path) as keeper:
        keeper.want(frozenset({ONE}))
        await eventually(lambda: world.pauses)
        keeper.want(frozenset())
        await eventually(lambda: world.last(ONE) is None)
        assert keeper.statuses == {}
        world.tick.set()
        keeper.want(frozenset({OTHER}))
        await eventually(lambda: OTHER in world.asked)
        assert world.asked.count(ONE) == 1
