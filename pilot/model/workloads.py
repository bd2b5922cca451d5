"""Workloads: what services select and proxies run beside, whether a Pod or a WorkloadEntry declared them.

In: Pods, WorkloadEntries, Nodes. Out: one `WorkloadInstance` for each, which stays the same object while it says the
same; `workload_index.py` finds them. Knows no services.
Source: xDS behaviour 2.4, 2.5, 2.9.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pilot.model import locality
from pilot.model.kubernetes import Container, Pod
from pilot.model.mesh_settings import MeshSettings, is_ip
from pilot.model.workload_entry import WorkloadEntry, WorkloadEntrySpec

TLS_MODE = "security.istio.io/tlsMode"
CAPTURED = "ambient.istio.io/redirection"
"""Annotation of a workload whose traffic a ztunnel takes."""
TEST_VM = "istio.io/test-vm"
_POD_HASH = "pod-template-hash"
_ROLLOUT_HASH = "rollouts-pod-template-hash"
_DEPLOYMENT_CONFIG = "deploymentconfig"
_WORKLOAD_NAME = "service.istio.io/workload-name"
_AUTO_GROUP = "istio.io/autoRegistrationGroup"
_HEALTH_CHECKED = "proxy.istio.io/health-checks-enabled"
_CRON_SUFFIX = re.compile(r"-\d{8,10}$")


WorkloadKey = tuple[str, str, str]
"""Kind of object, namespace, name."""


class WorkloadKind(Enum):
    """What declared a workload; the values are kinds of objects."""

    POD = "Pod"
    ENTRY = "WorkloadEntry"


@dataclass(frozen=True, slots=True)
class WorkloadInstance:
    """One workload. Two that say the same are equal."""

    kind: WorkloadKind
    namespace: str
    name: str
    addresses: tuple[str, ...]
    """Empty while it has none; a DNS name for some entries."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its own, as selectors see them."""
    endpoint_labels: Mapping[str, str] = field(default_factory=dict)
    """With topology labels added, as endpoints carry them."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """By name of the container port (Pod) or of the service port (WorkloadEntry)."""
    workload: str = ""
    """The controller that owns it, else its own name."""
    account: str = ""
    """Name of its service account."""
    spiffe_id: str = ""
    locality: str = ""
    network: str = ""
    weight: int = 0
    tls_mode: str = ""
    node: str = ""
    hostname: str = ""
    subdomain: str = ""
    host_network: bool = False
    hbone: bool = False
    """Its node's ztunnel takes HBONE for it."""
    ready: bool = True
    terminating: bool = False

    @property
    def key(self) -> "WorkloadKey":
        """Which one it is."""
        return self.kind.value, self.namespace, self.name

    @property
    def address(self) -> str:
        """The primary address, or empty."""
        return self.addresses[0] if self.addresses else ""

    @property
    def is_pod(self) -> bool:
        """Declared by a Pod."""
        return self.kind is WorkloadKind.POD

    @property
    def has_ip(self) -> bool:
        """Whether it is reached at an IP address, so that who does not resolve names can use it."""
        return bool(self.addresses) and is_ip(self.addresses[0])


