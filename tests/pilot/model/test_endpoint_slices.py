from typing import Any

import pytest

from pilot.model.endpoint import Endpoint, Health
from pilot.model.endpoint_slices import endpoints_of_core, endpoints_of_slice, health_of, is_usable
from pilot.model.kubernetes import EndpointConditions
from tests.pilot.model.meshes import mesh_of, only

MESH = """
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
kind: Pod
metadata: {name: web-0, namespace: app, labels: {app: web, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: web}
status: {podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}, {ip: "fd00::1"}]}
"""
SLICE = """
kind: EndpointSlice
metadata: {name: web-x, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: %s
endpoints: [%s]
ports: [{name: http, port: 8080}, {name: tcp, port: 9000}, {name: unrestricted}]
"""


def endpoints(listed: str, mesh: str = MESH, family: str = "IPv4", **features: Any) -> tuple[Endpoint, ...]:
    snapshot = mesh_of(mesh, **features)
    service = snapshot.service_index.declared["Service", "app", "web"][0]
    declared = only(SLICE % (family, listed))
    return endpoints_of_slice(declared, service, snapshot.workloads, snapshot.settings)


def test_an_endpoint_knows_the_pod_behind_it() -> None:
    first, second = endpoints("{addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-0}}")
    assert (first.address, first.port, first.port_name) == ("10.1.0.1", 8080, "http")
    assert (second.port, second.port_name) == (9000, "tcp")
    assert (first.workload, first.namespace, first.tls_mode) == ("web-0", "app", "istio")
    assert first.service_account == "spiffe://cluster.local/ns/app/sa/web"
    assert first.labels["app"] == "web"
    assert first.health is Health.HEALTHY


def test_an_endpoint_waits_for_the_pod_it_names() -> None:
    assert endpoints("{addresses: [10.1.0.9], targetRef: {kind: Pod, name: nobody}}") == ()


def test_a_pod_is_found_by_address_where_none_is_named() -> None:
    assert endpoints("{addresses: [10.1.0.1]}")[0].workload == "web-0"


@pytest.mark.parametrize(
    "listed", ["{addresses: [192.0.2.1]}", "{addresses: [192.0.2.1], targetRef: {kind: Node, name: n}}"]
)
def test_an_address_without_pod_is_somebody_elses(listed: str) -> None:
    first = endpoints(listed)[0]
    assert (first.address, first.workload, first.namespace, first.tls_mode) == ("192.0.2.1", "", "", "disabled")
    assert first.labels == {"topology.istio.io/cluster": "Kubernetes"}


def test_pods_on_the_hosts_network_are_not_found_by_address() -> None:
    mesh = MESH.replace("{serviceAccountName: web}", "{hostNetwork: true}")
    assert endpoints("{addresses: [10.1.0.1]}", mesh)[0].workload == ""


@pytest.mark.parametrize(
    ("ready", "serving", "terminating", "drains", "expected"),
    [
        (None, None, None, False, Health.HEALTHY),
        (True, None, True, False, Health.HEALTHY),
        (False, True, False, False, Health.UNHEALTHY),
        (False, True, True, False, Health.TERMINATING),
        (False, True, None, False, Health.TERMINATING),
        (False, None, None, True, Health.DRAINING),
        (False, False, True, True, Health.TERMINATING),
        (False, False, False, True, Health.UNHEALTHY),
    ],
)
def test_health(
    ready: bool | None, serving: bool | None, terminating: bool | None, drains: bool, expected: Health
) -> None:
    assert health_of(EndpointConditions(ready, serving, terminating), drains) is expected


def test_sessions_stay_with_a_draining_endpoint() -> None:
    mesh = MESH.replace(
        "{name: web, namespace: app}", "{name: web, namespace: app, labels: {istio.io/persistent-session: c}}", 1
    )
    listed = "{addresses: [10.1.0.1], conditions: {ready: false, serving: true, terminating: true}}"
    assert endpoints(listed, mesh)[0].health is Health.DRAINING
    assert endpoints(listed)[0].health is Health.TERMINATING


@pytest.mark.parametrize(
    "labels", ["{}", "{kubernetes.io/service-name: web, multicluster.kubernetes.io/service-name: web}"]
)
def test_slices_of_nobody_or_of_other_clusters_do_not_count(labels: str) -> None:
    text = (SLICE % ("IPv4", "")).replace("{kubernetes.io/service-name: web}", labels)
    assert not is_usable(only(text))


def test_names_are_no_addresses() -> None:
    assert endpoints("{addresses: [a.example.com]}", family="FQDN") == ()


DUAL = MESH.replace("clusterIP: 10.0.0.1", "clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00:1::1']")


def test_dual_stack_endpoints_have_both_addresses_of_the_pod() -> None:
    listed = "{addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-0}}"
    assert endpoints(listed, DUAL, dual_stack=True)[0].addresses == ("10.1.0.1", "fd00::1")
    assert endpoints(listed, DUAL)[0].addresses == ("10.1.0.1",)
    assert endpoints(listed, dual_stack=True)[0].addresses == ("10.1.0.1",)


def test_the_other_familys_slice_says_nothing_new() -> None:
    listed = "{addresses: ['fd00::1'], targetRef: {kind: Pod, name: web-0}}"
    assert endpoints(listed, DUAL, "IPv6", dual_stack=True) == ()
    assert endpoints(listed, DUAL, "IPv6")[0].address == "fd00::1"


def test_core_endpoints() -> None:
    snapshot = mesh_of(MESH)
    declared = only(
        """
kind: Endpoints
metadata: {name: web, namespace: app}
subsets:
- addresses: [{ip: 10.1.0.1, targetRef: {kind: Pod, name: web-0}}, {ip: 10.1.0.8, targetRef: {kind: Pod, name: nobody}}]
  notReadyAddresses: [{ip: 192.0.2.1}]
  ports: [{name: http, port: 8080}]
"""
    )
    service = snapshot.service_index.declared["Service", "app", "web"][0]
    found = endpoints_of_core(declared, service, snapshot.workloads, snapshot.settings)
    assert [(each.address, each.port, each.health) for each in found] == [
        ("10.1.0.1", 8080, Health.HEALTHY),
        ("192.0.2.1", 8080, Health.UNHEALTHY),
    ]
