"""One kind of objects, wherever we may read it: in the whole cluster, or namespace by namespace.

In: a resource, an API server. Out: its objects in the inventory, and whether all of them are. A kind without definition
has no objects, and is found when it gets one. Ends only by cancellation.
Source: Kubernetes controllers behaviour 6.1; operations 20.3 (namespace-scoped rights).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from ca.errors import KubernetesError
from pilot.model.kubernetes import Namespace
from pilot.sources.kubernetes.api import ListApi
from pilot.sources.kubernetes.definitions import Definitions
from pilot.sources.kubernetes.inventory import CollectionReceiver, Inventory
from pilot.sources.kubernetes.member_namespaces import MemberNamespaces
from pilot.sources.kubernetes.members import Members
from pilot.sources.kubernetes.reflector import FORBIDDEN, NOT_FOUND, Pace, Reflector
from pilot.sources.kubernetes.resources import Resource

GRACE = 5.0
"""Seconds for which a refusal may be the delay of rights that were just given; arbitrary."""
LOOK_AGAIN = 30.0

_log = logging.getLogger("kube")


class State(Enum):
    """How much of a kind is known."""

    WAITING = "waiting"
    LISTED = "listed"
    ABSENT = "absent"
    """The cluster does not have the kind."""
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What informers of one cluster share."""

    api: ListApi
    inventory: Inventory
    definitions: Definitions
    members: Members
    only: tuple[str, ...] = ()
    """Namespaces that everything is restricted to; empty: none."""
    failed: Callable[[], None] = lambda: None
    """Is told of each list and watch that failed."""


