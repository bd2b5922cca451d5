"""Other clusters of the mesh: found by Secrets, each followed by a task of its own.

In: Secrets with the label `istio/multiCluster=true`, whose keys are cluster ids and whose values are kubeconfigs. Out:
batches of each cluster for the feed, and which cluster is in what state. One that does not answer delays nobody: what
was known of it stays. A kubeconfig that is replaced takes effect when the new one has listed everything.
Source: Kubernetes controllers behaviour 7.1.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, connect_by
from pilot.model.kubernetes import EndpointSlice, KubernetesService, Namespace, Node, Pod
from pilot.model.workload_entry import WorkloadEntry
from pilot.remote_kubeconfig import KubeconfigError, parse_kubeconfig
from pilot.settings import Kubernetes, Settings
from pilot.sources.events import Batch
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector
from pilot.sources.kubernetes.resources import Wanted, select_resources
from pilot.sources.kubernetes.source import KubernetesSource, Scope

LABEL = "istio/multiCluster=true"
KINDS = frozenset(each.KIND for each in (Namespace, KubernetesService, EndpointSlice, Pod, Node, WorkloadEntry))
"""What is read of them: configuration is not."""
AGAIN = 10.0
"""Seconds after which a cluster whose following broke is followed again; arbitrary."""
_log = logging.getLogger("multicluster")


class State(Enum):
    """As istiod says it."""

    SYNCING = "syncing"
    SYNCED = "synced"
    TIMEOUT = "timeout"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Access:
    """How a cluster is reached. Prints no kubeconfig."""

    secret: str
    """Namespace and name of the Secret."""
    digest: str
    kubeconfig: str = field(repr=False)


@dataclass(slots=True)
class Remote:
    """One cluster that is followed."""

    access: Access
    state: State = State.SYNCING
    client: KubeClient | None = None
    task: "asyncio.Task[None] | None" = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing waits for it any more: everything is read, or it took too long, or it cannot be used."""


def wanted_clusters(secrets: Mapping[str, Mapping[str, str]], own: str) -> tuple[dict[str, Access], tuple[str, ...]]:
    """Clusters by id, from the data of Secrets by name in order; and what is ignored, for the log."""
    found: dict[str, Access] = {}
    ignored: list[str] = []
    for name in sorted(secrets):
        for cluster, encoded in secrets[name].items():
            if cluster == own:
                ignored.append(f"{name}: {cluster} is our own cluster")
            elif cluster in found:
                ignored.append(f"{name}: {cluster} is registered by {found[cluster].secret} already")
            else:
                try:
                    text = base64.b64decode(encoded, validate=True).decode()
                except (binascii.Error, UnicodeDecodeError):
                    ignored.append(f"{name}: {cluster}: expected a kubeconfig")
                    continue
                found[cluster] = Access(name, hashlib.sha256(text.encode()).hexdigest(), text)
    return found, tuple(ignored)


