"""One other cluster: it comes, gets another kubeconfig, does not answer for a while, for too long, and comes back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from pilot import remote_cluster
from pilot.model.access_control import may_list_secrets
from pilot.model.object_store import ObjectStore, apply_events
from pilot.model.objects import Event
from pilot.remote_cluster import Access, RemoteCluster, State, Surroundings, Takers, trust_domain_of
from pilot.settings import Kubernetes, Settings
from pilot.sources.events import Batch
from pilot.sources.kubernetes.reflector import Pace
from tests.pilot.agent.eventually import eventually
from tests.pilot.sources.kubernetes.fake_api import FakeApi

KINDS = [f"/api/v1/{each}" for each in ("namespaces", "services", "pods", "nodes", "secrets", "configmaps")]
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"


class Server(FakeApi):
    """An API server that has one Service, and can hang."""

    def __init__(self, service: str) -> None:
        super().__init__(*KINDS, SLICES)
        self.put("/api/v1/services", service, "default")
        self.hangs = False
        self.is_closed = False

    async def read(self, path: str, accept: str = "") -> bytes:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().read(path, accept)

    async def call(self, method: str, path: str, body: Any) -> Any:
        """A review of access: everybody of namespace `a` may."""
        return {"status": {"allowed": body["spec"]["resourceAttributes"]["namespace"] == "a"}}

    async def close(self) -> None:
        self.is_closed = True


class Mesh:
    """What is known of clusters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.servers: dict[str, Server] = {}
        self.known: dict[str, Event] = {}
        self.timeouts: list[str] = []
        self.failures: list[str] = []
        self.asked: list[Event] = []
        self.domains: list[str] = []
        wanted = Kubernetes(**{"remote_timeout": timedelta(seconds=30), **settings})
        self.around = Surroundings(
            Settings(kubernetes=wanted),
            Takers(self.take, self.register, self.trust, lambda _: self.known.clear()),
            self.timeouts.append,
            asyncio.get_running_loop().create_future(),
            self.failures.append,
        )
        monkeypatch.setattr(remote_cluster, "connect_by", self.connect)

    async def connect(self, kubeconfig: Any) -> Server:
        return self.servers[kubeconfig["clusters"][0]["cluster"]["server"]]

    async def take(self, _: str, batch: Batch) -> None:
        if batch.listed:
            self.known.clear()
        self.known |= {each.key.name: each for each in batch.events}

    def trust(self, _: str, domain: str) -> None:
        self.domains.append(domain)

    def register(self, _: str, events: tuple[Event, ...]) -> None:
        self.asked += events

    @contextlib.asynccontextmanager
    async def following(
        self, server: str, former: RemoteCluster | None = None, **user: Any
    ) -> AsyncIterator[RemoteCluster]:
        self.servers.setdefault(server, Server(server))
        content = {"clusters": [{"cluster": {"server": server}}], "contexts": [{}], "users": [{"user": user}]}
        remote = RemoteCluster("far", Access("s/far", server, json.dumps(content)), self.around, former)
        remote.begin()
        yield remote
        await remote.stop()


def state(remote: RemoteCluster) -> str:
    return remote.state.value


def is_known(remote: RemoteCluster, namespace: str) -> bool:
    assert remote.secret_access is not None
    return remote.secret_access.is_known(f"spiffe://td/ns/{namespace}/sa/x")


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace.__init__, "__defaults__", (0.005, 0.02))
    monkeypatch.setattr(remote_cluster, "AGAIN", 0.02)
    monkeypatch.setattr(remote_cluster, "SHORTEST_LOOK", 0.01)


async def test_it_is_synced_when_everything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    async with mesh.following("one") as remote:
        assert state(remote) == "syncing"
        await remote.settled.wait()
        assert state(remote) == "synced"
        assert "one" in mesh.known
    assert state(remote) == "closed"
    assert mesh.servers["one"].is_closed


async def test_one_that_hangs_settles_after_the_limit_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch, remote_timeout=timedelta(milliseconds=50))
    mesh.servers["one"] = server = Server("one")
    server.hangs = True
    async with mesh.following("one") as remote:
        await remote.settled.wait()
        assert (remote.state, mesh.timeouts) == (State.TIMEOUT, ["far"])


