"""The core Kubernetes kinds as far as a mesh model needs them. Pure data.

Fields that are not here are ignored where they occur. Lists that Kubernetes may leave out are empty tuples.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import field

from pilot.model.objects import Fragment, Object


class ObjectReference(Fragment, frozen=True):
    """Points to an object, e.g. the Pod behind an endpoint."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Namespace(Object, frozen=True):
    """core Namespace: its labels are in the metadata."""

    KIND: ClassVar[str] = "Namespace"


class NodeAddress(Fragment, frozen=True):
    """`type` is InternalIP, ExternalIP, Hostname ..."""

    type: str = ""
    address: str = ""


class NodeSystem(Fragment, frozen=True):
    """`NodeSystemInfo`: what runs on a node."""

    kubelet_version: str = ""


class NodeStatus(Fragment, frozen=True):
    """Where a node is reached, and what runs there."""

    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystem = NodeSystem()


class Node(Object, frozen=True):
    """core Node: topology labels and addresses."""

    KIND: ClassVar[str] = "Node"

    status: NodeStatus = NodeStatus()


class ServiceAccount(Object, frozen=True):
    """core ServiceAccount: that it exists."""

    KIND: ClassVar[str] = "ServiceAccount"


class KubernetesServicePort(Fragment, frozen=True):
    """A port of a Service; `target_port` is a number, a container port's name, or None for the same number."""

    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int = 0
    app_protocol: str = ""


class KubernetesServiceSpec(Fragment, frozen=True):
    """`spec` of a Service."""

    type: str = "ClusterIP"
    ports: tuple[KubernetesServicePort, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    cluster_ip: str = field(default="", name="clusterIP")
    """An address, `None` for headless, or empty."""
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    ip_families: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = ""
    traffic_distribution: str = ""
    session_affinity: str = ""


class LoadBalancerIngress(Fragment, frozen=True):
    """An address that a load balancer got."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Fragment, frozen=True):
    """Addresses of the load balancer."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class KubernetesServiceStatus(Fragment, frozen=True):
    """`status` of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class KubernetesService(Object, frozen=True):
    """core Service."""

    KIND: ClassVar[str] = "Service"

    spec: KubernetesServiceSpec = KubernetesServiceSpec()
    status: KubernetesServiceStatus = KubernetesServiceStatus()


class EndpointConditions(Fragment, frozen=True):
    """None means unknown, which counts as ready and serving."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Fragment, frozen=True):
    """One endpoint of a slice; the addresses belong to one backend."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str = ""
    target_ref: ObjectReference | None = None
    node_name: str = ""
    zone: str = ""


class SlicePort(Fragment, frozen=True):
    """A port of every endpoint of the slice; None: unrestricted."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str = ""


class EndpointSlice(Object, frozen=True):
    """discovery.k8s.io EndpointSlice; `address_type` is IPv4, IPv6 or FQDN."""

    KIND: ClassVar[str] = "EndpointSlice"

    address_type: str = "IPv4"
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()

    @property
    def service_name(self) -> str:
        """Name of the Service it belongs to, or empty."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")


class EndpointAddress(Fragment, frozen=True):
    """An address of an Endpoints subset."""

    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointPort(Fragment, frozen=True):
    """A port of an Endpoints subset."""

    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    app_protocol: str = ""


class EndpointSubset(Fragment, frozen=True):
    """Every address has every port."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Object, frozen=True):
    """core Endpoints: the old form of slices, named as its Service."""

    KIND: ClassVar[str] = "Endpoints"

    subsets: tuple[EndpointSubset, ...] = ()


class ContainerPort(Fragment, frozen=True):
    """A named port of a container."""

    container_port: int = 0
    name: str = ""
    protocol: str = "TCP"


class Container(Fragment, frozen=True):
    """A container; `restart_policy` Always makes an init container a native sidecar."""

    name: str = ""
    ports: tuple[ContainerPort, ...] = ()
    restart_policy: str = ""


class PodSpec(Fragment, frozen=True):
    """`spec` of a Pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str = ""
    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    host_network: bool = False


class PodAddress(Fragment, frozen=True):
    """One of `status.podIPs`."""

    ip: str = ""


class PodCondition(Fragment, frozen=True):
    """`status` is `True`, `False` or `Unknown`, as text."""

    type: str = ""
    status: str = ""


class PodStatus(Fragment, frozen=True):
    """`status` of a Pod."""

    phase: str = ""
    pod_ip: str = field(default="", name="podIP")
    pod_ips: tuple[PodAddress, ...] = field(default=(), name="podIPs")
    host_ip: str = field(default="", name="hostIP")
    conditions: tuple[PodCondition, ...] = ()


class Pod(Object, frozen=True):
    """core Pod."""

    KIND: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All IP addresses, the primary first."""
        listed = tuple(each.ip for each in self.status.pod_ips if each.ip)
        if self.status.pod_ip and self.status.pod_ip not in listed:
            return (self.status.pod_ip, *listed)
        return listed

    @property
    def ready(self) -> bool | None:
        """The condition Ready; None where it is not there."""
        for each in self.status.conditions:
            if each.type == "Ready":
                return each.status == "True"
        return None
