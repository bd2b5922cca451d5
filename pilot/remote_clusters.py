"""Other clusters of the mesh: found by Secrets, each followed by a task of its own.

In: Secrets with the label `istio/multiCluster=true`, whose keys are cluster ids and whose values are kubeconfigs. Out:
which cluster is in what state; batches of each for the feed come from `remote_cluster.py`.
Source: Kubernetes controllers behaviour 7.1.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ca.errors import KubernetesError
from pilot.debug.remote_metrics import RemoteMetrics
from pilot.kube_client import KubeClient
from pilot.remote_cluster import Access, Lead, RemoteCluster, State, Surroundings, Takers
from pilot.settings import Settings
from pilot.sources.kubernetes.named import Names
from pilot.sources.kubernetes.reflector import Reflector

LABEL = "istio/multiCluster=true"
AGAIN = 10.0
"""Seconds after which Secrets that could not be read are read again; arbitrary."""
_log = logging.getLogger("multicluster")


def wanted_clusters(
    secrets: Mapping[str, Mapping[str, str]], own: str, holders: Mapping[str, str] | None = None
) -> tuple[dict[str, Access], tuple[str, ...]]:
    """Clusters by id, from the data of Secrets by name in order; and what is ignored, for the log.

    `holders`: Secrets by the clusters that they registered: they keep them as long as they name them.
    """
    found: dict[str, Access] = {}
    ignored: list[str] = []
    holding = {cluster: name for cluster, name in (holders or {}).items() if cluster in secrets.get(name, {})}
    for name in sorted(secrets):
        for cluster, encoded in secrets[name].items():
            holder = holding.get(cluster) or (found[cluster].secret if cluster in found else name)
            if cluster == own:
                ignored.append(f"{name}: {cluster} is our own cluster")
            elif holder != name:
                ignored.append(f"{name}: {cluster} is registered by {holder} already")
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
        takers: Takers,
        figures: RemoteMetrics,
    ) -> None:
        """`client`: of the cluster that has the Secrets."""
        self._client, self._settings, self._figures = client, settings, figures
        self._lead: asyncio.Future[Lead] = asyncio.get_running_loop().create_future()
        self._around = Surroundings(settings, takers, figures.timed_out, self._lead, figures.failed)
        self._changed = asyncio.Event()
        self._secrets: Names[Mapping[str, str]] = Names(_read_data, self._note)
        self._noted: dict[str, Mapping[str, str]] = {}
        self._told: frozenset[str] = frozenset()
        self._begun = asyncio.Event()
        self.remotes: dict[str, RemoteCluster] = {}
        """By id."""

    def rows(self) -> list[dict[str, str]]:
        """As `/debug/clusterz` tells of them, our own cluster first."""
        own = {"id": self._settings.features.cluster_id, "secretName": "", "syncStatus": State.SYNCED.value}
        found = (
            {"id": cluster, "secretName": each.access.secret, "syncStatus": each.state.value}
            for cluster, each in sorted(self.remotes.items())
        )
        return [own, *found]

    def lead_by(self, lead: Lead) -> None:
        """From now on there is something to write to each that is known."""
        self._lead.set_result(lead)

    async def settle(self) -> None:
        """Until each cluster known at the start was read, or took too long."""
        limit = self._around.wanted.remote_timeout.total_seconds() or None
        try:
            async with asyncio.timeout(limit):
                await self._begun.wait()
        except TimeoutError:
            _log.warning("Secrets of remote clusters cannot be read in time")
            return
        await asyncio.gather(*(each.settled.wait() for each in self.remotes.values()))

    async def serve(self) -> None:
        """Follows Secrets and clusters; ends only by cancellation."""
        namespace = self._around.wanted.secrets_namespace or self._settings.features.system_namespace
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
            await asyncio.gather(*(each.stop() for each in self.remotes.values()))
            self.remotes.clear()

    async def _follow(self, path: str, query: str) -> None:
        while True:
            try:
                await Reflector(self._client, path, self._secrets, query=query).serve()
            except KubernetesError as error:
                _log.warning(f"Secrets of remote clusters are not read: {error}")
                self._begun.set()
            await asyncio.sleep(AGAIN)

    def _note(self, name: str) -> None:
        """A Secret came, went or was changed; "": all there are were listed."""
        if name:
            before, now = self._noted.pop(name, None), self._secrets.known.get(name)
            if now is not None:
                self._noted[name] = now
            self._figures.saw_secret("delete" if now is None else "add" if before is None else "update")
        self._changed.set()

    async def _reconcile(self) -> None:
        holders = {cluster: each.access.secret for cluster, each in self.remotes.items()}
        found, ignored = wanted_clusters(self._secrets.known, self._settings.features.cluster_id, holders)
        for each in ignored:
            if each not in self._told:
                _log.warning(f"remote secret {each}: it is ignored")
        self._told = frozenset(ignored)
        for cluster in self.remotes.keys() - found.keys():
            await self.remotes.pop(cluster).stop()
            self._around.takers.forget(cluster)
            _log.info(f"cluster {cluster} is not followed any more")
        for cluster, access in found.items():
            before = self.remotes.get(cluster)
            if before is None:
                self._begin(RemoteCluster(cluster, access, self._around))
            elif before.access.digest != access.digest:
                former = before.standing()
                if former is not before:
                    await before.stop(but_former=True)
                self._begin(RemoteCluster(cluster, access, self._around, former))

    def _begin(self, remote: RemoteCluster) -> None:
        self.remotes[remote.name] = remote
        remote.begin()
        _log.info(f"cluster {remote.name} is followed: {remote.access.secret}")


def _read_data(item: Raw) -> tuple[str, Mapping[str, str]] | None:
    found: Any = msgspec.json.decode(item)
    metadata = found.get("metadata") or {}
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}", found.get("data") or {}
