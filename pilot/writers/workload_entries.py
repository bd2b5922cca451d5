"""Workloads that registered themselves, as WorkloadEntries in the cluster.

In: what the registrar wants to last, all of it each time. Out: entries made, changed, taken away; and health as their
condition. An entry that somebody declared only gets that, and loses it when its proxy stays away. An entry that another
replica has taken over is left to it: who is named in it writes it.
Source: Kubernetes controllers behaviour 8.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
from pilot.model.objects import ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_group import WorkloadGroup
from pilot.registrations.entries import (
    CONNECTED,
    CONTROLLER,
    GROUP,
    HEALTHY,
    OWN,
    health_of,
    is_abandoned,
    is_registered,
)
from pilot.writers.following import changes
from pilot.writers.retry import CONFLICT, NOT_FOUND, Retries

API = "networking.istio.io/v1"
SWEEP = 10
"""Grace periods between two looks for entries that nobody takes away."""
Json = Mapping[str, Any]
_log = logging.getLogger("wle")


class WorkloadEntries:
    """The entries of one cluster. `serve` it."""

    def __init__(
        self,
        client: KubeClient,
        snapshot: Callable[[], Snapshot],
        controller: str,
        grace: timedelta,
        oldest_stream: timedelta | None = None,
    ) -> None:
        """`controller`: the name of this replica. `oldest_stream`: who came longer ago is gone; None: who knows."""
        self._client, self._snapshot = client, snapshot
        self._controller, self._grace, self._oldest_stream = controller, grace, oldest_stream
        self._wanted: Mapping[ObjectKey, WorkloadEntry] = {}
        self._written: dict[ObjectKey, WorkloadEntry] = {}

    def save(self, entries: Iterable[WorkloadEntry]) -> None:
        """What is to be in the cluster; written soon after. From any thread."""
        self._wanted = {each.key: each for each in entries}

    async def serve(self) -> None:
        """Ends only by cancellation."""
        retries = Retries[ObjectKey](self._write, _log)
        clock, every = asyncio.get_running_loop().time, SWEEP * self._grace.total_seconds()
        swept = clock()
        due = lambda: retries.is_due or clock() - swept >= every
        async for _ in changes(lambda: self._wanted, due=due):
            wanted = self._wanted
            keys = [key for key, each in wanted.items() if self._written.get(key) != each]
            keys += self._written.keys() - wanted.keys()
            if clock() - swept >= every:
                swept = clock()
                keys += self._orphans()
            await retries.run(keys)

    def _orphans(self) -> list[ObjectKey]:
        """Entries whose replica went before it took them away."""
        now = datetime.now(UTC)
        return [
            each.key
            for each in self._snapshot().seen.of(WorkloadEntry)
            if CONTROLLER in each.metadata.annotations
            and each.key not in self._wanted
            and (is_registered(each) or health_of(each))
            and is_abandoned(each, now, self._grace, self._oldest_stream)
        ]

    async def _write(self, key: ObjectKey) -> None:
        """Raises: KubernetesError."""
        wanted = self._wanted.get(key)
        collection = f"/apis/{API}/namespaces/{key.namespace}/workloadentries"
        try:
            stored: Json | None = await self._client.call("GET", f"{collection}/{key.name}")
        except KubernetesError as error:
            if error.status != NOT_FOUND:
                raise
            stored = None
        if wanted is None:
            if stored is not None and self._is_abandoned(stored):
                await self._abandon(f"{collection}/{key.name}", stored)
            self._written.pop(key, None)
            return
        if stored is None and is_registered(wanted):
            await self._create(collection, wanted)
        elif stored is not None:
            await self._change(f"{collection}/{key.name}", wanted, stored)
        self._written[key] = wanted

    async def _create(self, collection: str, wanted: WorkloadEntry) -> None:
        """Raises: KubernetesError."""
        metadata = wanted.metadata
        group = self._snapshot().seen.get(WorkloadGroup, wanted.namespace, metadata.annotations.get(GROUP, ""))
        owner = {"apiVersion": API, "kind": WorkloadGroup.KIND, "controller": True}
        body: dict[str, Any] = {
            "apiVersion": API,
            "kind": WorkloadEntry.KIND,
            "metadata": {
                "name": wanted.name,
                "labels": dict(metadata.labels),
                "annotations": dict(metadata.annotations),
            },
            "spec": msgspec.to_builtins(wanted.spec, enc_hook=str),
        }
        if group is not None and group.metadata.uid:
            body["metadata"]["ownerReferences"] = [{**owner, "name": group.name, "uid": group.metadata.uid}]
        try:
            await self._client.call("POST", collection, body)
        except KubernetesError as error:
            if error.status == CONFLICT:
                raise KubernetesError(f"{wanted.key}: somebody else was faster", CONFLICT) from error
            raise
        await self._report(f"{collection}/{wanted.name}", wanted, {})

    async def _change(self, path: str, wanted: WorkloadEntry, stored: Json) -> None:
        """Raises: KubernetesError."""
        now, then = wanted.metadata.annotations, _annotations(stored)
        if CONNECTED not in now and then.get(CONTROLLER, self._controller) != self._controller:
            return  # its proxy is at another replica now
        changed = {name: now.get(name) for name in OWN if now.get(name) != then.get(name)}
        if changed:
            version = stored["metadata"].get("resourceVersion")
            body = {"metadata": {"resourceVersion": version, "annotations": changed}}
            await self._client.call("PATCH", path, body)
        await self._report(path, wanted, stored)

    async def _report(self, path: str, wanted: WorkloadEntry, stored: Json) -> None:
        """How the workload is. Raises: KubernetesError."""
        conditions = [msgspec.to_builtins(each) for each in wanted.status.conditions]
        if conditions != ((stored.get("status") or {}).get("conditions") or []):
            await self._client.call("PATCH", f"{path}/status", {"status": {"conditions": conditions}})

    def _is_abandoned(self, stored: Json) -> bool:
        """Whether its proxy is gone for good, as far as the cluster knows."""
        found = msgspec.convert({"metadata": {"annotations": _annotations(stored)}}, WorkloadEntry)
        gone = CONNECTED not in _annotations(stored)
        return gone or is_abandoned(found, datetime.now(UTC), self._grace, self._oldest_stream)

    async def _abandon(self, path: str, stored: Json) -> None:
        """Takes an entry away, or what is said of its health. Raises: KubernetesError."""
        if GROUP in _annotations(stored):
            await self._remove(path, stored)
            return
        found = (stored.get("status") or {}).get("conditions") or []
        kept = [each for each in found if each["type"] != HEALTHY]
        if kept != found:
            await self._client.call("PATCH", f"{path}/status", {"status": {"conditions": kept}})

    async def _remove(self, path: str, stored: Json) -> None:
        """Unless somebody changes it meanwhile. Raises: KubernetesError."""
        metadata = stored["metadata"]
        conditions = {name: metadata[name] for name in ("uid", "resourceVersion") if name in metadata}
        try:
            await self._client.call("DELETE", path, {"preconditions": conditions})
        except KubernetesError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise


def _annotations(stored: Json) -> Mapping[str, str]:
    return (stored.get("metadata") or {}).get("annotations") or {}
