"""Figures of the mesh and of the process under istiod's names.

In: the snapshot, clusters. Out: metric families; they are made when somebody asks, so that nothing is slower
meanwhile. What streams and the CA count is in `xds/metrics.py` and `ca/metrics.py`. Source: operations 8.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pilot.generators import conflicts, credential_problems
from pilot.memo import memoized
from pilot.mesh import Mesh
from pilot.model.endpoint_index import EndpointIndex
from pilot.model.problem import Problem
from pilot.model.service import PortProtocol, Resolution
from pilot.model.sidecar import Sidecar
from pilot.model.snapshot import Snapshot
from pilot.version import FULL_VERSION, ISTIO_VERSION

_STATES: Final = ("synced", "syncing", "timeout", "closed")


class Cluster(Protocol):
    """A cluster that is read."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> str: ...

    @property
    def state(self) -> str: ...


class MeshMetrics(Collector):
    """Looks when it is asked. Registers itself, and the process's own figures."""

    def __init__(
        self,
        registry: CollectorRegistry,
        mesh: Mesh,
        clusters: Callable[[], Iterable[Cluster]],
        registrations: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._registrations = registrations
        self._unusable: set[Problem] = set()
        """Credentials that were found to be, so far."""
        self._mesh, self._clusters = mesh, clusters
        self._started = time.monotonic()
        ProcessCollector(registry=registry)
        registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing: registering must not look at the mesh."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything now."""
        snapshot = self._mesh.snapshot
        yield _gauge("istiod_uptime_seconds", "Seconds since the start.", time.monotonic() - self._started)
        yield _info("pilot_info", "Version of the control plane.", {"version": FULL_VERSION})
        yield _info("istio_build", "Istio release that is stood in for.", {"component": "pilot", "tag": ISTIO_VERSION})
        yield _gauge("pilot_services", "Services.", len(snapshot.services))
        yield _gauge("pilot_virt_services", "VirtualServices.", len(snapshot.virtual_services))
        for name, (text, count) in _PROBLEMS.items():
            yield _gauge(name, text, count(snapshot))
        yield _rejected(snapshot)
        yield self._credentials(snapshot)
        for what, times in sorted(self._registrations().items()):
            yield _counter(f"auto_registration_{what}_total", "Workloads that register themselves.", times)
        yield from self._of_clusters()

    def _credentials(self, snapshot: Snapshot) -> Metric:
        self._unusable.update(credential_problems.find(snapshot.gateways, snapshot.credentials, snapshot.workloads))
        return _counter("pilot_sds_certificate_errors_total", "Credentials of no use.", len(self._unusable))

    def _of_clusters(self) -> Iterator[Metric]:
        known = list(self._clusters())
        kinds = Counter("remote" if each.secret else "local" for each in known)
        managed = GaugeMetricFamily("istiod_managed_clusters", "Clusters that are read.", labels=("cluster_type",))
        for kind in ("local", "remote"):
            managed.add_metric((kind,), kinds[kind])
        yield managed
        if self._mesh.snapshot.features.ambient:
            yield _relabelled(managed, "ambient_istiod_managed_clusters", "ambient_cluster_type")
        remote = [each for each in known if each.secret]
        if remote:
            labels = ("cluster", "cluster_type", "status")
            states = GaugeMetricFamily("istiod_remote_cluster_sync_status", "State of each.", labels=labels)
            for each in remote:
                for state in _STATES:
                    states.add_metric((each.id, "remote", state), float(each.state == state))
            yield states


def _rejected(snapshot: Snapshot) -> Metric:
    """Gateways with servers that are not served."""
    family = Metric("pilot_total_rejected_configs", "Configurations that were ignored.", "counter")
    found = conflicts.of_gateways(snapshot.gateways, snapshot.features)
    for key, count in sorted(Counter(str(each.key) for each in found).items()):
        family.add_sample(family.name, {"type": "gateway", "name": key.partition(" ")[2]}, count)
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    family = Metric(name, text, "counter")
    family.add_sample(name, {}, value)
    return family


def _info(name: str, text: str, labels: dict[str, str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), 1)
    return family


def _relabelled(family: Metric, name: str, label: str) -> Metric:
    """The same figures under another name, for who asks for them so."""
    made = Metric(name, family.documentation, family.type)
    for each in family.samples:
        (value,) = each.labels.values()
        made.add_sample(name, {label: value}, each.value)
    return made


Count = Callable[[Snapshot], float]


def _without_endpoints(*resolutions: Resolution) -> Count:
    """Ports of services that are found this way and have nobody behind them."""

    def count(snapshot: Snapshot) -> float:
        return sum(
            sum(1 for port in each.ports if port.protocol is not PortProtocol.UDP)
            for each in snapshot.services
            if each.resolution in resolutions and (each.hostname, each.namespace) not in snapshot.endpoints
        )

    return count


def _inbound(snapshot: Snapshot) -> float:
    found = (problem for each in snapshot.seen.of(Sidecar) for problem in conflicts.of_sidecar(each))
    return sum(1 for each in found if each.field.startswith("spec.ingress"))


def _subsets(snapshot: Snapshot) -> float:
    return sum(1 for place in snapshot.rules.problems.values() for each in place if each.field == "spec.subsets")


def _duplicates(snapshot: Snapshot) -> float:
    return sum(len(found) - 1 for found in snapshot.service_index.by_key.values())


def _without_pods(snapshot: Snapshot) -> float:
    return _podless(snapshot.endpoint_index)


@memoized(size=1)
def _podless(index: EndpointIndex) -> float:
    parts = (part for by_key in index.parts.values() for key, part in by_key.items() if key[0] == "Kubernetes")
    return sum(1 for part in parts for each in part if not each.workload)


_PROBLEMS: Final[dict[str, tuple[str, Count]]] = {
    "pilot_conflict_inbound_listener": ("Ports that two inbound listeners want.", _inbound),
    "pilot_conflict_outbound_listener_tcp_over_current_tcp": (
        "Ports for plain bytes of two services at one address.",
        lambda snapshot: len(conflicts.of_services(snapshot.services, snapshot.mesh)),
    ),
    "pilot_duplicate_envoy_clusters": ("Services of which an earlier one has the name.", _duplicates),
    "pilot_dns_cluster_without_endpoints": (
        "Ports of services found by DNS without a name to look up.",
        _without_endpoints(Resolution.DNS, Resolution.DNS_ROUND_ROBIN),
    ),
    "pilot_eds_no_instances": (
        "Ports of services without endpoints.",
        _without_endpoints(Resolution.CLIENT_SIDE),
    ),
    "pilot_vservice_dup_domain": (
        "Hosts that two VirtualServices claim.",
        lambda snapshot: len(conflicts.of_virtual_services(snapshot.virtual_services)),
    ),
    "pilot_destrule_subsets": ("Subsets that are declared twice for a host.", _subsets),
    "endpoint_no_pod": ("Endpoints of Kubernetes services without a pod.", _without_pods),
    "pilot_k8s_endpoints_pending_pod": ("Endpoints that wait for their pod.", _without_pods),
    "pilot_no_ip": ("Pods without an address: not counted any more.", lambda _: 0),
}
