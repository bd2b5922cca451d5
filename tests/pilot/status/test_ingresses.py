"""Where Ingresses are reached."""

from typing import Any

import pytest

from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.status.statuses import statuses
from tests.pilot.model.meshes import objects

INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: edge, namespace: shop, annotations: {kubernetes.io/ingress.class: CLASS}}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}
"""
GATEWAY = """
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
"""
BALANCED = """spec: {type: LoadBalancer, externalIPs: [192.0.2.9]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.10}, {hostname: lb.example.com}]}}
"""
NODES = """
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}, {type: ExternalIP, address: 198.51.100.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gw, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {nodeName: node-1}
status: {phase: Running, podIP: 10.1.1.1}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: istio-system}
spec: {nodeName: node-2}
status: {phase: Running, podIP: 10.1.1.2}
"""


def said(*texts: str, mesh: MeshConfig | None = None, class_: str = "istio") -> Any:
    """Addresses of the Ingress; None where nothing is said of it."""
    made = objects("\n---\n".join((INGRESS.replace("CLASS", class_), *texts)))
    snapshot = Snapshot.empty(mesh).apply(Event(each.key, each) for each in made)[0]
    found = statuses(snapshot).get(ObjectKey("Ingress", "shop", "edge"))
    return found and found["loadBalancer"]["ingress"]


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        (
            BALANCED,
            [{"ip": "192.0.2.10"}, {"ip": "192.0.2.9"}, {"hostname": "lb.example.com"}],
        ),
        ("spec: {type: ExternalName, externalName: edge.example.com}", [{"hostname": "edge.example.com"}]),
        ("spec: {type: LoadBalancer}", []),
    ],
)
def test_addresses_are_those_of_the_service(service: str, wanted: Any) -> None:
    assert said(GATEWAY + service) == wanted


def test_a_service_that_is_not_there_has_no_address_and_that_is_said() -> None:
    assert said() == []


def test_without_a_service_they_are_those_of_the_gateways_nodes() -> None:
    assert said(NODES, mesh=MeshConfig(ingress_service="")) == [{"ip": "198.51.100.1"}]


def test_ingresses_of_others_are_not_spoken_of() -> None:
    assert said(GATEWAY, class_="nginx") is None
