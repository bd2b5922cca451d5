"""Who is registered: proxies that come, say how they are, go, and stay away.

In: proxies of streams. Out: changes of WorkloadEntries, told to the one who keeps the mesh current; what has to outlive
us is saved in the background. An entry is taken away when its proxy has been gone for the grace period;
one that somebody declared, and that a proxy says it is, stays without word of its health.
Source: Kubernetes controllers behaviour 8.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from pilot.errors import FailedPrecondition, PermissionDenied, PilotError
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_group import WorkloadGroup
from pilot.registrations import entries
from pilot.settings import Registrations
from pilot.view.proxy import Proxy

_log = logging.getLogger("wle")
RETRY = 1.0
"""Seconds after which saving is tried again; arbitrary."""


class Registrar:
    """Keeps entries in step with streams. `apply` takes their changes into the mesh; `save` makes them last."""

    def __init__(
        self,
        rules: Registrations,
        snapshot: Callable[[], Snapshot],
        apply: Callable[[Iterable[Event]], None],
        save: Callable[[tuple[WorkloadEntry, ...]], None],
        now: Callable[[], datetime],
    ) -> None:
        self._rules, self._snapshot, self._apply, self._save, self._now = rules, snapshot, apply, save, now
        self._own: dict[ObjectKey, WorkloadEntry] = {}
        self._streams: Counter[ObjectKey] = Counter()
        self._changed = asyncio.Event()
        self.counts: Counter[str] = Counter()
        """What happened so far: `success`, `updates`, `unregister`, `deletes`, `errors`; for figures."""

    def remember(self, saved: Iterable[WorkloadEntry]) -> None:
        """Entries of an earlier life: their proxies have the grace period to come back."""
        for each in saved:
            self._put(entries.disconnect(each, self._now()))

    def arrived(self, proxy: Proxy) -> None:
        """A stream begins. Raises: FailedPrecondition, PermissionDenied; then it ends."""
        try:
            self._register(proxy)
        except PilotError:
            self.counts["errors"] += 1
            raise

    def _register(self, proxy: Proxy) -> None:
        name, namespace = entries.group_of(proxy), proxy.traits.namespace
        if not name or not self._rules.registers:
            self._adopt(proxy)
            return
        group = self._snapshot().seen.get(WorkloadGroup, namespace, name)
        if group is None:
            raise FailedPrecondition(f"auto-registration failed: cannot find WorkloadGroup {namespace}/{name}")
        key = ObjectKey(WorkloadEntry.KIND, namespace, entries.entry_name(proxy))
        known = self._own.get(key) or self._declared(key)
        now, controller = self._now(), self._rules.controller
        entry = entries.connect(known, now, controller) if known else entries.create(group, proxy, now, controller)
        self._check(entry, proxy)
        self._streams[key] += 1
        self._put(entry)
        self.counts["success" if known is None else "updates"] += 1
        _log.info("%s: registered" if known is None else "%s: connected again", key)

    def _adopt(self, proxy: Proxy) -> None:
        """Takes care of the entry that a proxy says it is, if there is one. Raises: PermissionDenied."""
        key = self._key(proxy)
        declared = self._declared(key) if key is not None and self._rules.checks_health else None
        if declared is None:
            return
        self._check(declared, proxy)
        known = self._own.get(declared.key)
        entry = entries.renew(known, declared) if known is not None else declared
        self._streams[declared.key] += 1
        self._put(entries.connect(entry, self._now(), self._rules.controller))

    def _declared(self, key: ObjectKey) -> WorkloadEntry | None:
        return self._snapshot().seen.get(WorkloadEntry, key.namespace, key.name)

    def left(self, proxy: Proxy) -> None:
        """A stream that had arrived ended."""
        key = self._key(proxy)
        if key is None or key not in self._streams:
            return
        self._streams[key] -= 1
        if self._streams[key] > 0:
            return
        del self._streams[key]
        entry = self._own.get(key)
        if entry is not None and self._is_elsewhere(key):
            self._leave(key)
        elif entry is not None:
            self._put(entries.disconnect(entry, self._now()))
            self.counts["unregister"] += 1
            _log.info("%s: its proxy is gone; it has %s to come back", key, self._rules.grace)

    def reported(self, proxy: Proxy, healthy: bool, message: str) -> None:
        """A workload says how it is."""
        key = self._key(proxy)
        if key is None or not self._rules.checks_health:
            return
        if key not in self._own:  # it may have been declared since
            self._adopt(proxy)
        entry = self._own.get(key)
        if entry is not None:
            self._put(entries.report(entry, healthy, message, self._now()))

    def amend(self, event: Event) -> Event:
        """What a file says of an entry that a proxy says it is, with what we know of the proxy."""
        entry = self._own.get(event.key)
        if entry is None or entries.is_registered(entry) or not isinstance(event.object, WorkloadEntry):
            return event
        self._own[event.key] = fresh = entries.renew(entry, event.object)
        return Event(event.key, fresh)

    async def serve(self) -> None:
        """Takes away who stays away, and saves what changed; ends only by cancellation."""
        while True:
            soon = self._rules.grace.total_seconds() / 4
            try:
                async with asyncio.timeout(soon or RETRY):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._sweep()
            if self._changed.is_set():
                self._changed.clear()
                await self._keep()

    async def _keep(self) -> None:
        try:
            await asyncio.to_thread(self._save, tuple(self._own.values()))
        except OSError as error:
            _log.error("registrations of workloads cannot be saved: %s", error)
            await asyncio.sleep(RETRY)
            self._changed.set()

    def _sweep(self) -> None:
        now = self._now()
        for key, entry in tuple(self._own.items()):
            if not entries.is_registered(entry) and not self._follow(key, entry):
                continue
            if key not in self._streams and self._is_elsewhere(key):
                self._leave(key)
            elif key not in self._streams and entries.is_abandoned(entry, now, self._rules.grace):
                self._end(key, self._own.pop(key))

    def _follow(self, key: ObjectKey, entry: WorkloadEntry) -> bool:
        """Looks whether an entry is still declared as it was; what we know of its proxy stays with it."""
        declared = self._declared(key)
        if declared is None:
            if key not in self._streams:
                self._leave(key)
            return False
        fresh = entries.renew(entry, declared)
        if fresh != entry or entries.health_of(declared) != entries.health_of(entry):
            self._put(fresh)
        return True

    def _end(self, key: ObjectKey, entry: WorkloadEntry) -> None:
        self._changed.set()
        if not entries.is_registered(entry):
            self._apply([Event(key, entries.release(entry))])
            _log.info("%s: its proxy stayed away: nobody knows how it is", key)
            return
        self.counts["deletes"] += 1
        self._apply([Event(key, None)])
        _log.info("%s: taken away, its proxy stayed away", key)

    def _is_elsewhere(self, key: ObjectKey) -> bool:
        """Whether another replica has its proxy now."""
        seen = self._declared(key)
        own = self._rules.controller
        return seen is not None and seen.metadata.annotations.get(entries.CONTROLLER, own) != own

    def _leave(self, key: ObjectKey) -> None:
        """To the other replica, as it is."""
        del self._own[key]
        self._changed.set()

    def _key(self, proxy: Proxy) -> ObjectKey | None:
        if entries.group_of(proxy) and self._rules.registers:
            return ObjectKey(WorkloadEntry.KIND, proxy.traits.namespace, entries.entry_name(proxy))
        name = entries.named_entry_of(proxy)
        return ObjectKey(WorkloadEntry.KIND, proxy.traits.namespace, name) if name else None

    def _check(self, entry: WorkloadEntry, proxy: Proxy) -> None:
        """A proxy that proves who it is has to be the workload that it registers."""
        if not self._rules.checks_identity or not proxy.identity:
            return
        account = entry.spec.service_account
        wanted = f"/ns/{entry.namespace}/sa/{account}"
        found = proxy.identity.partition("//")[2]
        if f"/ns/{entry.namespace}/" not in found or (account and not found.endswith(wanted)):
            raise PermissionDenied(f"{entry.key}: expected an identity with {wanted}, got {proxy.identity}")

    def _put(self, entry: WorkloadEntry) -> None:
        self._own[entry.key] = entry
        if entries.is_registered(entry) or self._declared(entry.key) is not None:
            self._apply([Event(entry.key, entry)])
        self._changed.set()