def instance_of_pod(pod: Pod, node_locality: str, settings: MeshSettings) -> WorkloadInstance | None:
    """The workload of a Pod; None for one that has ended."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return None
    labels, addresses = pod.metadata.labels, pod.addresses
    where = locality.locality_of_label(labels) or node_locality
    network = settings.network_of(addresses, labels.get(locality.NETWORK, ""))
    node = pod.spec.node_name
    return WorkloadInstance(
        kind=WorkloadKind.POD,
        namespace=pod.namespace,
        name=pod.name,
        addresses=addresses,
        labels=labels,
        endpoint_labels=locality.add_topology(
            labels, locality=where, cluster_id=settings.cluster_id, network=network, node=node
        ),
        ports=_container_ports(pod),
        workload=workload_name(pod),
        account=pod.spec.service_account_name,
        spiffe_id=settings.spiffe_id(pod.namespace, pod.spec.service_account_name),
        locality=where,
        network=network,
        tls_mode=labels.get(TLS_MODE, "disabled"),
        node=node,
        hostname=pod.spec.hostname or (pod.name if pod.spec.subdomain else ""),
        subdomain=pod.spec.subdomain,
        host_network=pod.spec.host_network,
        hbone=_is_captured(pod.metadata.annotations, settings),
        ready=pod.status.phase != "Pending" if pod.ready is None else pod.ready,
        terminating=bool(pod.metadata.deletion_timestamp),
    )


def instance_of_entry(entry: WorkloadEntry, settings: MeshSettings) -> WorkloadInstance | None:
    """The workload of a WorkloadEntry; None for one that is watched and not healthy."""
    annotations = entry.metadata.annotations
    if annotations.get(_HEALTH_CHECKED) == "true" and not _is_healthy(entry):
        return None
    labels = {**entry.spec.labels, **entry.metadata.labels}
    where = entry.spec.locality or locality.locality_of_label(labels)
    return WorkloadInstance(
        kind=WorkloadKind.ENTRY,
        namespace=entry.namespace,
        name=entry.name,
        addresses=(entry.spec.address,) if entry.spec.address else (),
        labels=labels,
        endpoint_labels=labels_of_entry(labels, where, entry.spec.network, settings),
        ports=entry.spec.ports,
        workload=annotations.get(_AUTO_GROUP) or labels.get(_WORKLOAD_NAME) or entry.name,
        account=entry.spec.service_account,
        spiffe_id=settings.spiffe_id(entry.namespace, entry.spec.service_account),
        locality=where,
        network=entry.spec.network,
        weight=entry.spec.weight,
        hbone=_is_captured(annotations, settings),
        tls_mode=tls_mode_of_entry(labels, entry.spec),
    )


def labels_of_entry(labels: Mapping[str, str], where: str, network: str, settings: MeshSettings) -> Mapping[str, str]:
    """Labels of an endpoint outside Kubernetes; the cluster's network counts where it names none."""
    default = network or settings.network_of((), "")
    return locality.add_topology(labels, locality=where, cluster_id=settings.cluster_id, network=default, node="")


def tls_mode_of_entry(labels: Mapping[str, str], spec: WorkloadEntrySpec) -> str:
    """`istio` or `disabled`: its label, else whether it has an identity."""
    return labels.get(TLS_MODE) or ("istio" if spec.service_account else "disabled")


def workload_name(pod: Pod) -> str:
    """The Deployment, CronJob or other controller that made a pod; the pod's own name where none did.

    A pod whose name was not made belongs to itself, whoever owns it.
    """
    owner = next((each for each in pod.metadata.owner_references if each.controller), None)
    if owner is None or not pod.metadata.generate_name:
        return pod.name
    labels = pod.metadata.labels
    match owner.kind:
        case "ReplicaSet":
            hashes = filter(None, (labels.get(_ROLLOUT_HASH), labels.get(_POD_HASH)))
            return next(
                (owner.name[: -len(each) - 1] for each in hashes if owner.name.endswith(f"-{each}")), owner.name
            )
        case "ReplicationController":
            return labels.get(_DEPLOYMENT_CONFIG) or owner.name
        case "Job":
            return _CRON_SUFFIX.sub("", owner.name)
    return owner.name


def _is_captured(annotations: Mapping[str, str], settings: MeshSettings) -> bool:
    return settings.features.ambient and annotations.get(CAPTURED) == "enabled"


def _is_healthy(entry: WorkloadEntry) -> bool:
    return any(each.type == "Healthy" and each.status == "True" for each in entry.status.conditions)


def _container_ports(pod: Pod) -> Mapping[str, int]:
    ports: dict[str, int] = {}
    for container in _serving_containers(pod):
        for port in container.ports:
            if port.name:
                ports.setdefault(port.name, port.container_port)
    return ports


def _serving_containers(pod: Pod) -> tuple[Container, ...]:
    """Containers that run as long as the pod: the ordinary ones and native sidecars."""
    return pod.spec.containers + tuple(each for each in pod.spec.init_containers if each.restart_policy == "Always")
