import asyncio

from pilot.xds.pace import Pace


async def test_who_has_time_does_not_wait() -> None:
    pace = Pace(1.0)
    pace.spend(0.5)
    await asyncio.wait_for(pace.turn(), 1)


async def test_work_of_many_is_spread_over_rounds_in_the_order_of_coming() -> None:
    pace, rounds, order = Pace(1.0), 0, list[tuple[int, int]]()

    async def work(number: int) -> None:
        await pace.turn()
        order.append((number, rounds))
        pace.spend(1.0)

    tasks = [asyncio.create_task(work(number)) for number in range(5)]
    while not all(task.done() for task in tasks):
        rounds += 1
        await asyncio.sleep(0)
    assert [number for number, _ in order] == list(range(5))
    assert len({when for _, when in order}) == 5


async def test_many_small_pieces_share_a_round() -> None:
    pace, rounds = Pace(1.0), 0

    async def work() -> None:
        await pace.turn()
        pace.spend(0.01)

    tasks = [asyncio.create_task(work()) for _ in range(50)]
    while not all(task.done() for task in tasks):
        rounds += 1
        await asyncio.sleep(0)
    assert rounds < 5


async def test_a_stream_that_ended_while_it_waited_holds_nobody_up() -> None:
    pace = Pace(1.0)
    pace.spend(1.0)
    gone, there = asyncio.create_task(pace.turn()), asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(there, 1)
