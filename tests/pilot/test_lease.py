"""Elections: on an API server in memory with short times, then on a real one with kill -9 and the real times."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ca.errors import KubernetesError
from pilot import lease
from pilot.kube_client import connect
from pilot.lease import ANNOTATION, Election, Lock, lock_named
from tests.kubernetes.api_server import ApiServer
from tests.pilot.agent.eventually import eventually


@dataclass
class OneObject:
    """An API server that has one object, with optimistic locking."""

    object: Any = None
    version: int = 0
    is_down: bool = False
    calls: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        await asyncio.sleep(0)
        self.calls.append(f"{method} {path}")
        if self.is_down:
            raise KubernetesError("connection refused")
        if method == "GET":
            if self.object is None:
                raise KubernetesError("not found", 404)
            return self.object
        if method == "POST" and self.object is not None:
            raise KubernetesError("exists", 409)
        if method == "PUT" and body["metadata"].get("resourceVersion") != str(self.version):
            raise KubernetesError("conflict", 409)
        self.version += 1
        self.object = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return self.object

    @property
    def holder(self) -> str:
        return str(self.object["spec"]["holderIdentity"]) if self.object else ""


@pytest.fixture(autouse=True)
def short_times(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "api_server" not in request.fixturenames:
        for name, seconds in {"LEASE": 0.3, "RENEW": 0.05, "RETRY": 0.05, "RENEW_DEADLINE": 0.15}.items():
            monkeypatch.setattr(lease, name, seconds)


@dataclass
class Replica:
    """Takes part; `working` while it leads."""

    task: "asyncio.Task[None]"
    election: Election
    working: asyncio.Event

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def start(api: OneObject, identity: str, **options: Any) -> Replica:
    lock = Lock("istio-system", "a-lock", identity, options.pop("key", ""), options.pop("in_config_map", False))
    election, working = Election(api, lock, **options), asyncio.Event()

    async def work() -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            working.clear()

    return Replica(asyncio.create_task(election.lead(work)), election, working)


@contextlib.asynccontextmanager
async def two(api: OneObject, **options: Any) -> AsyncIterator[tuple[Replica, Replica]]:
    first = start(api, "one", **options)
    await eventually(first.working.is_set)
    second = start(api, "two", **options)
    yield first, second
    await first.stop()
    await second.stop()


async def test_one_leads_and_the_other_follows_when_it_stops() -> None:
    api = OneObject()
    async with two(api) as (first, second):
        assert api.holder == "one"
        assert not second.working.is_set()
        await first.stop()
        assert not first.working.is_set()
        await eventually(second.working.is_set)
        assert api.holder == "two"
        assert api.object["spec"]["leaseTransitions"] == 0  # released, not taken
        await second.stop()
        assert api.holder == ""


async def test_holder_that_falls_silent_is_followed_after_its_time() -> None:
    api = OneObject()
    stuck = Lock("istio-system", "a-lock", "gone")
    assert await Election(api, stuck)._take()
    second = start(api, "two")
    begun = asyncio.get_running_loop().time()
    await eventually(second.working.is_set)
    assert asyncio.get_running_loop().time() - begun >= lease.LEASE
    assert api.object["spec"]["leaseTransitions"] == 1
    await second.stop()


async def test_holder_that_renews_rarely_is_given_the_time_that_it_says() -> None:
    api = OneObject()
    patient = start(api, "a")
    await eventually(lambda: api.holder == "a")
    await patient.stop()
    spec = {"holderIdentity": "istiod-x", "leaseDurationSeconds": 1, "renewTime": "2026-01-01T00:00:00.000000Z"}
    api.object = {**api.object, "spec": spec}
    begun = asyncio.get_running_loop().time()
    ours = start(api, "b")
    await eventually(lambda: api.holder == "b")
    assert asyncio.get_running_loop().time() - begun >= 1
    await ours.stop()


async def test_work_ends_before_anybody_else_may_begin_when_renewal_fails() -> None:
    api = OneObject()
    async with two(api) as (first, second):
        api.is_down = True
        await eventually(lambda: not first.working.is_set())
        assert not second.working.is_set()
        api.is_down = False
        await eventually(lambda: first.working.is_set() or second.working.is_set())


async def test_work_that_fails_is_begun_again() -> None:
    api, begun = OneObject(), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        raise RuntimeError("broken")

    task = asyncio.create_task(Election(api, Lock("istio-system", "a-lock", "one")).lead(work))
    await eventually(lambda: begun > 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert api.holder == ""


async def test_revision_with_precedence_takes_a_lock_that_is_held() -> None:
    api = OneObject()
    first = start(api, "one", key="canary")
    await eventually(first.working.is_set)
    second = start(api, "two", key="default", precedes=lambda key: key == "canary")
    await eventually(second.working.is_set)
    await eventually(lambda: not first.working.is_set())
    assert api.object["metadata"]["annotations"][lease.HOLDER_KEY] == "default"
    await first.stop()
    await second.stop()


async def test_lock_in_a_config_map_is_written_as_others_read_it() -> None:
    api = OneObject()
    first = start(api, "one", key="default", in_config_map=True)
    await eventually(first.working.is_set)
    record = api.object["metadata"]["annotations"][ANNOTATION]
    assert '"holderIdentity":"one","holderKey":"default"' in record
    assert "spec" not in api.object
    assert api.calls[0] == "GET /api/v1/namespaces/istio-system/configmaps/a-lock"
    await first.stop()
    assert '"holderIdentity":""' in api.object["metadata"]["annotations"][ANNOTATION]


@pytest.mark.parametrize(
    ("name", "path", "key"),
    [
        ("istio-status-leader", "/apis/coordination.k8s.io/v1/namespaces/mesh/leases/istio-status-leader", "default"),
        ("istio-leader", "/api/v1/namespaces/mesh/configmaps/istio-leader", "default"),
        (
            "istio-gateway-deployment",
            "/apis/coordination.k8s.io/v1/namespaces/mesh/leases/istio-gateway-deployment-default",
            "",
        ),
    ],
)
def test_locks_are_istiods(name: str, path: str, key: str) -> None:
    lock = lock_named(name, "mesh", "pilot-1", "")
    assert f"{lock.collection}/{lock.name}" == path
    assert lock.key == key


async def test_without_election_everybody_leads_and_no_lock_is_touched() -> None:
    api = OneObject()
    first, second = start(api, "one", enabled=False), start(api, "two", enabled=False)
    await eventually(lambda: first.working.is_set() and second.working.is_set())
    assert api.calls == []
    await first.stop()
    await second.stop()


PROGRAM = """
import asyncio, pathlib, sys
from pilot.kube_client import connect
from pilot.lease import Election, Lock