async def test_another_kubeconfig_takes_over_when_it_has_said_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    mesh.servers["two"] = Server("two")
    mesh.servers["two"].is_down = True
    async with mesh.following("one") as first:
        await first.settled.wait()
        async with mesh.following("two", first) as second:
            mesh.servers["one"].put("/api/v1/services", "later", "default")
            await eventually(lambda: "later" in mesh.known)
            assert second.state is State.SYNCED
            assert second.standing() is first
            assert id(second.client) == id(mesh.servers["one"])
            mesh.servers["two"].is_down = False
            await eventually(lambda: "two" in mesh.known)
            assert "one" not in mesh.known
            assert second.standing() is second
            assert id(second.client) == id(mesh.servers["two"])
            assert mesh.servers["one"].is_closed


async def test_a_refused_kubeconfig_leaves_the_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    async with mesh.following("one") as first:
        await first.settled.wait()
        async with mesh.following("two", first, exec={"command": "true"}) as second:
            await second.settled.wait()
            mesh.servers["one"].put("/api/v1/services", "later", "default")
            await eventually(lambda: "later" in mesh.known)
            assert second.state is State.SYNCED
        assert mesh.servers["one"].is_closed


async def test_a_refused_kubeconfig_without_one_before_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    async with mesh.following("one", exec={"command": "true"}) as remote:
        await remote.settled.wait()
        assert remote.state is State.CLOSED
        assert not mesh.known


async def test_what_is_known_stays_until_it_is_too_old_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch, remote_max_age=timedelta(milliseconds=300))
    async with mesh.following("one") as remote:
        await remote.settled.wait()
        server, clock = mesh.servers["one"], asyncio.get_running_loop().time
        server.is_down = True
        server.break_watches()
        since = clock()
        await eventually(lambda: not mesh.known)
        assert clock() - since >= 0.3
        assert state(remote) == "timeout"
        assert set(mesh.failures) == {"far"}
        server.is_down = False
        await eventually(lambda: "one" in mesh.known)
        assert state(remote) == "synced"


async def test_where_nothing_is_too_old_what_is_known_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch, remote_max_age=timedelta())
    async with mesh.following("one") as remote:
        await remote.settled.wait()
        mesh.servers["one"].is_down = True
        mesh.servers["one"].break_watches()
        asked = len(mesh.servers["one"].asked)
        await eventually(lambda: len(mesh.servers["one"].asked) >= asked)
        assert "one" in mesh.known


async def test_it_is_written_to_when_it_is_known_and_somebody_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, led = Mesh(monkeypatch), asyncio.Event()

    async def lead(cluster: str, client: Any) -> None:
        assert (cluster, client) == ("far", mesh.servers["one"])
        led.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert not mesh.servers["one"].is_closed
            led.clear()

    async with mesh.following("one") as remote:
        await remote.settled.wait()
        mesh.around.lead.set_result(lead)
        await led.wait()
    assert not led.is_set()


async def test_who_may_list_secrets_is_asked_of_the_cluster_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    async with mesh.following("one") as remote:
        assert remote.secret_access is None
        await remote.settled.wait()
        await eventually(lambda: remote.secret_access is not None)
        assert not is_known(remote, "a")
        assert not is_known(remote, "b")
        await eventually(lambda: is_known(remote, "a") and is_known(remote, "b"))
    store, _ = apply_events(ObjectStore(), mesh.asked)
    assert may_list_secrets(store, "a", "x")
    assert not may_list_secrets(store, "b", "x")


async def test_the_trust_domain_is_what_its_mesh_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = Mesh(monkeypatch)
    mesh.servers["one"] = server = Server("one")
    server.put(MAPS, "istio", "istio-system", data={"mesh": "trustDomain: far.example\n"})
    async with mesh.following("one"):
        await eventually(lambda: mesh.domains == ["far.example"])
        server.put(MAPS, "istio", "istio-system", data={"mesh": "trustDomain: [broken"})
        server.put(MAPS, "istio", "istio-system", data={"mesh": "a: b"})
        await eventually(lambda: mesh.domains == ["far.example", ""])


def test_a_mesh_configuration_that_says_nothing_of_it_says_nothing() -> None:
    for found in (
        None,
        {},
        {"data": None},
        {"data": {"mesh": ""}},
        {"data": {"mesh": "a: b"}},
        {"data": {"mesh": "[]"}},
    ):
        assert trust_domain_of(found) == ""
    assert trust_domain_of({"data": {"mesh": "trustDomain: [broken"}}) is None


MAPS = "/api/v1/configmaps"
