"""Virtual addresses of ServiceEntries, written into their status: so that every control plane and every restart agrees.

In: snapshots. Out: JSON patches of `status.addresses`. Of two entries with one address the older keeps it; an address
that somebody wrote into a spec is nobody's. Source: Kubernetes controllers behaviour 6.6 (IP allocation).
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ca.errors import KubernetesError
from pilot.kube_client import JSON_PATCH, KubeClient
from pilot.model.address_allocation import DEFAULT_RANGES, Allocated, Ranges, allocate, is_eligible
from pilot.model.service_entry import ServiceEntry
from pilot.model.snapshot import Snapshot
from pilot.writers.following import changes
from pilot.writers.retry import NOT_FOUND, Retries

LOCK = "istio-ip-autoallocate"
ENTRIES = "/apis/networking.istio.io/{}/namespaces/{}/serviceentries/{}"
VERSIONS = ("v1", "v1beta1", "v1alpha3")
Place = tuple[str, str]
Written = tuple[tuple[str, str], ...]
"""Host and address, IPv4 first."""
_log = logging.getLogger("ip-autoallocate")


def wanted_addresses(entries: Iterable[ServiceEntry], ranges: Ranges = DEFAULT_RANGES) -> Mapping[Place, Written]:
    """By namespace and name: what has to be in a status where something else is in it."""
    ordered = sorted(entries, key=lambda each: (each.created, each.namespace, each.name))
    taken = {address for each in ordered for address in each.spec.addresses}
    kept = []
    for each in ordered:
        lost = {address.host for address in each.status.addresses if address.value in taken}
        own = [one for one in each.status.addresses if one.host in each.spec.hosts and one.host not in lost]
        taken.update(address.value for address in own)
        kept.append(replace(each, status=replace(each.status, addresses=tuple(own))))
    found = allocate(kept, ranges)
    wanted = {}
    for entry in ordered:
        if not is_eligible(entry):
            continue
        hosts = found[entry.namespace, entry.name]
        pairs = ((host, value) for host in entry.spec.hosts if host in hosts for value in _values(hosts[host]))
        now = tuple(dict.fromkeys(pairs))
        if sorted(now) != sorted((each.host, each.value) for each in entry.status.addresses):
            wanted[entry.namespace, entry.name] = now
    return wanted


def _values(allocated: Allocated) -> Iterable[str]:
    return filter(None, (allocated.v4, allocated.v6))


class AddressWriter:
    """Writes them. `serve` while we lead."""

    def __init__(self, client: KubeClient, snapshot: Callable[[], Snapshot]) -> None:
        self._client, self._snapshot = client, snapshot
        self._wanted: Mapping[Place, Written] = {}

    async def serve(self) -> None:
        """Ends only by cancellation."""
        retries, seen = Retries[Place](self._write, _log), None
        async for _ in changes(self._snapshot, due=lambda: retries.is_due):
            entries = self._snapshot().seen.kinds.get(ServiceEntry.KIND)
            if entries is seen:
                await retries.run(())
                continue
            seen = entries
            features = self._snapshot().features
            ranges = Ranges(features.allocation_v4, features.allocation_v6)
            self._wanted = wanted_addresses(self._snapshot().seen.of(ServiceEntry), ranges)
            await retries.run(self._wanted)

    async def _write(self, place: Place) -> None:
        """Raises: KubernetesError."""
        wanted = self._wanted.get(place)
        if wanted is None:
            return
        for version in VERSIONS:
            path = ENTRIES.format(version, *place)
            try:
                stored = await self._client.call("GET", path)
            except KubernetesError as error:
                if error.status != NOT_FOUND:
                    raise
                continue
            break
        else:
            return  # it is gone
        value = [{"value": address, "host": host} for host, address in wanted]
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": stored["metadata"]["resourceVersion"]}
        patch: dict[str, Any]
        if isinstance(stored.get("status"), dict):
            patch = {"op": "add", "path": "/status/addresses", "value": value}
        else:
            patch = {"op": "add", "path": "/status", "value": {"addresses": value}}
        await self._client.call("PATCH", f"{path}/status", [test, patch], JSON_PATCH)
