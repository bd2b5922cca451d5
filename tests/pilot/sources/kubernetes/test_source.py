"""A whole cluster as batches: first everything, then what changes; what was known stands in for a dead server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from pilot.model.features import Features
from pilot.model.kubernetes import Pod
from pilot.model.objects import Event, Metadata
from pilot.sources.events import Batch
from pilot.sources.kubernetes import informer as informers
from pilot.sources.kubernetes import source as sources
from pilot.sources.kubernetes.reflector import Pace
from pilot.sources.kubernetes.resources import Wanted, select_resources
from pilot.sources.kubernetes.source import KubernetesSource, Remembered
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

PODS, NODES, SERVICES = "/api/v1/pods", "/api/v1/nodes", "/api/v1/services"
SIDECARS = "/apis/networking.istio.io/v1/sidecars"
WANTED = Wanted(kinds=frozenset(("Pod", "Node", "Service", "Sidecar")))


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace.__init__, "__defaults__", (0.005, 0.02))
    monkeypatch.setattr(sources, "UNREACHABLE_AFTER", 0.1)
    monkeypatch.setattr(informers, "GRACE", 0.1)


class Heard:
    """The batches of a source."""

    def __init__(self, api: FakeApi, remembered: Remembered | None = None) -> None:
        self.source = KubernetesSource(api, select_resources(Features(), WANTED), remembered=remembered)
        self.batches: list[Batch] = []
        self.names: set[str] = set()

    async def listen(self) -> None:
        async for batch in self.source.watch():
            self.batches.append(batch)
            for event in batch.events:
                (self.names.discard if event.object is None else self.names.add)(event.key.name)


@contextlib.asynccontextmanager
async def hearing(api: FakeApi, remembered: Remembered | None = None) -> AsyncIterator[Heard]:
    heard = Heard(api, remembered)
    task = asyncio.create_task(heard.listen())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_first_batch_is_everything_there_is() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    api.define("sidecars.networking.istio.io", SIDECARS)
    for collection in (PODS, SERVICES, SIDECARS):
        api.put(collection, collection.rpartition("/")[2], "shop")
    async with hearing(api) as heard:
        await eventually(lambda: heard.batches)
        first = heard.batches[0]
        assert first.listed
        assert heard.names == {"pods", "services", "sidecars"}
        api.put(NODES, "n")
        await eventually(lambda: "n" in heard.names)
        assert not heard.batches[-1].listed
        assert heard.source.waiting == ()


async def test_nothing_is_said_before_every_kind_has_been_read() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    api.forbidden.add(SERVICES)
    api.put(PODS, "a", "shop")
    async with hearing(api) as heard:
        await eventually(lambda: heard.source.waiting == ("services",))
        assert heard.batches == []
        api.forbidden.clear()
        await eventually(lambda: heard.batches, within=20)
        assert heard.names == {"a"}


async def test_many_changes_are_few_batches() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    async with hearing(api) as heard:
        await eventually(lambda: heard.batches)
        for number in range(2000):
            api.put(PODS, f"p{number}", "shop")
        await eventually(lambda: len(heard.names) == 2000)
        assert len(heard.batches) < 50


async def test_remembered_objects_stand_in_for_a_server_that_does_not_answer() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    api.is_down = True
    api.put(PODS, "kept", "shop")
    known = [Pod(metadata=Metadata(name=name, namespace="shop")) for name in ("kept", "gone")]

    async def remembered() -> tuple[Event, ...]:
        return tuple(Event(each.key, each) for each in known)

    async with hearing(api, remembered) as heard:
        await eventually(lambda: heard.names == {"kept", "gone"})
        assert heard.batches[0].listed
        api.is_down = False
        await eventually(lambda: heard.names == {"kept"})
        await eventually(lambda: heard.source.waiting == ())


async def test_nobody_is_stood_in_for_who_answers_slowly() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    api.forbidden.add(SERVICES)
    asked: list[str] = []

    async def remembered() -> tuple[Event, ...]:
        asked.append("asked")
        return ()

    async with hearing(api, remembered) as heard:
        await eventually(lambda: heard.source.waiting == ("services",))
        await asyncio.sleep(0.15)  # longer than a server may be silent
        assert asked == []


async def test_forbidden_kind_is_a_problem() -> None:
    api = FakeApi(PODS, NODES, SERVICES)
    api.forbidden.add(NODES)
    async with hearing(api) as heard:
        await eventually(lambda: heard.batches, within=20)
        assert [str(each) for each in heard.batches[-1].problems] == ["nodes may not be read here"]