class Informer:
    """Follows one kind."""

    def __init__(self, cluster: Cluster, resource: Resource) -> None:
        self._cluster, self.resource = cluster, resource
        self.state = State.WAITING
        self._inventory = cluster.inventory
        self._version = 0
        self._reflectors: dict[str, Reflector] = {}

    @property
    def is_settled(self) -> bool:
        """Whether everything there is of the kind has been said: once true, it stays so."""
        return self.state in (State.LISTED, State.ABSENT) or (
            self.state is State.FORBIDDEN and self.resource.is_optional
        )

    @property
    def faults(self) -> tuple[str, ...]:
        """Why what is known may be old."""
        return tuple(each.fault for each in self._reflectors.values() if each.fault)

    @property
    def is_current(self) -> bool:
        """Whether some of it is followed without a fault; not where we are refused."""
        return any(not each.fault for each in self._reflectors.values())

    async def serve(self) -> None:
        """Follows the kind; ends only by cancellation."""
        await self._cluster.definitions.is_known.wait()
        pace = Pace()
        while True:
            if not self._cluster.definitions.may_have(self.resource):
                self._set_absent()
                await self._cluster.definitions.change_of(self.resource)
                pace.reset()
                continue
            refusal = await self._refused(self._follow_everything)
            if refusal.status == FORBIDDEN and self.resource.kind.namespaced and await self._has_members():
                _log.info(f"{self.resource.plural} are read namespace by namespace: {refusal}")
                refusal = await self._refused(lambda: self._follow_namespaces(None))
            elif refusal.status == FORBIDDEN and self.resource.kind.struct is Namespace and await self._has_members():
                await self._follow_named()
            if refusal.status == NOT_FOUND:
                await self._try_next_version(pace)
            else:
                await self._forbidden(refusal)

    async def _refused(self, follow: Callable[[], Awaitable[None]]) -> KubernetesError:
        """Why it could not be followed any longer: the status is 403 or 404."""
        try:
            await follow()
        except KubernetesError as error:
            return error
        raise AssertionError("following ends only by cancellation")

    async def _follow_everything(self) -> None:
        if self._cluster.only and self.resource.kind.namespaced:
            await self._follow_namespaces(frozenset(self._cluster.only))
        else:
            await self._follow("")

    async def _follow(self, namespace: str) -> None:
        """One collection. Raises: KubernetesError with status 403 or 404."""
        receiver = CollectionReceiver(self._inventory, self.resource, namespace or None)
        version = self.resource.kind.versions[self._version]
        path = self.resource.path(version, namespace)
        reflector = self._reflectors[namespace] = Reflector(
            self._cluster.api, path, receiver, query=self.resource.query
        )
        reflector.failed = self._cluster.failed
        following = asyncio.create_task(reflector.serve())
        listing = asyncio.create_task(receiver.is_listed.wait())
        try:
            await asyncio.wait((following, listing), return_when=asyncio.FIRST_COMPLETED)
            if receiver.is_listed.is_set() and not namespace:
                self._settle(State.LISTED)
            elif receiver.is_listed.is_set():
                self._listed.add(namespace)
                self._check_members()
            await following
        finally:
            self._reflectors.pop(namespace, None)
            following.cancel()
            listing.cancel()
            await asyncio.gather(following, listing, return_exceptions=True)

    # --- namespace by namespace -----------------------------------------------------------------------------------

    _listed: set[str]
    _wanted: frozenset[str]

    async def _has_members(self) -> bool:
        """Whether somebody names members of our mesh, in time."""
        members = self._cluster.members
        members.begin()
        changed = members.subscribe()
        try:
            async with asyncio.timeout(GRACE):
                while members.namespaces is None:
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return False
        finally:
            members.unsubscribe(changed)
        return True

    async def _follow_named(self) -> None:
        cluster = self._cluster
        named = MemberNamespaces(cluster.api, self.resource, cluster.members, self._inventory)
        await named.serve(lambda: self._settle(State.LISTED))

    async def _follow_namespaces(self, fixed: frozenset[str] | None) -> None:
        """Those given, or the members. Raises: KubernetesError with status 404."""
        changed = self._cluster.members.subscribe()
        tasks: dict[str, asyncio.Task[None]] = {}
        self._listed, self._wanted = set(), frozenset()
        try:
            while True:
                self._wanted = fixed if fixed is not None else (self._cluster.members.namespaces or self._wanted)
                for namespace in sorted(tasks.keys() - self._wanted):
                    await _end(tasks.pop(namespace))
                self._inventory.retain_namespaces(self.resource, self._wanted)
                for namespace in sorted(self._wanted - tasks.keys()):
                    tasks[namespace] = asyncio.create_task(self._follow_namespace(namespace))
                self._check_members()
                changed.clear()
                waiting = asyncio.create_task(changed.wait())
                done, _ = await asyncio.wait((waiting, *tasks.values()), return_when=asyncio.FIRST_COMPLETED)
                await _end(waiting)
                for each in done - {waiting}:
                    each.result()  # the kind itself is gone
        finally:
            self._cluster.members.unsubscribe(changed)
            for task in tasks.values():
                await _end(task)

    async def _follow_namespace(self, namespace: str) -> None:
        """Raises: KubernetesError with status 404."""
        pace, refused = Pace(longest=LOOK_AGAIN), 0
        while True:
            try:
                await self._follow(namespace)
            except KubernetesError as error:
                if error.status != FORBIDDEN:
                    raise
                refused += 1
                if refused == _REFUSALS:
                    _log.warning(f"nothing is known of {self.resource.plural} in {namespace}: {error}")
                    self._listed.add(namespace)
                    self._check_members()
            await pace.pause()

    def _check_members(self) -> None:
        if self._wanted <= self._listed:
            self._settle(State.LISTED)

    # --- states ---------------------------------------------------------------------------------------------------

    def _settle(self, state: State) -> None:
        self.state = state
        self._inventory.changed.set()

    def _set_absent(self) -> None:
        self._inventory.retain(self.resource, None, {})
        self._settle(State.ABSENT)

    async def _try_next_version(self, pace: Pace) -> None:
        """The server does not know the path: perhaps an older version, perhaps not yet."""
        self._version = (self._version + 1) % len(self.resource.kind.versions)
        if self._version:
            return
        self._set_absent()
        definitions = self._cluster.definitions
        waiting = asyncio.create_task(definitions.change_of(self.resource))
        pausing = asyncio.create_task(pace.pause())
        await asyncio.wait((waiting, pausing), return_when=asyncio.FIRST_COMPLETED)
        await _end(waiting)
        await _end(pausing)

    async def _forbidden(self, error: KubernetesError) -> None:
        """Refused as a whole; what was known stays."""
        if self.state is State.WAITING:
            _log.warning(f"nothing is known of {self.resource.plural}: {error}")
            self._settle(State.FORBIDDEN)
        await asyncio.sleep(GRACE if not self.is_settled else LOOK_AGAIN)


_REFUSALS = 5
"""With pauses between: some seconds."""


async def _end(task: "asyncio.Task[None] | asyncio.Task[bool]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
