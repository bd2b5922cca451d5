import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
import watchfiles

from pilot.sources.changes import watch_changes

NO_POLLING = 30.0
"""Seconds: what arrives sooner was reported by the kernel."""


async def until(changes: AsyncGenerator[frozenset[str], None], name: str) -> None:
    """Waits for a report about a file; the test's time limit ends a wait in vain."""
    async for touched in changes:
        if any(path.endswith(name) for path in touched):
            return


async def test_changes_are_reported_from_the_first_answer_on(tmp_path: Path) -> None:
    async with aclosing(watch_changes(str(tmp_path), poll=NO_POLLING)) as changes:
        assert await anext(changes) == frozenset()
        (tmp_path / "a.yaml").write_text("a")
        await asyncio.wait_for(until(changes, "a.yaml"), 10)
        (tmp_path / "sub").mkdir()
        await asyncio.wait_for(until(changes, "sub"), 10)
        (tmp_path / "sub" / "b.yaml").write_text("b")
        await asyncio.wait_for(until(changes, "b.yaml"), 10)


async def test_now_and_then_nothing_is_reported_so_that_somebody_looks(tmp_path: Path) -> None:
    async with aclosing(watch_changes(str(tmp_path), poll=0.01)) as changes:
        assert [await anext(changes) for _ in range(3)] == [frozenset()] * 3


async def test_a_directory_that_comes_later_is_watched(tmp_path: Path) -> None:
    directory = tmp_path / "later"
    async with aclosing(watch_changes(str(directory), poll=0.05)) as changes:
        assert await anext(changes) == frozenset()
        directory.mkdir()
        for _ in range(50):
            (directory / "a.yaml").write_text("a")
            if await asyncio.wait_for(anext(changes), 10):
                return
        pytest.fail("no change was reported")


async def test_a_directory_in_the_place_of_another_is_watched(tmp_path: Path) -> None:
    directory = tmp_path / "conf"
    directory.mkdir()
    async with aclosing(watch_changes(str(directory), poll=0.05)) as changes:
        await anext(changes)
        directory.rename(tmp_path / "old")
        directory.mkdir()
        for _ in range(50):
            (directory / "a.yaml").write_text("a")
            if any(path.endswith("conf/a.yaml") for path in await asyncio.wait_for(anext(changes), 10)):
                return
        pytest.fail("no change was reported")


async def test_without_reports_of_the_kernel_it_still_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*directories: object, **_: object) -> AsyncGenerator[set[object], None]:
        if directories:
            raise OSError(28, "OS file watch limit reached")
        yield set()

    monkeypatch.setattr(watchfiles, "awatch", refuse)
    async with aclosing(watch_changes(str(tmp_path), poll=0.01)) as changes:
        assert [await anext(changes) for _ in range(3)] == [frozenset()] * 3


async def test_a_cancelled_watch_ends(tmp_path: Path) -> None:
    changes = watch_changes(str(tmp_path), poll=NO_POLLING)
    await anext(changes)
    waiting = asyncio.create_task(anext(changes))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await changes.aclose()
