"""From sources to pushes: batches become snapshots, and what changed becomes a push.

In: the configuration directory and the mesh files, or a cluster. Out: the current snapshot in `Mesh`, changes for the
debouncer, log lines for problems. The only writer of the snapshot.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from pilot import remote_cluster
from pilot.config_cluster import ConfigCluster
from pilot.debug.feed_metrics import FeedMetrics
from pilot.generators import isolation, problems
from pilot.mesh import Mesh
from pilot.model import mcs
from pilot.model.changes import NO_CHANGE, Change
from pilot.model.kubernetes import KubernetesService, Namespace, Node, Pod
from pilot.model.object_store import ObjectStore
from pilot.model.objects import Event
from pilot.model.problem import Problem, Severity
from pilot.remote_clusters import RemoteClusters
from pilot.secret_access import SecretAccess
from pilot.settings import Settings
from pilot.sources.events import Batch
from pilot.sources.files import watch_files
from pilot.sources.keys import KeyKeeper
from pilot.sources.mesh_file import MeshFiles, watch_mesh_files
from pilot.sources.names import NameKeeper
from pilot.type_urls import BY_KEY, ENDPOINT, EXTENSION_CONFIG, SECRET, TypeUrl
from pilot.xds import pushes
from pilot.xds.history import CAUSES

_log = logging.getLogger("file")
PAUSE = 1.0
"""Seconds between two looks for problems, so that a storm of changes is not also one of looking; arbitrary."""
PIECE = 200
"""Events that are taken in at once: some 10 ms in a mesh of 1,000 services. Arbitrary."""
REMOTE_PIECE = 500
"""The same for another cluster: each piece is a look at all services of the mesh. Arbitrary."""
LOOK_AGAIN = 60.0
"""Seconds after which problems are looked for although nothing has changed: a certificate may have expired."""


_NO_OBJECTS = ObjectStore()
_TURNS = (Namespace.KIND, Node.KIND, *sorted(mcs.KINDS), KubernetesService.KIND, Pod.KIND)


class Feed:
    """Keeps the mesh current."""

    def __init__(
        self,
        settings: Settings,
        mesh: Mesh,
        debounce: pushes.Debounce,
        keys: KeyKeeper,
        figures: FeedMetrics | None = None,
        names: NameKeeper | None = None,
    ) -> None:
        self._figures = figures
        self._settings = settings
        self._mesh = mesh
        self._debounce = debounce
        self._keys = keys
        self._names = names or NameKeeper()
        self._listed = asyncio.Event()
        self._changed = asyncio.Event()
        self._of_source: tuple[Problem, ...] = ()
        self._place = Batch(()).place
        self._doubts: Callable[[], tuple[Problem, ...]] = tuple
        """Why what the source said may be old."""
        self.refused: Callable[[], tuple[Problem, ...]] = tuple
        """What proxies did not take; may be set. Who refused it has been logged."""
        self.amend: Callable[[Event], Event] = lambda event: event
        """What is known beside what a file says; may be set."""
        self._seen: tuple[Problem, ...] = ()
        self._standing: tuple[Problem, ...] = ()
        self.is_serving = False

    def missing(self) -> Iterable[str]:
        """What `/ready` waits for."""
        return () if self.is_serving else ("discovery",)

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the configuration now: with where it is read, then with what it says together."""
        return (*self._of_source, *self._doubts(), *map(self._located, (*self._found(), *self.refused())))

    def standing(self) -> tuple[Problem, ...]:
        """What is wrong as of the last look, and what proxies do not take now; the same object while it is the same."""
        now = (*self._of_source, *self._seen, *self.refused())
        if now != self._standing:
            self._standing = now
        return self._standing

    def _found(self) -> tuple[Problem, ...]:
        found = (*problems.find(self._mesh.snapshot), *problems.of_time(self._mesh.snapshot, datetime.now(UTC)))
        return (*found, *isolation.failures())

    def _located(self, problem: Problem) -> Problem:
        """With the place of its object, where a file has it."""
        place = self._place(problem.key) if problem.key is not None and not problem.file else None
        return replace(problem, file=place[0], line=place[1]) if place is not None else problem

    async def listed(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Waits until everything that exists has been read. Raises: what ended one of the `tasks` before."""
        waiting = asyncio.create_task(self._listed.wait())
        done, _ = await asyncio.wait((waiting, *tasks), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done - {waiting}:
            task.result()

    async def serve_files(self) -> None:
        """Follows the configuration directory; ends only by cancellation. Raises: OSError where it cannot be read."""
        assert self._settings.config_dir is not None
        async for batch in watch_files(self._settings.config_dir):
            events = tuple(map(self.amend, batch.events))
            self._take(replace(batch, events=events), str(self._settings.config_dir))

    async def serve_cluster(self, cluster: ConfigCluster) -> None:
        """Follows the objects of a cluster; ends only by cancellation."""
        self._doubts = cluster.problems
        async for batch in cluster.source.watch():
            for part in [batch] if batch.listed else in_pieces(batch):
                self._take(part, "the API server")
                await asyncio.sleep(0)

    def register(self, events: Iterable[Event]) -> None:
        """Takes in objects that nobody declared: workloads that register themselves."""
        self._mesh.snapshot, change = self._mesh.snapshot.apply(events)
        self._push(change, *_reasons(change))

    async def take_remote(self, cluster: str, batch: Batch) -> None:
        """Takes in objects of another cluster of the mesh; what it had before and does not list any more goes.

        Piece by piece, so that a large cluster that comes holds nobody up; proxies are told when all is there.
        """
        events = sorted(batch.events, key=_in_turn) if batch.listed else list(batch.events)
        known = self._mesh.snapshot.remotes.get(cluster)
        if self._figures is not None:
            self._figures.took(batch.events, known.objects if known is not None else _NO_OBJECTS, from_cluster=True)
        if batch.listed and known is not None:
            listed = {each.key for each in events}
            read = (each for each in known.objects.all() if each.key.kind in remote_cluster.KINDS)
            events += (Event(each.key, None) for each in read if each.key not in listed)
        changed = NO_CHANGE
        for start in range(0, max(len(events), 1), REMOTE_PIECE):
            part = events[start : start + REMOTE_PIECE]
            self._mesh.snapshot, change = self._mesh.snapshot.apply_remote(cluster, part)
            changed = changed.and_then(change)
            await asyncio.sleep(0)
        self._push(changed, *_reasons(changed))

    def register_remote(self, cluster: str, events: Iterable[Event]) -> None:
        """Takes in what else is known of another cluster."""
        self._mesh.snapshot, change = self._mesh.snapshot.apply_remote(cluster, events)
        self._push(change, *_reasons(change))

    def trust_remote(self, cluster: str, domain: str) -> None:
        """Workloads of another cluster are in this trust domain; empty: in that of the mesh."""
        self._mesh.snapshot, change = self._mesh.snapshot.with_trust_domain(cluster, domain)
        self._push(change, "cluster")

    def forget_remote(self, cluster: str) -> None:
        """Another cluster is no part of the mesh any more."""
        self._mesh.snapshot, change = self._mesh.snapshot.without_remote(cluster)
        self._push(change, "cluster")

    def _take(self, batch: Batch, where: str) -> None:
        _report(batch.fresh)
        self._of_source, self._place = batch.problems, batch.place
        before, started = self._mesh.snapshot, time.perf_counter()
        self._mesh.snapshot, change = before.apply(batch.events)
        if self._figures is not None:
            self._figures.built(time.perf_counter() - started)
            self._figures.took(batch.events, before.objects, from_cluster=self._settings.kubernetes is not None)
        self._push(change, *_reasons(change))
        if batch.listed:
            _log.info("read %d objects from %s", len(batch.events), where)
            self._mesh.is_listed = True
            self._listed.set()
        self._want_keys()

    async def serve_mesh_files(self) -> None:
        """Follows MeshConfig and MeshNetworks; ends only by cancellation."""
        files = (str(self._settings.mesh_config), str(self._settings.networks_config))
        async for read in watch_mesh_files(*files):
            self._take_settings(read)
        await asyncio.Event().wait()

    async def serve_cluster_settings(self, cluster: ConfigCluster) -> None:
        """Follows MeshConfig and MeshNetworks of a cluster; ends only by cancellation."""
        async for read in cluster.watch_settings():
            self._take_settings(read)

    def _take_settings(self, read: MeshFiles) -> None:
        _report(read.problems)
        self._mesh.snapshot, change = self._mesh.snapshot.with_mesh(read.mesh, read.networks)
        self._want_keys()
        self._push(change, "global")

    async def serve_keys(self) -> None:
        """Keeps the public keys of issuers of tokens fresh; ends only by cancellation."""
        await self._keys.serve(self._take_keys)

    async def serve_names(self) -> None:
        """Keeps the addresses of gateways of networks fresh; ends only by cancellation."""
        await self._names.serve(self.register)

    async def serve_access(self, access: SecretAccess, remotes: RemoteClusters | None) -> None:
        """Keeps known who may list Secrets; ends only by cancellation. Other clusters are asked by their own tasks."""

        def is_known(cluster: str, identity: str) -> bool:
            remote = remotes.remotes.get(cluster) if remotes is not None else None
            asked = access if remote is None else remote.secret_access
            return asked is not None and asked.is_known(identity)

        self._mesh.may_list_is_known = is_known
        await access.serve(self._take_keys)

    def _take_keys(self, events: tuple[Event, ...]) -> None:
        self._mesh.snapshot, change = self._mesh.snapshot.apply(events)
        self._changed.set()  # that keys cannot be had is a problem, but changes nothing
        self._push(change, "config")

    def _want_keys(self) -> None:
        """Before everything is read nobody knows which keys may go."""
        if self._mesh.is_listed:
            snapshot = self._mesh.snapshot
            self._keys.want(snapshot.policies.wanted_keys(snapshot.features.remote_keys))

    async def serve_problems(self) -> None:
        """Logs what is wrong with the configuration as a whole, each problem once; ends only by cancellation.

        Beside the way from a change to the proxies, not on it: they get the rest of the configuration meanwhile.
        """
        known: frozenset[Problem] = frozenset()
        while True:
            # certificates expire without a change; `wait_for` would swallow a cancellation that comes with the change
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._changed.wait()
            self._changed.clear()
            self._seen = found = self._found()
            _report(self._located(each) for each in dict.fromkeys(found) if each not in known)
            known = frozenset(found)
            await asyncio.sleep(PAUSE)

    def _push(self, change: Change, *reasons: str) -> None:
        if change.full:
            self._names.want(self._mesh.snapshot.names_to_resolve)
        if change.full or change.credentials:
            self._changed.set()
        if change and self._mesh.is_listed:  # from then on a stream may have been answered, before `is_serving` too
            since = asyncio.get_running_loop().time()
            self._debounce.submit(pushes.Change(_types(change), reasons, since, _causes(change)))


def _in_turn(event: Event) -> int:
    """Services before what stands behind them: so each piece of endpoints costs what is in it."""
    kind = event.key.kind
    return _TURNS.index(kind) if kind in _TURNS else len(_TURNS)


def in_pieces(batch: Batch) -> Iterator[Batch]:
    """A burst of changes as batches that do not hold the event loop: objects of a cluster do not change together."""
    yield replace(batch, events=batch.events[:PIECE])
    for start in range(PIECE, len(batch.events), PIECE):
        yield replace(batch, events=batch.events[start : start + PIECE], fresh=())


_WORDS: Final = {
    "Service": "service",
    "ServiceEntry": "service",
    "ServiceImport": "service",
    "EndpointSlice": "endpoint",
    "WorkloadEntry": "endpoint",
    "Pod": "proxy",
    "Namespace": "namespace",
    "Secret": "secret",
    "ConfigMap": "secret",
}
"""istiod's words for changes of kinds; all others are `config`."""


def _reasons(change: Change) -> tuple[str, ...]:
    """istiod's words for the causes."""
    if change.full:
        return tuple(sorted({_WORDS.get(each.kind, "config") for each in change.updated})) or ("unknown",)
    found = {"endpoint": bool(change.hosts), "ambient": change.addresses, "secret": change.credentials}
    return tuple(word for word, holds in found.items() if holds)


def _causes(change: Change) -> tuple[str, ...]:
    """The objects behind it, as many as anybody reads."""
    return tuple(map(str, islice(change.updated, CAUSES)))


def _types(change: Change) -> frozenset[TypeUrl] | None:
    """What a change can have changed; None: anything."""
    if change.full:
        return None
    changed: frozenset[TypeUrl] = frozenset()
    if change.hosts:
        changed |= {ENDPOINT}
    if change.credentials:
        changed |= {SECRET, EXTENSION_CONFIG}  # images of plugins are fetched with credentials
    return changed | BY_KEY if change.addresses else changed


def _report(problems: Iterable[Problem]) -> None:
    """The user's configuration is to blame: a warning each."""
    for each in problems:
        _log.log(logging.ERROR if each.severity is Severity.ERROR else logging.WARNING, "%s", each)
