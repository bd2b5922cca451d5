"""Who of several replicas does the writing: a lock in the cluster, held by one of them and renewed while it lives.

In: an API server, the name of a lock, who we are. Out: `Election.lead(work)`: `work` runs while we hold the lock, ends
when we lose it, and the lock is released when we end. The lock is a Lease, or an annotation of a ConfigMap where
istiod's is (docs of each writer say which), so an istiod beside us takes part in the same election.

A record counts as abandoned when it did not change for LEASE by our own clock (or for as long as its holder says that
it is good for: istiod renews more rarely): clocks of others do not matter. A replica of ours that died is followed
within LEASE + 2 * RETRY (13 s); one that stops orderly, within RETRY.
Source: Kubernetes controllers behaviour 6.3 (names, what they guard); shorter times than istiod's.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from ca.errors import KubernetesError
from ca.kubernetes_api import KubernetesApi

LEASE, RENEW, RETRY = 9.0, 3.0, 2.0
"""Seconds: a record is good for; between two renewals; between two looks of those that wait."""
RENEW_DEADLINE = 6.0
"""Seconds after the last renewal: the work is ended before anybody else may begin it."""
ANNOTATION = "control-plane.alpha.kubernetes.io/leader"
HOLDER_KEY = "leader.istio.io/holder-key"
FROM_AFAR = "^"
"""Begins the key of a control plane that leads another cluster than its own: one that is there comes before it."""

LEASES, CONFIG_MAPS = "/apis/coordination.k8s.io/v1/namespaces/{}/leases", "/api/v1/namespaces/{}/configmaps"

IN_CONFIG_MAPS = frozenset(
    (
        "istio-namespace-controller-election",
        "istio-serviceexport-controller-election",
        "istio-leader",
        "istio-analyze-leader",
        "istio-node-untaint",
        "istio-ip-autoallocate",
    )
)
"""Locks that istiod keeps in ConfigMaps; the others are Leases."""
PER_REVISION = frozenset(("istio-gateway-status-leader", "istio-gateway-deployment"))
"""Locks of which each revision has its own, named `...-<revision>`."""

_log = logging.getLogger("leader")


@dataclass(frozen=True, slots=True)
class Lock:
    """Which lock, and as whom. `key`: the revision; another revision with precedence may take the lock from us."""

    namespace: str
    name: str
    identity: str
    key: str = ""
    in_config_map: bool = False

    @property
    def collection(self) -> str:
        """Path of the objects of its kind."""
        return (CONFIG_MAPS if self.in_config_map else LEASES).format(self.namespace)


def lock_named(name: str, namespace: str, identity: str, revision: str, *, from_afar: bool = False) -> Lock:
    """The lock that istiod calls so: an object of the same kind, with the same suffix."""
    key = revision or "default"
    full = f"{name}-{key}" if name in PER_REVISION else name
    held_as = f"{FROM_AFAR}{key}" if from_afar else key
    return Lock(namespace, full, identity, "" if name in PER_REVISION else held_as, name in IN_CONFIG_MAPS)


@dataclass(frozen=True, slots=True)
class Record:
    """What a lock says. `holder` is empty where it was released."""

    holder: str = ""
    key: str = ""
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0
    good_for: float = 0.0
    """Seconds, as its holder says."""


class Election:
    """Takes part in the election of one lock."""

    def __init__(
        self, api: KubernetesApi, lock: Lock, *, precedes: Callable[[str], bool] | None = None, enabled: bool = True
    ) -> None:
        """`precedes`: whether we may take the lock from a living holder with this key. `enabled`:
        ENABLE_LEADER_ELECTION; without election everybody leads.
        """
        self._api = api
        self._lock = lock
        self._precedes = precedes or (lambda key: False)
        self._enabled = enabled
        self._seen: tuple[Record | None, float] = (None, 0.0)
        self.is_leading = False

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` whenever we hold the lock; ends only by cancellation, after `work` has ended and the lock is
        free.

        Work that ends by itself is begun again after a pause, perhaps by somebody else.
        """
        if not self._enabled:
            await self._work_for_ever(work)
        while True:
            if await self._tried():
                _log.info(f"leading: {self._lock.name}")
                try:
                    await self._while_leading(work)
                finally:
                    await self._release()
                _log.info(f"not leading any more: {self._lock.name}")
            await asyncio.sleep(RETRY * random.uniform(0.8, 1.0))

    async def _work_for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        self.is_leading = True
        while True:
            await _logged(work, self._lock.name)
            await asyncio.sleep(RETRY)

    async def _while_leading(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until the work ends, the lock is lost, or we are cancelled."""
        self.is_leading = True
        working = asyncio.create_task(_logged(work, self._lock.name))
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_leading = False
            working.cancel()
            renewing.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew(self) -> None:
        """Ends when the lock is lost, or could not be renewed in time."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while loop.time() - renewed < RENEW_DEADLINE:
            await asyncio.sleep(RENEW if loop.time() - renewed < RENEW else RETRY / 2)
            try:
                async with asyncio.timeout(max(0.1, renewed + RENEW_DEADLINE - loop.time())):
                    if not await self._take():
                        return
                renewed = loop.time()
            except (KubernetesError, TimeoutError) as error:
                _log.warning(f"{self._lock.name}: cannot be renewed: {error}")

    async def _tried(self) -> bool:
        try:
            async with asyncio.timeout(RENEW_DEADLINE):
                return await self._take()
        except (KubernetesError, TimeoutError) as error:
            _log.debug(f"{self._lock.name}: {error}")
            return False

    async def _take(self) -> bool:
        """Takes or renews the lock if it is ours to take. Raises: KubernetesError."""
        found = await self._read()
        if found is None:
            now = _now()
            made = Record(self._lock.identity, self._lock.key, now, now)
            return await self._write("POST", self._encode({"metadata": {"name": self._lock.name}}, made))
        record, now, clock = _decode(found, self._lock), _now(), asyncio.get_running_loop().time()
        if self._seen[0] != record:
            self._seen = (record, clock)
        if record.holder == self._lock.identity:
            return await self._write("PUT", self._encode(found, replace(record, key=self._lock.key, renewed=now)))
        abandoned = not record.holder or clock - self._seen[1] >= max(LEASE, record.good_for)
        if not abandoned and not self._may_take_from(record.key):
            return False
        taken = Record(self._lock.identity, self._lock.key, now, now, record.transitions + bool(record.holder))
        return await self._write("PUT", self._encode(found, taken))

    def _may_take_from(self, key: str) -> bool:
        """Whether a living holder with this key has to give way."""
        if key.removeprefix(FROM_AFAR) == self._lock.key.removeprefix(FROM_AFAR):
            return key.startswith(FROM_AFAR) and not self._lock.key.startswith(FROM_AFAR)
        return self._precedes(key.removeprefix(FROM_AFAR))

    async def _read(self) -> Any:
        try:
            return await self._api.call("GET", f"{self._lock.collection}/{self._lock.name}")
        except KubernetesError as error:
            if error.status != 404:
                raise
        return None

    async def _write(self, method: str, body: Any) -> bool:
        """Whether nobody else was faster."""
        path = self._lock.collection + (f"/{self._lock.name}" if method == "PUT" else "")
        try:
            await self._api.call(method, path, body)
        except KubernetesError as error:
            if error.status != 409:
                raise
            return False
        return True

    async def _release(self) -> None:
        """Frees the lock if it is still ours; a cluster that does not answer is not waited for."""
        try:
            async with asyncio.timeout(RETRY):
                found = await self._read()
                record = _decode(found, self._lock) if found is not None else Record()
                if record.holder == self._lock.identity:
                    await self._write("PUT", self._encode(found, replace(record, holder="", renewed=_now())))
        except (KubernetesError, TimeoutError) as error:
            _log.info(f"{self._lock.name}: not released: {error}")

    def _encode(self, found: Any, record: Record) -> Any:
        """The object with the record in it; of what is there only metadata and other data stay."""
        metadata = {**found["metadata"]}
        annotations = {**(metadata.get("annotations") or {})}
        if self._lock.in_config_map:
            said = {
                "holderIdentity": record.holder,
                "holderKey": record.key,
                "leaseDurationSeconds": int(LEASE),
                "acquireTime": _to_seconds(record.acquired),
                "renewTime": _to_seconds(record.renewed),
                "leaderTransitions": record.transitions,
            }
            annotations[ANNOTATION] = json.dumps(said, separators=(",", ":"))
            return {**found, "metadata": {**metadata, "annotations": annotations}}
        if record.key:
            annotations[HOLDER_KEY] = record.key
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": int(LEASE),
            "acquireTime": record.acquired or None,
            "renewTime": record.renewed or None,
            "leaseTransitions": record.transitions,
        }
        return {**found, "metadata": {**metadata, "annotations": annotations}, "spec": spec}


async def _logged(work: Callable[[], Awaitable[None]], name: str) -> None:
    try:
        await work()
    except Exception:
        _log.exception(f"the work of {name} failed; it is begun again")


def _decode(found: Any, lock: Lock) -> Record:
    """What an object says; nobody holds one that cannot be read."""
    annotations = found["metadata"].get("annotations") or {}
    if not lock.in_config_map:
        spec = found.get("spec") or {}
        key = str(annotations.get(HOLDER_KEY, ""))
        said = {**spec, "holderKey": key, "leaderTransitions": spec.get("leaseTransitions")}
    else:
        try:
            said = msgspec.json.decode(annotations.get(ANNOTATION, "{}"), type=dict[str, Any])
        except ValueError:
            said = {}
    return Record(
        str(said.get("holderIdentity") or ""),
        str(said.get("holderKey") or ""),
        str(said.get("acquireTime") or ""),
        str(said.get("renewTime") or ""),
        int(said.get("leaderTransitions") or 0),
        float(said.get("leaseDurationSeconds") or 0),
    )


def _now() -> str:
    """As Kubernetes writes times of Leases."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _to_seconds(time: str) -> str:
    """As it writes them everywhere else."""
    return time.partition(".")[0].removesuffix("Z") + "Z" if time else ""
