"""The writers wired: which there are, each behind its own election where istiod has one.

In: the cluster, the mesh, settings, the roots in force. Out: coroutines for the composition root to run, each ends only
by cancellation, and gives up its lock then. Decides nothing itself.
Source: Kubernetes controllers behaviour 6.3 (locks), 6.5, 6.6.
"""

from collections.abc import Callable, Coroutine, Iterator

from prometheus_client import CollectorRegistry

from pilot.config_cluster import ConfigCluster
from pilot.mesh import Mesh
from pilot.model.problem import Problem
from pilot.model.revisions import DEFAULT
from pilot.model.snapshot import Snapshot
from pilot.settings import Kubernetes, Settings
from pilot.writers import addresses, gateway_deployments, node_taints, service_exports
from pilot.writers import roots as root_maps
from pilot.writers.addresses import AddressWriter
from pilot.writers.gateway_classes import GatewayClasses
from pilot.writers.gateway_deployments import GatewayDeployments
from pilot.writers.node_taints import NodeTaints
from pilot.writers.remote import RemoteWriters
from pilot.writers.roots import MapNames, RootMaps, Roots
from pilot.writers.service_exports import ServiceExports
from pilot.writers.statuses import GATEWAY_LOCK, INGRESS_LOCK, OTHERS_LOCK, Statuses, StatusWriter
from pilot.writers.webhook_metrics import WebhookMetrics
from pilot.writers.webhook_roots import MUTATING, VALIDATING, WebhookRoots
from webhook.injection.inject import Installation

Task = Coroutine[None, None, None]


def writers(
    cluster: ConfigCluster,
    mesh: Mesh,
    settings: Settings,
    roots: Callable[[], Roots | None],
    installation: Callable[[], Installation | None],
    problems: Callable[[], tuple[Problem, ...]],
    registry: CollectorRegistry,
) -> tuple[Task, ...]:
    """Everything that writes to the cluster, and to those that it leads. `roots`: nothing is handed out while there are
    none; `installation`: the injector's templates and values; `problems`: what is wrong with objects, the same object
    while it is the same.
    """
    wanted, latest, metrics = settings.kubernetes or Kubernetes(), Latest(roots), WebhookMetrics(registry)
    if cluster.remotes is not None and (wanted.is_external or wanted.exports_services):
        cluster.remotes.lead_by(RemoteWriters(lambda: mesh.snapshot, settings, latest, metrics).write)
    return (
        *_roots(cluster, mesh, settings, wanted, latest, metrics),
        *_statuses(cluster, mesh, settings, wanted, problems),
        *_deployments(cluster, mesh, wanted, installation),
        *_taints(cluster, mesh, wanted),
    )


def _deployments(
    cluster: ConfigCluster, mesh: Mesh, wanted: Kubernetes, installation: Callable[[], Installation | None]
) -> Iterator[Task]:
    if mesh.snapshot.features.gateway_api and wanted.deploys_gateways:
        deployments = GatewayDeployments(
            cluster.client, lambda: mesh.snapshot, installation, copies_metadata=wanted.copies_metadata
        )
        yield cluster.election(gateway_deployments.LOCK, goes_first(mesh)).lead(deployments.serve)


def _taints(cluster: ConfigCluster, mesh: Mesh, wanted: Kubernetes) -> Iterator[Task]:
    if wanted.untaints:
        taints = NodeTaints(cluster.client, wanted.cni_namespace or mesh.snapshot.features.system_namespace)
        yield cluster.election(node_taints.LOCK, goes_first(mesh)).lead(taints.serve)


def _statuses(
    cluster: ConfigCluster,
    mesh: Mesh,
    settings: Settings,
    wanted: Kubernetes,
    problems: Callable[[], tuple[Problem, ...]],
) -> Iterator[Task]:
    client, features = cluster.client, settings.features

    def snapshot() -> Snapshot:
        return mesh.snapshot

    found = Statuses(snapshot, problems)
    locks = (GATEWAY_LOCK,) if features.gateway_api and wanted.writes_status else ()
    for lock in (*locks, INGRESS_LOCK, OTHERS_LOCK):
        yield cluster.election(lock, goes_first(mesh)).lead(StatusWriter(client, found, lock).serve)
    if features.gateway_api and wanted.makes_classes:
        yield GatewayClasses(client, snapshot).serve()
    if wanted.exports_services:
        exports = ServiceExports(client, lambda: mesh.snapshot.alone or mesh.snapshot)
        yield cluster.election(service_exports.LOCK, goes_first(mesh)).lead(exports.serve)
    if features.ip_autoallocate:
        yield cluster.election(addresses.LOCK, goes_first(mesh)).lead(AddressWriter(client, snapshot).serve)


def goes_first(mesh: Mesh) -> Callable[[str], bool]:
    """Whether we may take a lock from a revision that holds it: where ours is the default one of the cluster."""
    own = mesh.snapshot.features.revision or DEFAULT

    def precedes(holder: str) -> bool:
        known = mesh.snapshot.settings.revisions
        return known is not None and known.default == own != holder

    return precedes


class Latest:
    """A value that is the same object as long as it is equal."""

    def __init__(self, current: Callable[[], Roots | None]) -> None:
        self._current, self._last = current, current()

    def __call__(self) -> Roots | None:
        """The value now."""
        now = self._current()
        if now != self._last:
            self._last = now
        return self._last


def _roots(
    cluster: ConfigCluster,
    mesh: Mesh,
    settings: Settings,
    wanted: Kubernetes,
    roots: Callable[[], Roots | None],
    metrics: WebhookMetrics,
) -> Iterator[Task]:
    names = MapNames(wanted.root_map, wanted.revocation_map)
    maps = RootMaps(cluster.client, lambda: mesh.snapshot, roots, names, wanted.only)
    yield cluster.election(root_maps.LOCK, goes_first(mesh)).lead(maps.serve)

    features = settings.features
    for kind, name in ((MUTATING, wanted.injection_webhook), (VALIDATING, wanted.validation_webhook)):
        if name:
            trusted = root_maps.trusted_of(roots)
            hooks = WebhookRoots(cluster.client, kind, features.revision, features.system_namespace, trusted, metrics)
            yield hooks.serve()
