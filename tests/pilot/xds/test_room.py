"""Responses on their way take no more than there is room for, and a client that does not read holds nobody up."""

import asyncio

from pilot.xds.room import Place, Room
from tests.pilot.xds.clients import eventually


async def entered(room: Room, size: int) -> Place:
    return await asyncio.wait_for(room.enter(size), 5)


async def test_those_that_fit_go_at_once_and_the_next_waits_for_room() -> None:
    room = Room(size=10, patience=60)
    first, _ = await entered(room, 6), await entered(room, 4)
    third = asyncio.create_task(room.enter(5))
    await asyncio.sleep(0)
    assert not third.done()
    room.leave(first)
    await eventually(third.done)
    room.leave(first)  # twice is once
    fourth = asyncio.create_task(room.enter(5))
    await asyncio.sleep(0)
    assert not fourth.done()
    room.leave(third.result())
    await eventually(fourth.done)


async def test_what_is_larger_than_the_room_goes_alone() -> None:
    room = Room(size=10, patience=60)
    large = await entered(room, 50)
    small = asyncio.create_task(room.enter(1))
    await asyncio.sleep(0)
    assert not small.done()
    room.leave(large)
    await eventually(small.done)


async def test_first_come_is_first_served() -> None:
    room = Room(size=10, patience=60)
    place = await entered(room, 10)
    order: list[int] = []

    async def come(number: int, size: int) -> None:
        mine = await room.enter(size)
        order.append(number)
        room.leave(mine)

    tasks = [asyncio.create_task(come(number, size)) for number, size in enumerate((8, 1, 1))]
    await asyncio.sleep(0)
    room.leave(place)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2]


async def test_one_place_that_becomes_free_lets_in_all_that_fit() -> None:
    room = Room(size=10, patience=60)
    place = await entered(room, 10)
    tasks = [asyncio.create_task(room.enter(2)) for _ in range(5)]
    await asyncio.sleep(0)
    room.leave(place)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_a_client_that_does_not_read_keeps_its_room_for_a_moment_only() -> None:
    room = Room(size=10, patience=0.01)
    await entered(room, 10)
    await entered(room, 10)


async def test_one_that_gives_up_makes_way_for_the_next() -> None:
    room = Room(size=10, patience=60)
    place = await entered(room, 10)
    gone, next_one = asyncio.create_task(room.enter(5)), asyncio.create_task(room.enter(5))
    await asyncio.sleep(0)
    gone.cancel()
    room.leave(place)
    await eventually(next_one.done)
