"""Conditions and the other parts of `status`, as a pure function has them, written where they are not so yet.

In: snapshots. Out: server-side apply of `status` under our name, only of objects about which something else is to be
said than was said last; what other controllers say stays. Three writers, behind istiod's three locks: the Gateway API's
kinds, Ingresses, and all others. Source: Kubernetes controllers behaviour 6.5, 9.5, 10.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ca.errors import KubernetesError
from pilot.gatewayapi.classes import CONTROLLERS
from pilot.gatewayapi.gateway import KubernetesGateway
from pilot.kube_client import APPLY, KubeClient
from pilot.model.ingress import Ingress
from pilot.model.kubernetes import KubernetesService
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from pilot.sources.kinds import BY_KEY, KINDS, Kind
from pilot.sources.kubernetes.resources import Resource, is_custom, plural_of
from pilot.status.statuses import Status, statuses
from pilot.status.translation import with_mistakes
from pilot.writers.earlier import said_before
from pilot.writers.following import changes
from pilot.writers.merging import is_same, merge_status, own_part, with_leftovers
from pilot.writers.retry import FORBIDDEN, NOT_FOUND, Retries

GATEWAY_LOCK, INGRESS_LOCK, OTHERS_LOCK = "istio-gateway-status-leader", "istio-leader", "istio-status-leader"
MANAGER = "meshpilot"
PAUSE = 1.0
"""Seconds between two looks at everything: what changes meanwhile is one batch; arbitrary."""
LOOK_BACK = 5.0
"""Seconds after we began to lead, when everything has been looked at: what stands from an earlier life is read once."""
ASK_AGAIN = 600.0
"""Seconds in which a right that we lack is not asked for again; arbitrary."""
_NO_RIGHT = "cannot patch resource"
"""What the API server says then; a policy that refuses one object says something else."""
_log = logging.getLogger("status")


def lock_of(key: ObjectKey) -> str:
    """What guards the status of an object."""
    if key.kind == Ingress.KIND:
        return INGRESS_LOCK
    return GATEWAY_LOCK if BY_KEY[key.kind].group.startswith("gateway.") else OTHERS_LOCK


class Statuses:
    """What is to be said now: computed once for both writers."""

    def __init__(self, snapshot: Callable[[], Snapshot], problems: Callable[[], tuple[Problem, ...]] = tuple) -> None:
        """`problems`: the same object while they are."""
        self.snapshot, self.problems = snapshot, problems
        self._of: tuple[object, object] = (None, None)
        self._found: Mapping[ObjectKey, Status] = {}

    def found(self) -> Mapping[ObjectKey, Status]:
        """By object; only of objects that are there."""
        now, problems = self.snapshot(), self.problems()
        if any(a is not b for a, b in zip(self._of, (now, problems), strict=True)):
            said = with_mistakes(statuses(now, datetime.now(UTC)), problems, now)
            self._found = {key: value for key, value in said.items() if now.objects.find(key) is not None}
            self._of = (now, problems)
        return self._found


class StatusWriter:
    """One of the three. `serve` while we lead."""

    def __init__(self, client: KubeClient, found: Statuses, lock: str) -> None:
        self._client, self._statuses, self._lock = client, found, lock
        self._said: dict[ObjectKey, tuple[str, Status]] = {}
        """What we said last, and of which object: one of the same name may take its place."""
        self._look_back = math.inf
        self._refused: dict[str, float] = {}
        """Kinds whose status we may not write (istiod's roles name few), and when to ask again."""
        self._controllers = CONTROLLERS | {found.snapshot().features.gateway_controller}

    async def serve(self) -> None:
        """Writes what is to be said; ends only by cancellation."""
        self._said.clear()
        retries = Retries[ObjectKey](self._write, _log)
        current = (self._statuses.snapshot, self._statuses.problems)
        self._look_back = asyncio.get_running_loop().time() + LOOK_BACK if self._lock == OTHERS_LOCK else math.inf
        async for _ in changes(*current, due=lambda: retries.is_due or self._may_ask() or self._is_time()):
            if self._is_time():
                self._look_back = math.inf
                self._said = {**await said_before(self._client, self._spoken_of(), MANAGER), **self._said}
            found = {key: value for key, value in self._statuses.found().items() if lock_of(key) == self._lock}
            found = {key: value for key, value in found.items() if key.kind not in self._refused}
            due = [key for key, value in found.items() if self._said.get(key) != (self._uid(key), value)]
            for key in self._said.keys() - found.keys():
                if self._uid(key) and key.kind != KubernetesGateway.KIND:
                    due.append(key)  # nothing is to be said any more
                else:
                    del self._said[key]
            await retries.run(due)
            await asyncio.sleep(PAUSE)

    def _is_time(self) -> bool:
        """To look back."""
        return asyncio.get_running_loop().time() >= self._look_back

    def _spoken_of(self) -> Iterable[Kind]:
        """Kinds that may have conditions of ours: people write them, or waypoints are bound to them."""
        ambient = self._statuses.snapshot().features.ambient
        return (each for each in KINDS.values() if each.strict or (ambient and each.struct is KubernetesService))

    def _may_ask(self) -> bool:
        """Whether a kind that we could not write may be tried again; it is, then."""
        now = asyncio.get_running_loop().time()
        over = [kind for kind, until in self._refused.items() if until <= now]
        for kind in over:
            del self._refused[kind]
        return bool(over)

    def _uid(self, key: ObjectKey) -> str:
        """Empty where it is not there."""
        found = self._statuses.snapshot().objects.find(key)
        return (found.metadata.uid or "?") if found is not None else ""

    async def _write(self, key: ObjectKey) -> None:
        """Raises: KubernetesError."""
        if key.kind in self._refused:
            return
        found = self._statuses.found().get(key, {})
        uid, ours = self._uid(key), _without_addresses(key, found)
        said = self._said.get(key)
        before = _without_addresses(key, said[1]) if said is not None and said[0] == uid else {}
        if ours or before:
            path, version, stored = await self._read(BY_KEY[key.kind], key)
            if stored is not None and stored["metadata"].get("uid", uid) == uid:
                try:
                    await self._apply(path, version, stored, ours, before)
                except KubernetesError as error:
                    if error.status != FORBIDDEN or _NO_RIGHT not in str(error):
                        raise
                    self.give_up(key.kind, error)
                    return
        if found:
            self._said[key] = (uid, found)
        else:
            self._said.pop(key, None)

    def give_up(self, kind: str, error: KubernetesError) -> None:
        """Writes no status of a kind for a while: we lack the right."""
        if kind not in self._refused:
            _log.info(f"statuses of kind {kind} are not written, our role does not allow it: {error}")
        self._refused[kind] = asyncio.get_running_loop().time() + ASK_AGAIN

    async def _apply(self, path: str, version: str, stored: Any, ours: Status, before: Status) -> None:
        status = stored.get("status") or {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        merged = merge_status(status, ours, before, self._controllers, now)
        if is_same(merged, status):
            return
        metadata = {name: stored["metadata"].get(name) for name in ("name", "namespace", "resourceVersion")}
        body = {
            "apiVersion": version,
            "kind": stored["kind"],
            "metadata": {name: value for name, value in metadata.items() if value},
            # Lists of conditions of Istio's own kinds have one owner: what others said is said by us, too.
            "status": own_part(merged, ours, before, is_shared=not version.partition("/")[0].endswith("istio.io")),
        }
        stands = await self._client.call("PATCH", f"{path}/status?fieldManager={MANAGER}&force=true", body, APPLY)
        left = with_leftovers(merged, (stands or {}).get("status") or {})
        if left:
            version = stands["metadata"].get("resourceVersion")
            patch = {"metadata": {"resourceVersion": version}, "status": left}
            await self._client.call("PATCH", f"{path}/status?fieldManager={MANAGER}", patch)

    async def _read(self, kind: Kind, key: ObjectKey) -> tuple[str, str, Any]:
        """Path, API version, object as it is stored now; None where it is gone. Raises: KubernetesError."""
        resource = Resource(kind, plural_of(kind.name))
        for api_version, version in zip(kind.api_versions, kind.versions, strict=True):
            path = f"{resource.path(version, key.namespace)}/{key.name}"
            try:
                return path, api_version, await self._client.call("GET", path)
            except KubernetesError as error:
                if error.status != NOT_FOUND or not is_custom(kind.group):
                    raise
        return "", "", None


def _without_addresses(key: ObjectKey, status: Status) -> Status:
    """Addresses of ServiceEntries are another writer's."""
    if key.kind != "ServiceEntry":
        return status
    return {name: value for name, value in status.items() if name != "addresses"}
