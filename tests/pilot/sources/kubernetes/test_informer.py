"""One kind, wherever it may be read, whether or not the cluster has it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from pilot.model.objects import ObjectKey
from pilot.sources.kinds import KINDS, NETWORKING
from pilot.sources.kubernetes import informer as informers
from pilot.sources.kubernetes.definitions import Definitions
from pilot.sources.kubernetes.informer import Cluster, Informer, State
from pilot.sources.kubernetes.inventory import Inventory
from pilot.sources.kubernetes.members import Members
from pilot.sources.kubernetes.reflector import Pace
from pilot.sources.kubernetes.resources import Resource, plural_of
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

PODS, NODES, ROLLS = "/api/v1/pods", "/api/v1/nodes", "/apis/maistra.io/v1/servicemeshmemberrolls"
SIDECARS = "/apis/networking.istio.io/v1/sidecars"


def resource(group: str, kind: str) -> Resource:
    return Resource(KINDS[group, kind], plural_of(kind))


POD, NODE, SIDECAR = resource("", "Pod"), resource("", "Node"), resource(NETWORKING, "Sidecar")


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace.__init__, "__defaults__", (0.005, 0.02))
    monkeypatch.setattr(informers, "GRACE", 0.1)


@dataclass
class Scene:
    """An informer at work."""

    api: FakeApi
    informer: Informer
    inventory: Inventory
    names: set[str]

    def known(self) -> set[str]:
        """Names of objects that are there."""
        for event in self.inventory.take():
            (self.names.discard if event.object is None else self.names.add)(event.key.name)
        return self.names


@contextlib.asynccontextmanager
async def following(api: FakeApi, wanted: Resource, *only: str) -> AsyncIterator[Scene]:
    inventory, definitions, members = Inventory(), Definitions(api), Members(api, "mesh")
    informer = Informer(Cluster(api, inventory, definitions, members, only), wanted)
    tasks = [asyncio.create_task(definitions.serve()), asyncio.create_task(informer.serve())]
    try:
        yield Scene(api, informer, inventory, set())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await members.close()


async def test_kind_is_settled_when_it_is_listed() -> None:
    api = FakeApi(PODS)
    api.put(PODS, "a", "shop")
    async with following(api, POD) as scene:
        assert not scene.informer.is_settled
        await eventually(lambda: scene.informer.is_settled)
        assert scene.known() == {"a"}


async def test_kind_without_definition_is_settled_and_found_when_it_comes() -> None:
    api = FakeApi()
    async with following(api, SIDECAR) as scene:
        await eventually(lambda: scene.informer.is_settled)
        assert scene.informer.state is State.ABSENT
        assert not [each for each in api.asked if "sidecars" in each]
        api.define("sidecars.networking.istio.io", SIDECARS)
        api.put(SIDECARS, "a", "shop", spec={})
        await eventually(lambda: scene.known() == {"a"})
        api.undefine("sidecars.networking.istio.io", SIDECARS)
        await eventually(lambda: scene.known() == set())
        assert scene.informer.state is State.ABSENT


async def test_older_version_is_used_where_the_newest_is_not_served() -> None:
    older = SIDECARS.replace("/v1/", "/v1beta1/")
    api = FakeApi()
    api.define("sidecars.networking.istio.io", older)
    api.put(older, "a", "shop", spec={})
    async with following(api, SIDECAR) as scene:
        await eventually(lambda: scene.known() == {"a"})


async def test_namespaces_of_the_mesh_are_read_where_the_cluster_may_not_be() -> None:
    api = FakeApi(PODS, ROLLS)
    api.forbidden.add(PODS)
    api.put(ROLLS, "default", "mesh", spec={"members": ["shop"]})
    for name, namespace in {"a": "shop", "b": "bank", "c": "mesh"}.items():
        api.put(PODS, name, namespace)
    async with following(api, POD) as scene:
        await eventually(lambda: scene.informer.is_settled)
        assert scene.known() == {"a", "c"}
        api.put(ROLLS, "default", "mesh", spec={"members": ["bank"]})
        await eventually(lambda: scene.known() == {"b", "c"})
        api.put(PODS, "d", "bank")
        await eventually(lambda: scene.known() == {"b", "c", "d"})
        api.put(PODS, "not ours", "shop")
        api.put(PODS, "e", "mesh")
        await eventually(lambda: scene.known() == {"b", "c", "d", "e"})


async def test_nothing_is_settled_where_nothing_may_be_read() -> None:
    api = FakeApi(PODS)
    api.forbidden.add(PODS)
    async with following(api, POD) as scene:
        await eventually(lambda: scene.informer.state is State.FORBIDDEN)
        assert not scene.informer.is_settled


async def test_rights_that_come_later_are_used() -> None:
    api = FakeApi(PODS)
    api.forbidden.add(PODS)
    api.put(PODS, "a", "shop")
    async with following(api, POD) as scene:
        await eventually(lambda: scene.informer.state is State.FORBIDDEN)
        api.forbidden.clear()
        await eventually(lambda: scene.informer.is_settled)
        assert scene.known() == {"a"}


async def test_mesh_is_served_without_nodes_that_may_not_be_read() -> None:
    api = FakeApi(NODES)
    api.forbidden.add(NODES)
    async with following(api, NODE) as scene:
        await eventually(lambda: scene.informer.is_settled)
        assert scene.informer.state is State.FORBIDDEN


async def test_everything_may_be_restricted_to_namespaces() -> None:
    api = FakeApi(PODS)
    api.put(PODS, "a", "shop")
    api.put(PODS, "b", "bank")
    async with following(api, POD, "shop") as scene:
        await eventually(lambda: scene.informer.is_settled)
        assert scene.known() == {"a"}
    assert not [each for each in api.asked if each.startswith(f"{PODS}?")]


async def test_what_was_known_stays_while_the_server_is_down() -> None:
    api = FakeApi(PODS)
    api.put(PODS, "a", "shop")
    async with following(api, POD) as scene:
        await eventually(lambda: scene.known() == {"a"})
        api.is_down = True
        api.break_watches()
        await eventually(lambda: scene.informer.faults)
        assert scene.informer.is_settled
        assert scene.known() == {"a"}
        scene.inventory.remove(ObjectKey("Pod", "shop", "other"))
