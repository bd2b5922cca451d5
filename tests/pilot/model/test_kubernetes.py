from typing import TypeVar

import msgspec
import pytest
import yaml

from pilot.model.decoding import decode_value
from pilot.model.kubernetes import (
    Endpoints,
    EndpointSlice,
    KubernetesService,
    Namespace,
    Node,
    ObjectReference,
    Pod,
    PodAddress,
    PodStatus,
)

S = TypeVar("S", bound=msgspec.Struct)


def decoded(text: str, type_: type[S]) -> S:
    value, faults = decode_value(yaml.safe_load(text), type_)
    assert faults == ()
    assert value is not None
    return value


def test_a_pod_keeps_what_a_mesh_needs() -> None:
    pod = decoded(
        """
metadata:
  name: a-1
  namespace: default
  labels: {app: a}
  annotations: {x: "y"}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: a, controller: true, uid: u}]
  deletionTimestamp: "2024-01-01T00:00:00Z"
spec:
  serviceAccountName: sa
  nodeName: n
  hostname: h
  subdomain: s
  hostNetwork: true
  containers: [{name: c, image: i, ports: [{containerPort: 80, name: http, protocol: TCP}]}]
  initContainers: [{name: istio-proxy, restartPolicy: Always}]
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]
  hostIP: 10.9.0.1
  conditions: [{type: Ready, status: "False"}]
""",
        Pod,
    )
    assert pod.addresses == ("10.0.0.1", "fd00::1")
    assert pod.ready is False
    assert pod.metadata.owner_references[0].controller
    assert pod.metadata.deletion_timestamp
    assert pod.spec.containers[0].ports[0].container_port == 80
    assert pod.spec.init_containers[0].restart_policy == "Always"
    assert (pod.spec.service_account_name, pod.spec.node_name, pod.spec.host_network) == ("sa", "n", True)


@pytest.mark.parametrize(
    ("status", "addresses"),
    [
        (PodStatus(), ()),
        (PodStatus(pod_ip="10.0.0.1"), ("10.0.0.1",)),
        (PodStatus(pod_ip="10.0.0.1", pod_ips=(PodAddress(ip="fd00::1"),)), ("10.0.0.1", "fd00::1")),
        (PodStatus(pod_ips=(PodAddress(ip=""),)), ()),
    ],
)
def test_addresses_of_a_pod_are_the_primary_and_then_the_rest(status: PodStatus, addresses: tuple[str, ...]) -> None:
    assert Pod(status=status).addresses == addresses
    assert Pod(status=status).ready is None


def test_a_service_keeps_ports_addresses_and_policies() -> None:
    service = decoded(
        """
metadata: {name: a}
spec:
  type: LoadBalancer
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1, "fd00::1"]
  externalIPs: [1.2.3.4]
  externalName: x.example.com
  publishNotReadyAddresses: true
  internalTrafficPolicy: Local
  trafficDistribution: PreferClose
  selector: {app: a}
  ports: [{name: http, port: 80, targetPort: web, nodePort: 30080, appProtocol: http2}, {port: 81, targetPort: 8081}]
status: {loadBalancer: {ingress: [{ip: 5.6.7.8}, {hostname: lb.example.com}]}}
""",
        KubernetesService,
    )
    assert service.origin.kind == "Service"
    assert (service.spec.cluster_ip, service.spec.cluster_ips) == ("10.0.0.1", ("10.0.0.1", "fd00::1"))
    assert [(port.port, port.target_port, port.protocol) for port in service.spec.ports] == [
        (80, "web", "TCP"),
        (81, 8081, "TCP"),
    ]
    assert service.spec.ports[0].node_port == 30080
    assert service.status.load_balancer.ingress[1].hostname == "lb.example.com"


def test_a_slice_keeps_all_conditions_and_its_service() -> None:
    found = decoded(
        """
metadata: {name: a-x, labels: {kubernetes.io/service-name: a}}
addressType: IPv6
endpoints:
- addresses: ["fd00::1"]
  conditions: {ready: false, serving: true, terminating: true}
  targetRef: {kind: Pod, name: p, namespace: default, uid: u}
  hints: {forZones: [{name: z}]}
  nodeName: n
  hostname: h
  zone: z
- {addresses: ["fd00::2"]}
ports: [{name: http, port: 80, appProtocol: h2}, {}]
""",
        EndpointSlice,
    )
    assert found.service_name == "a"
    assert found.endpoints[0].conditions.terminating is True
    assert found.endpoints[1].conditions.ready is None
    assert found.endpoints[0].target_ref == ObjectReference(kind="Pod", name="p", namespace="default")
    assert [port.port for port in found.ports] == [80, None]
    assert EndpointSlice().service_name == ""


def test_endpoints_keep_ready_and_not_ready_addresses() -> None:
    found = decoded(
        """
metadata: {name: a}
subsets:
- addresses: [{ip: 1.1.1.1, nodeName: n, hostname: h, targetRef: {kind: Pod, name: p}}]
  notReadyAddresses: [{ip: 1.1.1.2}]
  ports: [{name: http, port: 80}]
""",
        Endpoints,
    )
    assert found.subsets[0].addresses[0].ip == "1.1.1.1"
    assert found.subsets[0].not_ready_addresses[0].ip == "1.1.1.2"
    assert found.subsets[0].ports[0].port == 80


def test_nodes_and_namespaces_are_known_by_their_labels() -> None:
    node = decoded("{metadata: {name: n}, status: {addresses: [{type: ExternalIP, address: 1.2.3.4}]}}", Node)
    assert node.status.addresses[0].type == "ExternalIP"
    namespace = decoded("{metadata: {name: a, labels: {istio-injection: enabled}}, spec: {finalizers: [x]}}", Namespace)
    assert namespace.metadata.labels == {"istio-injection": "enabled"}
