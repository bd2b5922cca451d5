"""The cluster that configuration is read from, as the program uses it: connection, source, mesh settings, what is
remembered of it.

In: settings. Out: a `ConfigCluster`; the feed takes its batches, writers use its `client`. What is known is written to
the state directory from time to time, if that is wanted, and is what a start without API server begins with.
Source: Kubernetes controllers behaviour 6.1, 11.1; operations 9.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from ca.errors import StateError
from ca.kubernetes_root import PLUGGED_IN_SECRET, SECRET
from ca.state_directory import StateDirectory
from pilot.cluster_keys import DISCOVERY, KEYS
from pilot.kube_client import KubeClient, RequestBudget, connect
from pilot.lease import Election, lock_named
from pilot.mesh import Mesh
from pilot.model.objects import Event
from pilot.model.problem import Problem, Severity
from pilot.model.snapshot import Snapshot
from pilot.read_memory import ReadMemory
from pilot.remote_clusters import RemoteClusters
from pilot.settings import Kubernetes, Settings
from pilot.sources.kubernetes import warm
from pilot.sources.kubernetes.injector import InjectorTexts, suffixed, watch_injector
from pilot.sources.kubernetes.mesh_config import MeshSources, watch_mesh_settings
from pilot.sources.kubernetes.resources import Wanted, select_resources
from pilot.sources.kubernetes.source import KubernetesSource, Scope
from pilot.sources.mesh_file import MeshFiles

WARM_FILE = "cluster.jsonl"
SAVE_EVERY = 30.0
"""Seconds between two writes of the file, at least; arbitrary."""
UNREACHABLE_AFTER = 5.0
"""Seconds without an answer at the start, after which remembered mesh settings are used."""

_log = logging.getLogger("kube")


class ConfigCluster:
    """One cluster. Made by `opened`."""

    def __init__(self, client: KubeClient, settings: Settings, wanted: Kubernetes) -> None:
        self.client = client
        self.remotes: RemoteClusters | None = None
        """Other clusters of the mesh; set by who takes what is read of them."""
        self._settings, self._wanted = settings, wanted
        self._state = StateDirectory(settings.state_dir) if wanted.remembers else None
        self._first: asyncio.Future[MeshFiles] | None = None
        self._remembered: warm.Remembered | None = None
        self._saved: tuple[object, object] = (None, None)
        features = settings.features
        self._mesh = watch_mesh_settings(
            client,
            MeshSources(
                features.system_namespace,
                suffixed("istio", features.revision),
                wanted.shared_mesh_config,
                str(settings.mesh_config),
                str(settings.networks_config),
            ),
        )
        self.source = KubernetesSource(
            client,
            select_resources(features, Wanted(wanted.ignored, wanted.included)),
            Scope(features.system_namespace, features.revision, wanted.only, wanted.members),
            self._remembered_events if wanted.remembers else None,
        )

    async def first_settings(self) -> MeshFiles:
        """The mesh's settings at the start: those of the cluster, or remembered ones where it does not answer."""
        first = self._first = asyncio.ensure_future(anext(self._mesh))
        done, _ = await asyncio.wait((first,), timeout=UNREACHABLE_AFTER if self._state is not None else None)
        if not done:
            remembered = await self._load()
            if remembered is not None:
                _log.warning("the API server does not answer: the mesh's settings are as they were known before")
                self.source.patience = 0.0  # it had its time
                return remembered.mesh
        return await first

    async def watch_settings(self) -> AsyncGenerator[MeshFiles, None]:
        """The mesh's settings from then on, each time that they change; ends only by cancellation."""
        if self._first is not None:
            yield await self._first
        async for read in self._mesh:
            yield read

    def watch_injector(self) -> AsyncGenerator[InjectorTexts | None, None]:
        """The injector's configuration, for the webhook."""
        features = self._settings.features
        return watch_injector(self.client, features.system_namespace, features.revision)

    def election(self, name: str, precedes: Callable[[str], bool] | None = None) -> Election:
        """The election of one of istiod's locks, by the name in the written behaviour (without revision).

        `precedes`: whether we may take it from a living holder of another revision.
        """
        features = self._settings.features
        lock = lock_named(name, features.system_namespace, self._wanted.pod_name, features.revision)
        return Election(self.client, lock, precedes=precedes, enabled=self._wanted.elects)

    def problems(self) -> tuple[Problem, ...]:
        """Why what is served may be old."""
        return tuple(Problem(f"not up to date: {each}", severity=Severity.WARNING) for each in self.source.faults)

    # --- what is remembered -----------------------------------------------------------------------------------------

    async def _load(self) -> warm.Remembered | None:
        if self._remembered is None and self._state is not None:
            try:
                content = await asyncio.to_thread(self._state.read_private, WARM_FILE)
            except StateError as error:
                _log.warning(f"nothing is remembered of the cluster: {error}")
                return None
            self._remembered = await asyncio.to_thread(warm.decode, content) if content is not None else None
        return self._remembered

    async def _remembered_events(self) -> tuple[Event, ...]:
        remembered = await self._load()
        self._remembered = None  # once is enough
        return remembered.events if remembered is not None else ()

    async def serve_memory(self, mesh: Mesh) -> None:
        """Writes what is known to the state directory from time to time; ends only by cancellation."""
        while True:
            await asyncio.sleep(SAVE_EVERY)
            await self.save(mesh)

    async def save(self, mesh: Mesh) -> None:
        """Writes what is known, if it is something else than what was written last."""
        snapshot = mesh.snapshot
        if self._state is None or not mesh.is_listed or self._is_saved(snapshot):
            return

        def write(state: StateDirectory) -> None:
            state.write(WARM_FILE, warm.encode(snapshot.objects.all(), snapshot.mesh, snapshot.networks))

        try:
            await asyncio.to_thread(write, self._state)
        except StateError as error:
            _log.warning(f"what is known of the cluster is not kept: {error}")
            self._state = None  # once is enough: such a directory does not get better
            return
        self._saved = (snapshot.objects, snapshot.settings)

    def _is_saved(self, snapshot: Snapshot) -> bool:
        return self._saved[0] is snapshot.objects and self._saved[1] is snapshot.settings

    async def close(self) -> None:
        """Ends everything that it began."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._mesh.aclose()
        await self.client.close()


@contextlib.asynccontextmanager
async def opened(settings: Settings, wanted: Kubernetes) -> AsyncIterator[ConfigCluster]:
    """A connection that ends with the context. Raises: KubernetesError where there are no credentials."""
    budget = RequestBudget(wanted.requests_per_second, wanted.burst)
    secrets = f"/api/v1/namespaces/{settings.features.system_namespace}/secrets"
    kept = (DISCOVERY, KEYS, f"{secrets}/{SECRET}", f"{secrets}/{PLUGGED_IN_SECRET}")
    memory = ReadMemory(StateDirectory(settings.state_dir / "cluster"), kept) if wanted.remembers else None
    cluster = ConfigCluster(await connect(wanted.kubeconfig, budget=budget, memory=memory), settings, wanted)
    try:
        yield cluster
    finally:
        await cluster.close()
