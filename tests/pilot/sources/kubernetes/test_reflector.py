"""One collection is followed: lists in pages, watches, broken watches, histories that are too old."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.sources.kubernetes import reflector as reflectors
from pilot.sources.kubernetes.reflector import Pace, Reflector
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

PODS = "/api/v1/pods"


class Everything:
    """Remembers names."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.listing: set[str] = set()
        self.lists = 0

    def begin(self) -> None:
        self.listing = set()

    def add(self, items: list[Raw]) -> None:
        self.listing |= {self._name(each) for each in items}

    def finish(self) -> None:
        self.names, self.lists = self.listing, self.lists + 1

    def change(self, type_: str, item: Raw) -> None:
        if type_ == "DELETED":
            self.names.discard(self._name(item))
        else:
            self.names.add(self._name(item))

    def _name(self, item: Raw) -> str:
        value: Any = msgspec.json.decode(item)
        return str(value["metadata"]["name"])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace.__init__, "__defaults__", (0.005, 0.02))
    monkeypatch.setattr(reflectors, "SHORT", 0.0)


@contextlib.asynccontextmanager
async def following(api: FakeApi, path: str = PODS) -> AsyncIterator[tuple[Everything, Reflector]]:
    found = Everything()
    reflector = Reflector(api, path, found)
    task = asyncio.create_task(reflector.serve())
    try:
        yield found, reflector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_everything_is_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflectors, "PAGE", 2)
    api = FakeApi(PODS)
    for number in range(5):
        api.put(PODS, f"p{number}", "shop")
    async with following(api) as (found, _):
        await eventually(lambda: found.names == {f"p{number}" for number in range(5)})
    assert sum("limit=2" in each for each in api.asked) == 3


async def test_list_that_takes_too_long_is_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflectors, "PAGE", 2)
    api = FakeApi(PODS)
    for number in range(5):
        api.put(PODS, f"p{number}", "shop")
    api.oldest = 101  # continue tokens are too old
    async with following(api) as (found, _):
        await eventually(lambda: len(found.names) == 5)
    assert [each for each in api.asked if "limit=0" in each]
    assert found.lists == 1


async def test_changes_are_watched_from_where_the_list_stood() -> None:
    api = FakeApi(PODS)
    api.put(PODS, "old", "shop")
    async with following(api) as (found, _):
        await eventually(lambda: found.names == {"old"})
        api.put(PODS, "new", "shop")
        await eventually(lambda: found.names == {"old", "new"})
        api.delete(PODS, "old", "shop")
        await eventually(lambda: found.names == {"new"})
    assert found.lists == 1


async def test_broken_watch_goes_on_where_it_was_and_misses_nothing() -> None:
    api = FakeApi(PODS)
    async with following(api) as (found, reflector):
        await eventually(lambda: found.lists == 1)
        failures: list[int] = []
        reflector.failed = lambda: failures.append(1)
        api.is_down = True
        api.break_watches()
        await eventually(lambda: reflector.fault)
        assert failures
        api.put(PODS, "meanwhile", "shop")
        assert found.names == set()
        api.is_down = False
        await eventually(lambda: found.names == {"meanwhile"})
        assert reflector.fault == ""
    assert found.lists == 1


async def test_bookmarks_move_the_place_from_which_a_watch_goes_on() -> None:
    api = FakeApi(PODS)
    async with following(api) as (found, reflector):
        await eventually(lambda: found.lists == 1)
        api.bookmark(PODS)
        version = api.version
        await eventually(lambda: reflector._version == str(version))
        api.oldest = version  # what was before the bookmark is forgotten
        api.break_watches()
        await eventually(lambda: any(f"resourceVersion={version}&" in each for each in api.asked))
        api.put(PODS, "new", "shop")
        await eventually(lambda: found.names == {"new"})
    assert found.lists == 1


async def test_history_that_is_too_old_is_a_new_list() -> None:
    api = FakeApi(PODS)
    api.put(PODS, "a", "shop")
    api.put(PODS, "b", "shop")
    async with following(api) as (found, _):
        await eventually(lambda: found.names == {"a", "b"})
        api.is_down = True
        api.delete(PODS, "a", "shop")
        api.forget()
        api.is_down = False
        await eventually(lambda: found.names == {"b"})
    assert found.lists == 2


@pytest.mark.parametrize("status", [403, 404])
async def test_refusal_and_absence_are_the_callers_to_decide(status: int) -> None:
    api = FakeApi()
    if status == 403:
        api.forbidden.add(PODS)
    with pytest.raises(KubernetesError) as error:
        await Reflector(api, PODS, Everything()).serve()
    assert error.value.status == status


async def test_server_that_is_down_is_asked_more_and_more_rarely() -> None:
    api = FakeApi(PODS)
    api.is_down = True
    async with following(api) as (found, reflector):
        await eventually(lambda: len(api.asked) > 3)
        assert "connection refused" in reflector.fault
        api.is_down = False
        await eventually(lambda: found.lists == 1)