async def main(kubeconfig, namespace):
    async def work():
        print("leading", flush=True)
        await asyncio.Event().wait()
    await Election(await connect(pathlib.Path(kubeconfig)), Lock(namespace, "a-lock", "killed")).lead(work)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("in_config_map", [False, True], ids=["lease", "config-map"])
async def test_real_lock_is_taken_released_and_taken_again(api_server: ApiServer, in_config_map: bool) -> None:
    namespace = await api_server.namespace()
    client = await connect(api_server.kubeconfig)
    lead = asyncio.Event()

    async def work() -> None:
        lead.set()
        await asyncio.Event().wait()

    for transition in range(2):
        lock = Lock(namespace, "a-lock", f"replica-{transition}", "default", in_config_map)
        task = asyncio.create_task(Election(client, lock).lead(work))
        await asyncio.wait_for(lead.wait(), 10)
        found = await client.call("GET", f"{lock.collection}/a-lock")
        assert lease._decode(found, lock).holder == f"replica-{transition}"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert lease._decode(await client.call("GET", f"{lock.collection}/a-lock"), lock).holder == ""
        lead.clear()
    await client.close()


async def test_lock_of_a_killed_replica_is_taken_over_within_15_seconds(api_server: ApiServer) -> None:
    namespace = await api_server.namespace()
    client = await connect(api_server.kubeconfig)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(api_server.kubeconfig), namespace), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"leading\n"
    lead = asyncio.Event()

    async def work() -> None:
        lead.set()
        await asyncio.Event().wait()

    election = Election(client, Lock(namespace, "a-lock", "survivor"))
    task = asyncio.create_task(election.lead(work))
    await eventually(lambda: election._seen[0] is not None)
    assert not lead.is_set()
    process.kill()
    await process.wait()
    await asyncio.wait_for(lead.wait(), 15)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()


async def test_who_leads_from_afar_gives_way_to_one_that_is_there() -> None:
    api = OneObject()
    afar = start(api, "one", key="^default", in_config_map=True)
    await eventually(afar.working.is_set)
    here = start(api, "two", key="default", in_config_map=True)
    await eventually(here.working.is_set)
    await eventually(lambda: not afar.working.is_set())
    other = start(api, "three", key="^default", in_config_map=True)
    for _ in range(20):
        await asyncio.sleep(0.02)
    assert here.working.is_set()
    assert not other.working.is_set()
    for each in (afar, here, other):
        await each.stop()


def test_a_lock_from_afar_says_so() -> None:
    made = lock_named("istio-namespace-controller-election", "istio-system", "pod", "", from_afar=True)
    assert (made.key, made.in_config_map) == ("^default", True)
