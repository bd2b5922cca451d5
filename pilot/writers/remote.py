"""What we write to other clusters: roots in their namespaces and webhooks, if we are external; ServiceExports.

In: what is known of a cluster, its connection. Out: the writers of our own cluster, run there. Roots are written while
that cluster says that we lead it: an annotation of its system namespace names our cluster, or `*`. A control plane in
that cluster comes before us. Source: Kubernetes controllers behaviour 7.4, 11.3; webhook behaviour 2.13.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator

from pilot.kube_client import KubeClient
from pilot.lease import Election, lock_named
from pilot.model.kubernetes import Namespace
from pilot.model.snapshot import Snapshot
from pilot.settings import Kubernetes, Settings
from pilot.writers import roots as root_maps
from pilot.writers import service_exports
from pilot.writers.following import changes
from pilot.writers.roots import MapNames, RootMaps, Roots
from pilot.writers.service_exports import ServiceExports
from pilot.writers.webhook_metrics import WebhookMetrics
from pilot.writers.webhook_roots import MUTATING, WebhookRoots

LEADERS = "topology.istio.io/controlPlaneClusters"
_NOTHING = Snapshot()
_log = logging.getLogger("multicluster")


def is_led_by(cluster: str, snapshot: Snapshot) -> bool:
    """Whether the control plane of `cluster` is to write to the cluster of the snapshot."""
    system = snapshot.objects.get(Namespace, "", snapshot.features.system_namespace)
    if system is None:
        return False
    named = {each.strip() for each in system.metadata.annotations.get(LEADERS, "").split(",")}
    return bool(named & {cluster, "*"})


class RemoteWriters:
    """Of all other clusters."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        settings: Settings,
        roots: Callable[[], Roots | None],
        metrics: WebhookMetrics,
    ) -> None:
        """`snapshot`: of the whole mesh; `roots`: the same object until they change."""
        self._snapshot, self._settings, self._roots, self._metrics = snapshot, settings, roots, metrics

    async def write(self, cluster: str, client: KubeClient) -> None:
        """Writes to one of them, what it is for us to write; ends only by cancellation."""
        wanted = self._settings.kubernetes or Kubernetes()
        tasks = list[asyncio.Task[None]]()
        if wanted.is_external:
            tasks.append(asyncio.create_task(self.lead(cluster, client)))
        if wanted.exports_services:
            exports = ServiceExports(client, self._seen(cluster))
            tasks.append(asyncio.create_task(self._election(client, service_exports.LOCK).lead(exports.serve)))
        try:
            await asyncio.gather(*tasks)
            await asyncio.Event().wait()
        finally:
            await _end(tasks)

    async def lead(self, cluster: str, client: KubeClient) -> None:
        """Writes to one of them while we lead it; ends only by cancellation."""
        own, tasks, seen = self._settings.features.cluster_id, list[asyncio.Task[None]](), self._seen(cluster)
        try:
            async for _ in changes(lambda: is_led_by(own, seen())):
                await _end(tasks)
                if is_led_by(own, seen()):
                    _log.info(f"cluster {cluster}: its roots and webhooks are ours to keep")
                    tasks = [asyncio.create_task(each) for each in self._writers(client, seen)]
        finally:
            await _end(tasks)

    def _writers(self, client: KubeClient, seen: Callable[[], Snapshot]) -> Iterator[Coroutine[None, None, None]]:
        wanted, features = self._settings.kubernetes or Kubernetes(), self._settings.features
        names = MapNames(wanted.root_map, wanted.revocation_map)
        maps = RootMaps(client, seen, self._roots, names, wanted.only)
        yield self._election(client, root_maps.LOCK).lead(maps.serve)
        if wanted.injection_webhook:
            trusted = root_maps.trusted_of(self._roots)
            namespace = features.system_namespace
            yield WebhookRoots(client, MUTATING, features.revision, namespace, trusted, self._metrics).serve()

    def _seen(self, cluster: str) -> Callable[[], Snapshot]:
        """What is known of a cluster now: nothing, once it is forgotten."""
        return lambda: self._snapshot().remotes.get(cluster, _NOTHING)

    def _election(self, client: KubeClient, name: str) -> Election:
        wanted, features = self._settings.kubernetes or Kubernetes(), self._settings.features
        lock = lock_named(name, features.system_namespace, wanted.pod_name, features.revision, from_afar=True)
        return Election(client, lock, enabled=wanted.elects)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
