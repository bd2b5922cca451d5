"""Names are looked up again when their time is over; what was known stays where nobody answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pilot.model.host_addresses import HostAddresses
from pilot.model.objects import Event
from pilot.sources.dns import Answer, LookUpError
from pilot.sources.names import SHORTEST, NameKeeper
from tests.pilot.agent.eventually import eventually


class World:
    """Names, what is known of them, and a clock that a test turns."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | LookUpError] = {}
        self.asked: list[str] = []
        self.pauses: list[float] = []
        self.known: dict[str, tuple[str, ...]] = {}
        self.turn = asyncio.Event()

    async def ask(self, name: str) -> Answer:
        self.asked.append(name)
        found = self.answers[name]
        if isinstance(found, LookUpError):
            raise found
        return found

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.turn.wait()

    def next(self) -> None:
        self.turn.set()
        self.turn = asyncio.Event()

    def take(self, events: tuple[Event, ...]) -> None:
        for each in events:
            if isinstance(each.object, HostAddresses):
                self.known[each.key.name] = each.object.addresses
            else:
                del self.known[each.key.name]


@contextlib.asynccontextmanager
async def keeping(world: World) -> AsyncIterator[NameKeeper]:
    keeper = NameKeeper(world.ask, world.pause)
    serving = asyncio.create_task(keeper.serve(world.take))
    yield keeper
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_name_is_asked_for_again_when_its_time_is_over() -> None:
    world = World()
    world.answers["a"] = Answer(("1.1.1.1",), 300.0)
    async with keeping(world) as keeper:
        keeper.want(frozenset({"a"}))
        await eventually(lambda: len(world.pauses) == 1)
        assert world.known == {"a": ("1.1.1.1",)}
        assert 300 <= world.pauses[0] <= 330
        world.answers["a"] = Answer(("1.1.1.2", "1.1.1.1"), 1.0)
        world.next()
        await eventually(lambda: len(world.pauses) == 2)
        assert world.known == {"a": ("1.1.1.1", "1.1.1.2")}
        assert SHORTEST <= world.pauses[1] <= SHORTEST * 1.1


async def test_what_was_known_stays_where_nobody_answers_and_pauses_grow() -> None:
    world = World()
    world.answers["a"] = Answer(("1.1.1.1",), 60.0)
    async with keeping(world) as keeper:
        keeper.want(frozenset({"a"}))
        later: list[Answer | LookUpError] = [LookUpError("nobody"), LookUpError("nobody"), Answer()]
        for number, answer in enumerate(later, 1):
            await eventually(lambda count=number: len(world.pauses) == count)  # type: ignore[misc]
            world.answers["a"] = answer
            world.next()
        await eventually(lambda: len(world.pauses) == 4)
    assert world.known == {"a": ("1.1.1.1",)}
    assert world.pauses[1] < world.pauses[2] < world.pauses[3]


async def test_a_name_that_is_not_wanted_any_more_goes_and_one_that_hangs_delays_nobody() -> None:
    world = World()
    world.answers = {"a": Answer(("1.1.1.1",), 60.0), "b": Answer(("2.2.2.2",), 60.0)}
    original, hanging = world.ask, asyncio.Event()

    async def ask(name: str) -> Answer:
        if name == "hangs":
            await hanging.wait()
        return await original(name)

    world.ask = ask  # type: ignore[method-assign]
    async with keeping(world) as keeper:
        keeper.want(frozenset({"a", "hangs", "b"}))
        await eventually(lambda: set(world.known) == {"a", "b"})
        keeper.want(frozenset({"b"}))
        await eventually(lambda: set(world.known) == {"b"})


async def test_a_name_without_addresses_is_known_when_it_gets_some() -> None:
    world = World()
    world.answers["a"] = Answer()
    async with keeping(world) as keeper:
        keeper.want(frozenset({"a"}))
        await eventually(lambda: world.pauses)
        assert world.known == {"a": ()}
        world.answers["a"] = Answer(("1.1.1.1",), 60.0)
        world.next()
        await eventually(lambda: world.known == {"a": ("1.1.1.1",)})
