"""Who is registered, and for how long."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pilot.errors import FailedPrecondition, PermissionDenied
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.model.workload_entry import WorkloadEntry
from pilot.registrations.registrar import Registrar
from pilot.settings import Registrations
from tests.pilot.agent.eventually import eventually
from tests.pilot.registrations.test_entries import GROUP, proxy_of

KEY = ObjectKey(WorkloadEntry.KIND, "app", "vms-10.0.0.1")


class World:
    """A mesh with one WorkloadGroup, and a clock that we set."""

    def __init__(self, rules: Registrations = Registrations()) -> None:  # noqa: B008 - frozen
        self.snapshot, _ = Snapshot.empty().apply([Event(GROUP.key, GROUP)])
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.saved: tuple[WorkloadEntry, ...] = ()
        self.registrar = Registrar(rules, lambda: self.snapshot, self.apply, self.save, lambda: self.now)

    def apply(self, events: Iterable[Event]) -> None:
        self.snapshot, _ = self.snapshot.apply(events)

    def save(self, entries: tuple[WorkloadEntry, ...]) -> None:
        self.saved = entries

    def entry(self) -> WorkloadEntry | None:
        return self.snapshot.seen.get(WorkloadEntry, KEY.namespace, KEY.name)


def test_who_comes_is_registered_and_an_unknown_group_is_refused() -> None:
    world = World()
    world.registrar.arrived(proxy_of())
    assert world.entry() is not None
    with pytest.raises(FailedPrecondition, match="app/others"):
        world.registrar.arrived(proxy_of(AUTO_REGISTER_GROUP="others"))


def test_who_names_no_group_is_nobody() -> None:
    world = World()
    world.registrar.arrived(proxy_of(AUTO_REGISTER_GROUP=""))
    world.registrar.left(proxy_of(AUTO_REGISTER_GROUP=""))
    assert world.entry() is None
    switched_off = World(Registrations(registers=False))
    switched_off.registrar.arrived(proxy_of())
    assert switched_off.entry() is None


def test_identity_has_to_be_that_of_the_workload() -> None:
    world = World()
    with pytest.raises(PermissionDenied, match="/ns/app/sa/shop"):
        world.registrar.arrived(replace(proxy_of(), identity="spiffe://cluster.local/ns/app/sa/other"))
    assert world.entry() is None
    world.registrar.arrived(replace(proxy_of(), identity="spiffe://cluster.local/ns/app/sa/shop"))
    assert world.entry() is not None


async def test_who_stays_away_is_taken_away() -> None:
    world = World(Registrations(grace=timedelta(seconds=0.2)))
    task = asyncio.create_task(world.registrar.serve())
    world.registrar.arrived(proxy_of())
    await eventually(lambda: bool(world.saved))
    world.registrar.left(proxy_of())
    world.now += timedelta(seconds=1)
    await eventually(lambda: world.entry() is None)
    await eventually(lambda: world.saved == ())
    task.cancel()


async def test_second_stream_keeps_the_entry() -> None:
    world = World(Registrations(grace=timedelta(seconds=0.1)))
    world.registrar.arrived(proxy_of())
    world.registrar.arrived(proxy_of())
    world.registrar.left(proxy_of())
    world.now += timedelta(days=1)
    world.registrar._sweep()
    assert world.entry() is not None


def test_health_is_written_to_the_entry() -> None:
    world = World()
    world.registrar.arrived(proxy_of())
    world.registrar.reported(proxy_of(), False, "broken")
    entry = world.entry()
    assert entry is not None
    assert entry.status.conditions[0].message == "broken"


def test_health_of_an_entry_that_somebody_wrote() -> None:
    world = World()
    world.registrar.arrived(proxy_of())  # any entry will do
    named = proxy_of(AUTO_REGISTER_GROUP="", WORKLOAD_ENTRY=KEY.name)
    world.registrar.reported(named, True, "")
    entry = world.entry()
    assert entry is not None
    assert entry.status.conditions[0].status == "True"


def test_entries_of_an_earlier_life_wait_for_their_proxies() -> None:
    first = World()
    first.registrar.arrived(proxy_of())
    entry = first.entry()
    assert entry is not None
    second = World()
    second.registrar.remember([entry])
    assert second.entry() is not None
    second.registrar.arrived(proxy_of())
    second.now += timedelta(days=1)
    second.registrar._sweep()
    assert second.entry() is not None
    third = World()
    third.registrar.remember([entry])
    third.now += timedelta(days=1)
    third.registrar._sweep()
    assert third.entry() is None
