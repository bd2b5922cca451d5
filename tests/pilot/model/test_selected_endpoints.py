from typing import Any

from pilot.model.endpoint import Endpoint, Health
from pilot.model.selected_endpoints import endpoints_at, may_serve, target_port
from pilot.model.service import Service
from pilot.model.workloads import WorkloadInstance
from tests.pilot.model.meshes import mesh_of, settings

POD = """
kind: Pod
metadata: {name: p, namespace: app, labels: {app: x}}
spec: {serviceAccountName: sa, containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}
status: {podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}, {ip: "fd00::1"}], conditions: [{type: Ready, status: "%s"}]}
"""
ENTRY = """
kind: WorkloadEntry
metadata: {name: vm, namespace: app}
spec: {address: "%s", labels: {app: x}, serviceAccount: vm, ports: {http: 18080}, weight: 5, locality: r/z}
"""
SERVICE = """
kind: Service
metadata: {name: web, namespace: app}
spec:
  clusterIP: 10.0.0.1
  selector: {app: x}
  ports:
  - {name: http, port: 80, targetPort: web}
  - {name: tcp, port: 90, targetPort: 9000}
  - {name: none, port: 91, targetPort: none}
"""
EXTERNAL = """
kind: ServiceEntry
metadata: {name: ext, namespace: app}
spec:
  hosts: [ext.com]
  location: MESH_INTERNAL
  resolution: %s
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 90, name: tcp, protocol: TCP}]
  workloadSelector: {labels: {app: x}}
"""


def parts(service: str, workload: str) -> tuple[Service, WorkloadInstance]:
    snapshot = mesh_of(f"{service}\n---\n{workload}")
    (declared,) = snapshot.service_index.declared.values()
    instances = [
        each for kind in (snapshot.workloads.pods, snapshot.workloads.entries) for each in kind.get("app", {}).values()
    ]
    return declared[0], instances[0]


def found(service: str, workload: str, **features: Any) -> list[tuple[str, int, str]]:
    made: tuple[Endpoint, ...] = endpoints_at(*parts(service, workload), settings(**features))
    return [(each.port_name, each.port, each.address) for each in made]


def test_a_pod_serves_ports_by_number_or_by_the_name_of_a_container_port() -> None:
    assert found(SERVICE, POD % "True") == [("http", 8080, "10.1.0.1"), ("tcp", 9000, "10.1.0.1")]


def test_readiness_is_health_unless_the_service_wants_all() -> None:
    (unready, _) = endpoints_at(*parts(SERVICE, POD % "False"), settings())
    assert unready.health is Health.UNHEALTHY
    published = SERVICE.replace("  clusterIP", "  publishNotReadyAddresses: true\n  clusterIP")
    (published_endpoint, _) = endpoints_at(*parts(published, POD % "False"), settings())
    assert published_endpoint.health is Health.HEALTHY
    leaving = (POD % "True").replace("labels:", "deletionTimestamp: now, labels:")
    (terminating, _) = endpoints_at(*parts(SERVICE, leaving), settings())
    assert terminating.health is Health.TERMINATING


def test_an_entry_serves_its_own_port_then_the_target_then_the_same() -> None:
    assert found(SERVICE, ENTRY % "10.9.0.1") == [
        ("http", 18080, "10.9.0.1"),
        ("tcp", 9000, "10.9.0.1"),
        ("none", 91, "10.9.0.1"),
    ]
    (first, *_) = endpoints_at(*parts(SERVICE, ENTRY % "10.9.0.1"), settings())
    assert (first.workload, first.weight, first.locality, first.tls_mode) == ("vm", 5, "r/z", "istio")
    assert first.health is Health.UNKNOWN


def test_kubernetes_services_take_no_names_and_no_entries_behind_headless_ones() -> None:
    assert found(SERVICE, ENTRY % "vm.example.com") == []
    headless = SERVICE.replace("10.0.0.1", "None")
    assert found(headless, ENTRY % "10.9.0.1") == []
    assert found(headless, POD % "True")
    assert found(SERVICE, ENTRY % "10.9.0.1", select_workload_entries=False) == []


def test_service_entries_select_pods_and_entries() -> None:
    assert found(EXTERNAL % "STATIC", POD % "True") == [("http", 8080, "10.1.0.1"), ("tcp", 90, "10.1.0.1")]
    assert found(EXTERNAL % "STATIC", POD % "True", select_pods=False) == []
    assert found(EXTERNAL % "STATIC", ENTRY % "10.9.0.1")[0] == ("http", 18080, "10.9.0.1")


def test_names_are_for_those_who_resolve_them() -> None:
    assert found(EXTERNAL % "STATIC", ENTRY % "vm.example.com") == []
    assert found(EXTERNAL % "DNS", ENTRY % "vm.example.com")[0] == ("http", 18080, "vm.example.com")


def test_a_socket_has_no_port() -> None:
    service, workload = parts(EXTERNAL % "STATIC", ENTRY % "unix:///x")
    assert target_port(service, service.ports[0], workload) == 0


def test_a_workload_without_address_serves_nothing() -> None:
    service, workload = parts(SERVICE, "kind: Pod\nmetadata: {name: p, namespace: app, labels: {app: x}}")
    assert endpoints_at(service, workload, settings()) == ()
    assert not may_serve(service, workload, settings())


def test_dual_stack_services_have_both_addresses() -> None:
    dual = SERVICE.replace("  selector", "  clusterIPs: [10.0.0.1, 'fd00::9']\n  selector")
    made = endpoints_at(*parts(dual, POD % "True"), settings(dual_stack=True))
    assert made[0].addresses == ("10.1.0.1", "fd00::1")