class RemoteClusters:
    """All of them. `serve` it; `settle` waits for those of the start."""

    def __init__(
        self,
        client: KubeClient,
        settings: Settings,
        take: Callable[[str, Batch], None],
        forget: Callable[[str], None],
    ) -> None:
        """`client`: of the cluster that has the Secrets. `take` is given batches by cluster id."""
        self._client, self._settings, self._take, self._forget = client, settings, take, forget
        self._wanted = settings.kubernetes or Kubernetes()
        self._changed = asyncio.Event()
        self._secrets: Names[Mapping[str, str]] = Names(_read_data, lambda _: self._changed.set())
        self._told: frozenset[str] = frozenset()
        self._begun = asyncio.Event()
        self.remotes: dict[str, Remote] = {}
        """By id."""

    def rows(self) -> list[dict[str, str]]:
        """As `/debug/clusterz` tells of them, our own cluster first."""
        own = {"id": self._settings.features.cluster_id, "secretName": "", "syncStatus": State.SYNCED.value}
        found = (
            {"id": cluster, "secretName": each.access.secret, "syncStatus": each.state.value}
            for cluster, each in sorted(self.remotes.items())
        )
        return [own, *found]

    async def settle(self) -> None:
        """Until each cluster known at the start was read, or took too long."""
        limit = self._wanted.remote_timeout.total_seconds() or None
        try:
            async with asyncio.timeout(limit):
                await self._begun.wait()
        except TimeoutError:
            _log.warning("Secrets of remote clusters cannot be read in time")
            return
        await asyncio.gather(*(each.settled.wait() for each in self.remotes.values()))

    async def serve(self) -> None:
        """Follows Secrets and clusters; ends only by cancellation."""
        namespace = self._wanted.secrets_namespace or self._settings.features.system_namespace
        path, query = f"/api/v1/namespaces/{namespace}/secrets", f"labelSelector={quote(LABEL)}"
        following = asyncio.create_task(self._follow(path, query))
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._secrets.is_listed:
                    await self._reconcile()
                    self._begun.set()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            for cluster in list(self.remotes):
                await self._stop(self.remotes.pop(cluster))

    async def _follow(self, path: str, query: str) -> None:
        while True:
            try:
                await Reflector(self._client, path, self._secrets, query=query).serve()
            except KubernetesError as error:
                _log.warning(f"Secrets of remote clusters are not read: {error}")
                self._begun.set()
            await asyncio.sleep(AGAIN)

    async def _reconcile(self) -> None:
        found, ignored = wanted_clusters(self._secrets.known, self._settings.features.cluster_id)
        for each in ignored:
            if each not in self._told:
                _log.warning(f"remote secret {each}: it is ignored")
        self._told = frozenset(ignored)
        for cluster in self.remotes.keys() - found.keys():
            await self._stop(self.remotes.pop(cluster))
            self._forget(cluster)
            _log.info(f"cluster {cluster} is not followed any more")
        for cluster, access in found.items():
            before = self.remotes.get(cluster)
            if before is not None and before.access.digest == access.digest:
                continue
            if before is not None:
                await self._stop(before)
            remote = self.remotes[cluster] = Remote(access)
            remote.task = asyncio.create_task(self._run(cluster, remote))
            _log.info(f"cluster {cluster} is followed: {access.secret}")

    async def _stop(self, remote: Remote) -> None:
        remote.state = State.CLOSED
        remote.settled.set()
        if remote.task is not None:
            remote.task.cancel()
            await asyncio.gather(remote.task, return_exceptions=True)

    async def _run(self, cluster: str, remote: Remote) -> None:
        """Follows one cluster, whatever happens; ends only by cancellation, or where its kubeconfig is refused."""
        limit = self._wanted.remote_timeout.total_seconds()
        late = asyncio.get_running_loop().call_later(limit, self._too_late, cluster, remote) if limit else None
        try:
            kubeconfig = parse_kubeconfig(remote.access.kubeconfig, self._wanted.insecure_kubeconfigs)
            remote.client = await connect_by(kubeconfig)
            while True:
                try:
                    await self._read(cluster, remote, remote.client)
                except Exception:
                    _log.exception(f"cluster {cluster}: following it failed; it is begun again")
                await asyncio.sleep(AGAIN)
        except (KubeconfigError, KubernetesError) as error:
            _log.error(f"cluster {cluster}: {remote.access.secret}: {error}")
            remote.state = State.CLOSED
        finally:
            if late is not None:
                late.cancel()
            remote.settled.set()
            if remote.client is not None:
                await remote.client.close()

    async def _read(self, cluster: str, remote: Remote, client: KubeClient) -> None:
        features = self._settings.features
        scope = Scope(features.system_namespace, features.revision, self._wanted.only, self._wanted.members)
        source = KubernetesSource(client, select_resources(features, Wanted(kinds=KINDS)), scope)
        async with aclosing(source.watch()) as batches:
            async for batch in batches:
                self._take(cluster, batch)
                if remote.state is not State.SYNCED:
                    remote.state = State.SYNCED
                    remote.settled.set()
                    _log.info(f"cluster {cluster}: everything is read, {len(batch.events)} objects")

    def _too_late(self, cluster: str, remote: Remote) -> None:
        if remote.state is State.SYNCING:
            remote.state = State.TIMEOUT
            _log.warning(f"cluster {cluster} does not answer: nothing waits for it")
        remote.settled.set()


def _read_data(item: Raw) -> tuple[str, Mapping[str, str]] | None:
    found: Any = msgspec.json.decode(item)
    metadata = found.get("metadata") or {}
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}", found.get("data") or {}
