"""ServiceExports for all Services, where ENABLE_MCS_AUTO_EXPORT wants them: made where they are missing, never changed.

In: snapshots of one cluster. Out: a ServiceExport for each Service that is not for its own cluster only; the Service
owns it, so it goes with it. A cluster without that kind gets none. Source: Kubernetes controllers behaviour 7.4.
"""

import logging
from collections.abc import Callable

from ca.errors import KubernetesError
from pilot.generators.endpoints.cluster_local import is_cluster_local
from pilot.kube_client import KubeClient
from pilot.model.kubernetes import KubernetesService
from pilot.model.mcs import ServiceExport
from pilot.model.snapshot import Snapshot
from pilot.writers.following import changes
from pilot.writers.retry import CONFLICT, FORBIDDEN, NOT_FOUND, Retries

LOCK = "istio-serviceexport-controller-election"
API_VERSION = "multicluster.x-k8s.io/v1alpha1"
EXPORTS = "/apis/" + API_VERSION + "/namespaces/{}/serviceexports"
Place = tuple[str, str]
"""Namespace and name."""
_log = logging.getLogger("multicluster")


def select_missing(snapshot: Snapshot) -> frozenset[Place]:
    """Services without a ServiceExport that are to have one."""
    exports, settings = snapshot.objects.kinds.get(ServiceExport.KIND, {}), snapshot.settings
    return frozenset(
        (each.namespace, each.name)
        for each in snapshot.seen.of(KubernetesService)
        if each.name not in exports.get(each.namespace, ())
        and not is_cluster_local(settings.host_of(each.name, each.namespace), snapshot.mesh, snapshot.features)
    )


class ServiceExports:
    """Makes them. `serve` it while we lead."""

    def __init__(self, client: KubeClient, snapshot: Callable[[], Snapshot]) -> None:
        self._client, self._snapshot = client, snapshot

    async def serve(self) -> None:
        """Ends only by cancellation."""
        retries, asked = Retries[Place](self._make, _log), frozenset[Place]()
        async for _ in changes(self._snapshot, due=lambda: retries.is_due):
            missing = select_missing(self._snapshot())
            await retries.run(sorted(missing - asked))
            asked = missing

    async def _make(self, place: Place) -> None:
        """Raises: KubernetesError."""
        service = self._snapshot().objects.get(KubernetesService, *place)
        if service is None:
            return
        owner = {"apiVersion": "v1", "kind": "Service", "name": service.name, "uid": service.metadata.uid}
        made = {
            "apiVersion": API_VERSION,
            "kind": ServiceExport.KIND,
            "metadata": {"name": service.name, "ownerReferences": [owner]},
        }
        try:
            await self._client.call("POST", EXPORTS.format(service.namespace), made)
        except KubernetesError as error:
            # It is there, or there is no such kind, namespace or right here: nothing to be told of.
            if error.status not in (CONFLICT, FORBIDDEN, NOT_FOUND):
                raise
            _log.debug(f"{service.namespace}/{service.name}: {error}")
