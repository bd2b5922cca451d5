"""Workloads as workload discovery tells them."""

import pytest

from pilot.model.ambient.address import MeshWorkload, Tunnel
from tests.ambient_mesh import SHOP, WAYPOINT, ambient

POD = "Kubernetes//Pod/app/web-0"
SELECTING = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: app}
spec: {selector: {matchLabels: {app: web}}}
"""


def _pod(*parts: str, **environment: str) -> MeshWorkload:
    return ambient(*parts, **environment).workloads[POD]


def test_pod_is_told_with_its_services() -> None:
    made = _pod(SHOP)
    assert made.addresses == ("10.1.0.1",)
    assert made.services == {"app/web.app.svc.cluster.local": ((80, 8080),)}
    assert made.tunnel is Tunnel.HBONE
    assert (made.node, made.account, made.canonical_name, made.canonical_revision) == ("n1", "web", "web", "latest")
    assert made.healthy


def test_pod_that_ended_is_not_told() -> None:
    assert POD not in ambient(SHOP.replace("Running", "Succeeded")).workloads


def test_pod_that_is_not_ready_is_unhealthy() -> None:
    assert not _pod(SHOP.replace("status: 'True'", "status: 'False'")).healthy


def test_label_makes_a_pod_take_hbone_itself() -> None:
    assert _pod(SHOP.replace("{app: web}, anno", "{app: web, networking.istio.io/tunnel: http}, anno")).tunnel is (
        Tunnel.NATIVE_HBONE
    )


def test_trust_domain_is_told_where_it_is_not_the_default() -> None:
    assert _pod(SHOP).trust_domain == ""


def test_waypoint_of_workloads() -> None:
    labelled = SHOP.replace("{app: web}, anno", "{app: web, istio.io/use-waypoint: wp}, anno")
    found = _pod(labelled, WAYPOINT).waypoint
    assert found is not None
    assert found.hostname == "wp.app.svc.cluster.local"
    assert _pod(labelled, WAYPOINT.replace("waypoint-for: all", "waypoint-for: service")).waypoint is None


def test_waypoint_may_be_let_in_without_a_policy() -> None:
    labelled = SHOP.replace("metadata: {name: web,", "metadata: {name: web, labels: {istio.io/use-waypoint: wp},", 1)
    made = _pod(labelled, WAYPOINT, PILOT_AUTO_ALLOW_WAYPOINT_POLICY="true")
    assert made.policies == ("app/istio_allow_waypoint_app_wp",)
    assert _pod(labelled, WAYPOINT).policies == ()


def test_workload_entry_names_ports_as_the_service_does() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: app}
spec: {address: 10.2.0.1, labels: {app: web}, ports: {http: 9999}, weight: 5}
"""
    made = ambient(SHOP, entry).workloads["Kubernetes/networking.istio.io/WorkloadEntry/app/vm"]
    assert made.services == {"app/web.app.svc.cluster.local": ((80, 9999),)}
    assert made.capacity == 5
    assert made.tunnel is Tunnel.NONE


def test_inline_endpoints_have_policies_of_unlabelled_workloads() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: app}
spec:
  hosts: [a.example.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 1.1.1.1, network: net-b}, {address: 1.1.1.2}]
"""
    made = ambient(entry, SELECTING).workloads
    first = made["Kubernetes/networking.istio.io/ServiceEntry/app/e/1.1.1.1"]
    second = made["Kubernetes/networking.istio.io/ServiceEntry/app/e/1.1.1.2"]
    assert first.policies == ("app/p",)
    assert first.canonical_name == "e"
    assert second.network == "net-b"  # as recorded


def test_names_that_are_resolved_are_workloads() -> None:
    entry = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: app}
spec: {hosts: [a.example.com], resolution: DNS, ports: [{number: 443, name: tls, protocol: TLS}]}
"""
    made = ambient(entry).workloads["Kubernetes/networking.istio.io/ServiceEntry/app/e/a.example.com"]
    assert (made.hostname, made.addresses) == ("a.example.com", ())


def test_slice_endpoints_that_are_no_pods() -> None:
    text = (
        SHOP.replace("selector: {app: web}, ", "")
        + """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.9.0.1]}, {addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-0, namespace: app}}]
ports: [{name: http, port: 8081, protocol: TCP}]
"""
    )
    made = ambient(text).workloads
    outside = made["Kubernetes/discovery.k8s.io/EndpointSlice/app/s/10.9.0.1"]
    assert outside.services == {"app/web.app.svc.cluster.local": ((80, 8081),)}
    assert outside.host_network
    assert made[POD].services == {"app/web.app.svc.cluster.local": ((80, 8080),)}
    assert len(made) == 2


def test_pod_that_goes_is_unhealthy() -> None:
    going = SHOP.replace("{name: web-0,", "{name: web-0, deletionTimestamp: '2026-01-01T00:00:00Z',")
    assert not _pod(going).healthy


def test_pod_of_the_host_network() -> None:
    assert _pod(SHOP.replace("spec: {serviceAccountName", "spec: {hostNetwork: true, serviceAccountName")).host_network


@pytest.mark.parametrize(
    ("labels", "name", "revision"),
    [
        ("service.istio.io/canonical-name: a, app: b, service.istio.io/canonical-revision: v1, version: v2", "a", "v1"),
        ("app.kubernetes.io/name: a, app: b, app.kubernetes.io/version: v1, version: v2", "a", "v1"),
        ("app: b, version: v2", "b", "v2"),
        ("other: b", "web-0", "latest"),
    ],
)
def test_canonical_names_by_labels(labels: str, name: str, revision: str) -> None:
    made = _pod(SHOP.replace("labels: {app: web}, anno", f"labels: {{{labels}}}, anno"))
    assert (made.canonical_name, made.canonical_revision) == (name, revision)


def test_locality_is_that_of_the_node() -> None:
    node = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z}}
"""
    assert _pod(SHOP, node).locality == "r/z"


def test_every_address_of_a_pod_is_told_and_found() -> None:
    both = SHOP.replace("podIP: 10.1.0.1,", "podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}, {ip: 'fd00::1'}],")
    index = ambient(both)
    assert index.workloads[POD].keys == ("/10.1.0.1", "/fd00::1")
    assert index.find("/fd00::1") == {POD}


def test_pods_that_share_an_address_are_found_together() -> None:
    other = SHOP.replace("web-0", "web-9").split("---")[2]
    assert ambient(SHOP, other).find("/10.1.0.1") == {POD, POD.replace("web-0", "web-9")}


def test_a_port_that_the_pod_does_not_name_is_not_told() -> None:
    assert _pod(SHOP.replace("targetPort: 8080", "targetPort: web")).services == {"app/web.app.svc.cluster.local": ()}


def test_pods_of_a_waypoint_say_how_they_take_what_is_redirected_to_them() -> None:
    bound = WAYPOINT.replace(
        "labels: {", "annotations: {ambient.istio.io/waypoint-inbound-binding: PROXY/15088}, labels: {"
    )
    labels = "gateway.networking.k8s.io/gateway-name: wp, gateway.istio.io/managed: istio.io-mesh-controller"
    made = _pod(SHOP.replace("labels: {app: web}, anno", f"labels: {{{labels}}}, anno"), bound)
    assert made.application_tunnel is not None
    assert (made.application_tunnel.protocol, made.application_tunnel.port) == ("PROXY", 15088)
    assert made.waypoint is None
