"""Two control planes that share a root in a Secret: who conducts, what they know of each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ca.authority import Authority
from ca.errors import KubernetesError, RolloverError
from ca.kubernetes_root import SecretRootStore
from ca.rollover import conductor as conducting
from ca.rollover import replicas as module
from ca.rollover.conductor import Conductor, Parts
from ca.rollover.holders import Holder
from ca.rollover.ledger import Ledger
from ca.rollover.replicas import Replicas
from ca.rollover.secret_store import SecretRolloverStore
from ca.rollover.stages import Action
from ca.state_directory import StateDirectory
from tests.ca.makers import APP, NOON, until
from tests.ca.rollover.cluster import Cluster
from tests.ca.rollover.conducting import WEB

LONGEST = timedelta(days=90)
ROOT = "/api/v1/namespaces/mesh/secrets/istio-ca-secret"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conducting, "TICK", timedelta(milliseconds=5))
    monkeypatch.setattr(conducting, "SETTLE", timedelta(milliseconds=10))
    monkeypatch.setattr(Replicas, "pause", timedelta(milliseconds=10))


class Replica:
    """One life of one control plane. `begin` it."""

    def __init__(self, cluster: Cluster, name: str, state: Path) -> None:
        self.now = NOON
        self.leads = False
        self.followers: frozenset[Holder] = frozenset()
        self.cluster = cluster
        self.roots = SecretRootStore(cluster, "mesh", self.clock)
        self.ledger = Ledger(StateDirectory(state / name))
        self.replicas = Replicas(cluster, "mesh", name, self.ledger, LONGEST, self.clock)

    def clock(self) -> datetime:
        return self.now

    def connected(self) -> frozenset[Holder]:
        return self.followers

    async def begin(self) -> "Replica":
        bundle = await self.roots.load_or_create("cluster.local", new_serial=lambda: 5, lifetime=timedelta(days=3650))
        self.authority = Authority(bundle, clock=self.clock)
        store = SecretRolloverStore(self.cluster, lambda: self.roots.path)
        await self.replicas.join(bundle)
        self.replicas.take_seat(self, lambda: self.leads)
        parts = Parts(self.authority, store, self.replicas, self.replicas, timedelta(days=3650))
        self.conductor = Conductor(parts, self.replicas, await store.load())
        return self

    def holds(self, who: Holder = WEB) -> None:
        """It gets a certificate here, and renews it a second later each time."""
        known = self.ledger.holdings.get(who)
        expiry = (
            self.now + timedelta(hours=24) if known is None else datetime.fromtimestamp(known.expiry + 1, NOON.tzinfo)
        )
        self.ledger.issued(who, self.authority.bundle, expiry)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Replica"]:
        task = asyncio.create_task(self.conductor.serve())
        await asyncio.sleep(0)  # one that never ran says no last word
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stands(self, stage: str) -> None:
        await until(lambda: self.conductor.status().stage == stage)


async def two(tmp_path: Path, cluster: Cluster | None = None) -> tuple[Replica, Replica]:
    shared = cluster or Cluster()
    one, other = await Replica(shared, "one", tmp_path).begin(), await Replica(shared, "two", tmp_path).begin()
    one.leads = True
    return one, other


async def test_stage_waits_for_what_another_replica_has_issued(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    other.holds()
    async with one.serving(), other.serving():
        await one.conductor.begin()
        await until(lambda: other.conductor.status().stage == "adding")
        await until(lambda: one.conductor.status().lagging == 1)
        await asyncio.sleep(0.1)
        assert one.conductor.status().laggards[0].who == str(WEB)
        assert one.conductor.status().stage == "adding"
        for stage in ("renewing", "dropping", "finished"):
            other.holds()  # it renews, and gets what is in force there
            await one.stands(stage)
            await other.stands(stage)
    new = one.authority.bundle
    assert other.authority.bundle.certificate == new.certificate
    assert (await one.roots.load()).roots == new.roots == other.authority.bundle.roots


async def test_workload_that_renews_at_another_replica_is_not_waited_for(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    one.holds()
    async with one.serving(), other.serving():
        await one.conductor.begin()
        await until(lambda: other.conductor.status().stage == "adding")
        other.ledger.issued(WEB, other.authority.bundle, NOON + timedelta(hours=25))
        await one.stands("renewing")


async def test_replica_that_has_not_taken_a_stage_over_is_waited_for(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    async with one.serving():
        await one.conductor.begin()
        await until(lambda: one.conductor.status().lagging == 1)
        await asyncio.sleep(0.1)
        (lag,) = one.conductor.status().laggards
        assert (lag.who, one.conductor.status().stage) == ("control plane two", "adding")
        async with other.serving():
            await one.stands("finished")


async def test_silent_replica_is_waited_for_only_so_long_and_then_its_issues_are_unknown(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    async with one.serving():
        await one.conductor.begin()
        await until(lambda: one.conductor.status().lagging == 1)
        one.now = NOON + module.GONE
        await until(lambda: one.conductor.status().laggards[0].who == "others")
        assert one.replicas.unknown_until == NOON + module.GONE + module.IDLE + LONGEST
        await one.conductor.act(Action.ADVANCE)  # its operator knows better
    assert other.conductor.status().stage == "none"


async def test_replica_that_ended_in_good_order_has_said_everything(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    async with other.serving():
        other.holds()
    async with one.serving():
        await one.conductor.begin()
        await until(lambda: [each.who for each in one.conductor.status().laggards] == [str(WEB)])
        assert one.replicas.unknown_until is None
        one.ledger.issued(WEB, one.authority.bundle, NOON + timedelta(hours=25))
        await one.stands("renewing")


async def test_any_replica_may_be_told_and_only_one_of_two_wishes_comes_true(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    async with one.serving(), other.serving():
        found = await asyncio.gather(one.conductor.begin(), other.conductor.begin(), return_exceptions=True)
        assert [type(each) for each in found if each] == [RolloverError]
        await one.stands("finished")
        await other.stands("finished")
        assert one.authority.bundle.certificate == other.authority.bundle.certificate
        await other.conductor.forget()
        await one.stands("none")
    assert "ca-rollover.json" not in one.cluster.objects[ROOT]["data"]


@pytest.mark.parametrize("stages", range(4))
async def test_next_life_goes_on_where_the_last_one_died(tmp_path: Path, stages: int) -> None:
    one, _ = await two(tmp_path)
    await one.conductor.begin()
    for _ in range(stages):
        await one.conductor.act(Action.ADVANCE)
    again = await Replica(one.cluster, "one", tmp_path).begin()
    assert again.conductor.status().stage == one.conductor.status().stage
    assert again.authority.bundle.roots == one.authority.bundle.roots
    assert again.authority.bundle.certificate == one.authority.bundle.certificate


async def test_rolled_back_change_leaves_the_old_root_everywhere(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    old = one.authority.bundle
    async with one.serving(), other.serving():
        await one.conductor.begin(is_stepwise=True)
        await one.conductor.act(Action.PAUSE)
        await until(lambda: len(other.authority.bundle.root_certificates) == 2)
        await other.conductor.act(Action.ROLL_BACK)
        await one.stands("withdrawn")
        assert one.authority.bundle.roots == other.authority.bundle.roots == old.roots


async def test_cluster_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    one, _ = await two(tmp_path)
    before = one.authority.bundle
    one.cluster.is_down = True
    with pytest.raises(KubernetesError):
        await one.conductor.begin()
    assert one.authority.bundle is before


async def test_replica_without_its_journal_knows_what_it_had_told(tmp_path: Path) -> None:
    one, _ = await two(tmp_path)
    async with one.serving():
        one.holds()
    again = await Replica(one.cluster, "one", tmp_path / "elsewhere").begin()
    assert set(again.replicas.holdings) == {WEB}
    assert again.replicas.unknown_until is None
    lost = Replica(one.cluster, "one", tmp_path / "nowhere")  # the life before was not ended in good order
    lost.now = NOON
    assert (await lost.begin()).replicas.unknown_until is not None


async def test_first_replica_that_counts_knows_what_it_does_not_know(tmp_path: Path) -> None:
    cluster = Cluster()
    old = Replica(cluster, "one", tmp_path)
    await old.roots.load_or_create("cluster.local", new_serial=lambda: 5, lifetime=timedelta(days=3650))
    first = Replica(cluster, "one", tmp_path)
    first.now = NOON + timedelta(days=1)
    assert (await first.begin()).replicas.unknown_until == first.now + LONGEST
    second = Replica(cluster, "two", tmp_path)
    second.now = first.now
    assert (await second.begin()).replicas.unknown_until == first.now + LONGEST


async def test_follower_counts_where_it_reports(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    one.holds()
    other.followers = frozenset({Holder(APP, "x")})
    await other.replicas.refresh(None)
    async with one.serving(), other.serving():
        await one.conductor.begin()
        await until(lambda: Holder(APP, "x") in one.replicas.connected())


async def test_reports_that_say_nothing_any_more_are_removed(tmp_path: Path) -> None:
    one, other = await two(tmp_path)
    async with other.serving():
        pass
    name = "/api/v1/namespaces/mesh/configmaps/meshpilot-issued-two"
    assert name in one.cluster.objects
    async with one.serving():
        await one.conductor.begin()
        await until(lambda: name not in one.cluster.objects)
