"""Who is registered, and for how long."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pilot.errors import FailedPrecondition, PermissionDenied
from pilot.model.objects import Event, Metadata, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec
from pilot.registrations.entries import health_of
from pilot.registrations.registrar import Registrar
from pilot.settings import Registrations
from pilot.view.proxy import Proxy
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

    def health(self) -> str:
        entry = self.entry()
        return health_of(entry) if entry is not None else ""


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


NAMED = WorkloadEntry(
    metadata=Metadata(name=KEY.name, namespace=KEY.namespace),
    spec=WorkloadEntrySpec(address="10.0.0.1", service_account="shop"),
)


def the_named(identity: str = "") -> Proxy:
    """A proxy that says which entry it is."""
    return replace(proxy_of(AUTO_REGISTER_GROUP="", WORKLOAD_ENTRY=KEY.name), identity=identity)


def test_health_of_an_entry_that_somebody_declared_comes_and_goes_with_its_proxy() -> None:
    world = World()
    world.apply([Event(KEY, NAMED)])
    world.registrar.arrived(the_named())
    assert world.health() == ""
    world.registrar.reported(the_named(), False, "broken")
    assert world.health() == "False"

    world.apply([Event(KEY, msgspec.structs.replace(NAMED, spec=WorkloadEntrySpec(address="10.0.0.2")))])
    world.registrar._sweep()
    assert world.health() == "False", "a new address is no news of its health"
    entry = world.entry()
    assert entry is not None
    assert entry.spec.address == "10.0.0.2"

    world.registrar.left(the_named())
    world.now += timedelta(days=1)
    world.registrar._sweep()
    assert world.health() == ""
    assert world.entry() is not None, "nobody but who declared it takes it away"


def test_a_file_that_is_written_anew_is_no_news_of_health_for_a_moment() -> None:
    world = World()
    world.apply([Event(KEY, NAMED)])
    world.registrar.arrived(the_named())
    world.registrar.reported(the_named(), True, "")
    moved = msgspec.structs.replace(NAMED, spec=WorkloadEntrySpec(address="10.0.0.2"))
    amended = world.registrar.amend(Event(KEY, moved))
    assert isinstance(amended.object, WorkloadEntry)
    assert (amended.object.spec.address, health_of(amended.object)) == ("10.0.0.2", "True")
    assert world.registrar.amend(Event(KEY, None)) == Event(KEY, None)
    assert world.registrar.amend(Event(GROUP.key, GROUP)) == Event(GROUP.key, GROUP)


def test_an_entry_may_be_declared_after_its_proxy_has_come() -> None:
    world = World()
    world.registrar.arrived(the_named())
    world.registrar.reported(the_named(), True, "")
    assert world.entry() is None
    world.apply([Event(KEY, NAMED)])
    world.registrar.reported(the_named(), False, "broken")
    assert world.health() == "False"


def test_an_entry_that_is_declared_no_more_does_not_come_back() -> None:
    world = World()
    world.apply([Event(KEY, NAMED)])
    world.registrar.arrived(the_named())
    world.registrar.reported(the_named(), True, "")
    world.apply([Event(KEY, None)])
    world.registrar._sweep()
    world.registrar.reported(the_named(), False, "broken")
    assert world.entry() is None
    world.registrar.left(the_named())
    world.now += timedelta(days=1)
    world.registrar._sweep()
    assert world.entry() is None


def test_nobody_else_says_how_a_workload_is() -> None:
    world = World()
    world.apply([Event(KEY, NAMED)])
    with pytest.raises(PermissionDenied, match="/ns/app/sa/shop"):
        world.registrar.arrived(the_named(identity="spiffe://cluster.local/ns/app/sa/other"))


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
