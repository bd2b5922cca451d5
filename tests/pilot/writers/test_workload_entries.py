"""WorkloadEntries in the cluster."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from pilot.kube_client import KubeClient
from pilot.model.objects import Metadata
from pilot.model.snapshot import Snapshot
from pilot.model.workload_entry import StatusCondition, WorkloadEntry, WorkloadEntrySpec, WorkloadEntryStatus
from pilot.registrations.entries import CONNECTED, CONTROLLER, DISCONNECTED, GROUP
from pilot.writers import following
from pilot.writers.workload_entries import WorkloadEntries
from tests.pilot.agent.eventually import eventually
from tests.pilot.writers.recorder import Recorder

COLLECTION = "/apis/networking.istio.io/v1/workloadentries"
HERE = "/apis/networking.istio.io/v1/namespaces/app/workloadentries"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)


def entry(*conditions: StatusCondition, **annotations: str) -> WorkloadEntry:
    metadata = Metadata(name="vm", namespace="app", annotations={GROUP: "vms", CONTROLLER: "me", **annotations})
    return WorkloadEntry(
        metadata=metadata, spec=WorkloadEntrySpec(address="10.9.0.1"), status=WorkloadEntryStatus(conditions)
    )


@contextlib.asynccontextmanager
async def writing(api: Recorder) -> AsyncIterator[WorkloadEntries]:
    made = WorkloadEntries(cast(KubeClient, api), Snapshot.empty, "me", timedelta(seconds=10))
    task = asyncio.create_task(made.serve())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def stored(api: Recorder, **annotations: str) -> None:
    api.put(COLLECTION, "vm", "app", metadata={"annotations": {GROUP: "vms", **annotations}})


async def test_a_new_one_is_made_with_its_health() -> None:
    api = Recorder(COLLECTION)
    async with writing(api) as entries:
        entries.save([entry(StatusCondition(type="Healthy", status="True"), **{CONNECTED: "now"})])
        await eventually(lambda: len(api.calls) == 2)
    (made, said) = api.calls
    assert made[:2] == ("POST", HERE)
    assert made[2]["spec"] == {"address": "10.9.0.1"}
    assert said[1] == f"{HERE}/vm/status"
    assert said[2]["status"]["conditions"][0]["status"] == "True"


async def test_one_that_its_proxy_left_is_changed_by_its_own_replica_only() -> None:
    async def calls(controller: str) -> list[tuple[str, str, Any]]:
        api = Recorder(COLLECTION)
        stored(api, **{CONTROLLER: controller, CONNECTED: "then"})
        async with writing(api) as entries:
            entries.save([entry(**{DISCONNECTED: "now"})])
            await asyncio.sleep(0.05)
        return api.calls

    ((_, _, body),) = await calls("me")
    assert body["metadata"]["annotations"] == {CONNECTED: None, DISCONNECTED: "now"}
    assert await calls("somebody") == []


async def test_one_that_is_gone_is_removed_unless_its_proxy_is_back() -> None:
    for annotation, removed in ((DISCONNECTED, True), (CONNECTED, False)):
        api = Recorder(COLLECTION)
        async with writing(api) as entries:
            entries.save([entry(**{CONNECTED: "now"})])
            await eventually(lambda api=api: api.calls)  # type: ignore[misc]
            stored(api, **{annotation: "x"})
            entries.save([])
            await asyncio.sleep(0.05)
        assert any(method == "DELETE" for method, _, _ in api.calls) == removed


async def test_one_that_somebody_declared_gets_a_condition_loses_it_and_stays() -> None:
    api = Recorder(COLLECTION)
    other = {"type": "Other", "status": "True"}
    api.put(COLLECTION, "vm", "app", metadata={"annotations": {}}, status={"conditions": [other]})
    health = StatusCondition(type="Healthy", status="False")
    declared = WorkloadEntry(
        metadata=Metadata(name="vm", namespace="app", annotations={CONTROLLER: "me", CONNECTED: "now"}),
        status=WorkloadEntryStatus((StatusCondition(type="Other", status="True"), health)),
    )
    async with writing(api) as entries:
        entries.save([declared])
        await eventually(lambda: len(api.calls) == 2)
        assert [method for method, _, _ in api.calls] == ["PATCH", "PATCH"]
        said = {"type": "Healthy", "status": "False"}
        assert api.calls[1][1:] == (f"{HERE}/vm/status", {"status": {"conditions": [other, said]}})
        api.calls.clear()

        then = {CONTROLLER: "me", DISCONNECTED: "2020-01-01T00:00:00Z"}
        api.put(COLLECTION, "vm", "app", metadata={"annotations": then}, status={"conditions": [other, said]})
        entries.save([])
        await eventually(lambda: bool(api.calls))
    assert api.calls == [("PATCH", f"{HERE}/vm/status", {"status": {"conditions": [other]}})]


async def test_one_that_somebody_declared_is_never_made() -> None:
    api = Recorder(COLLECTION)
    async with writing(api) as entries:
        entries.save([WorkloadEntry(metadata=Metadata(name="vm", namespace="app", annotations={CONNECTED: "now"}))])
        await eventually(lambda: bool(entries._written))
    assert api.calls == []
