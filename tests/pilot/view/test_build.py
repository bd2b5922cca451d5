from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilot.memo import clear_all
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.view.build import build
from pilot.view.listed_targets import depend_on_endpoints
from pilot.view.proxy_view import ProxyView
from tests.ambient_mesh import AMBIENT, SHOP, WAYPOINT, documents
from tests.pilot.model.meshes import edit, mesh_of, put
from tests.pilot.model.random_meshes import BATCHES
from tests.pilot.view.proxies import proxy
from tests.recordings import snapshot_of, view_of

PROXIES = (
    proxy("p1", "a", "10.0.0.1"),
    proxy("p2", "a", "10.0.0.2", LABELS={"app": "y"}),
    proxy("w1", "a", "10.0.0.3", LABELS={"app": "x"}),
    proxy("stranger", "b", "10.0.0.1", LABELS={"app": "x", "version": "v1"}),
    proxy("edge", "istio-system", "10.0.0.9", "router", LABELS={"app": "x"}),
)
MESHES = st.sampled_from([MeshConfig(), MeshConfig(default_service_export_to=(".",), root_namespace="a")])


def contents(view: ProxyView) -> dict[str, Any]:
    """A view by value; order counts where generators go by it."""
    scope, workload = view.scope, view.workload
    return {
        "services": scope.services,
        "by host": dict(scope.by_host),
        "egress": [(each.declared, each.services, each.virtual_services) for each in scope.egress],
        "rules": dict(scope.rules),
        "gateway routes": scope.gateway_virtual_services,
        "policy": (scope.allow_any, scope.egress_proxy, scope.sidecar, scope.ingress, scope.inbound_connection_pool),
        "workload": (workload.namespace, dict(workload.labels), workload.locality, workload.network, workload.node),
        "identity": (workload.canonical_name, workload.canonical_revision, workload.mtls, dict(workload.rules)),
        "targets": [(each.service, each.port, each.target_port) for each in workload.targets],
        "endpoints": dict(view.endpoints),
        "gateways": view.gateways,
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESHES, BATCHES)
def test_views_after_any_history_are_those_from_scratch(mesh: MeshConfig, batches: list[list[Event]]) -> None:
    snapshot = Snapshot.empty(mesh)
    for batch in batches:
        snapshot, _ = snapshot.apply(batch)
        for each in PROXIES:
            build(snapshot, each)
    found = [contents(build(snapshot, each)) for each in PROXIES]
    clear_all()
    fresh, _ = Snapshot.empty(mesh).apply(put(snapshot.objects.all()))
    assert found == [contents(build(fresh, each)) for each in PROXIES]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES)
def test_without_a_full_change_only_endpoints_of_views_differ(batches: list[list[Event]]) -> None:
    snapshot = Snapshot.empty()
    for batch in batches:
        before = [build(snapshot, each) for each in PROXIES]
        snapshot, change = snapshot.apply(batch)
        for old, new in zip(before, [build(snapshot, each) for each in PROXIES], strict=True):
            if not change.full:
                assert new.scope is old.scope
                assert new.workload is old.workload or depend_on_endpoints(snapshot)
                assert new.gateways is old.gateways
                assert new.peer_authentications is old.peer_authentications
            if not change:
                assert new.endpoints is old.endpoints


MESH = """
kind: Service
metadata: {name: web, namespace: app}
spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}
---
kind: Pod
metadata: {name: web-0, namespace: app, labels: {app: web}}
status: {podIP: 10.1.0.1}
---
kind: Pod
metadata: {name: web-1, namespace: app, labels: {app: web}}
status: {podIP: 10.1.0.2}
---
kind: Gateway
metadata: {name: gw, namespace: app}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
"""


def test_replicas_share_every_part() -> None:
    snapshot = mesh_of(MESH)
    one, other = build(snapshot, proxy()), build(snapshot, proxy("web-1", address="10.1.0.2"))
    for part in ProxyView.__slots__:
        assert getattr(one, part) is getattr(other, part), part


def test_only_routers_have_gateways() -> None:
    snapshot = mesh_of(MESH)
    edge = proxy("edge", "app", "10.1.0.9", "router", LABELS={"istio": "ingress"})
    assert [each.gateway for each in build(snapshot, edge).gateways] == ["app/gw"]
    assert build(snapshot, proxy("x", LABELS={"istio": "ingress"})).gateways == ()
    assert build(snapshot, proxy("x", "app", "10.1.0.9", "router")).gateways == ()


def test_who_stands_beside_sidecars_is_told_the_names_that_they_are_told() -> None:
    edge = proxy("edge", "app", "10.1.0.9", "router")
    assert build(mesh_of(MESH), edge).names == ()

    injected = mesh_of(MESH.replace("labels: {app: web}", "labels: {app: web, security.istio.io/tlsMode: istio}"))
    assert build(injected, edge).names
    assert build(injected, edge).names is build(injected, proxy()).names
    assert build(injected, proxy("edge", "other", "10.1.0.9", "router")).names == ()


def test_a_router_keeps_to_its_namespace_where_that_is_wanted() -> None:
    edge = proxy("edge", "other", "10.1.0.9", "router", LABELS={"istio": "ingress"})
    assert build(mesh_of(MESH), edge).gateways
    assert build(mesh_of(MESH, None, scope_gateway_to_namespace=True), edge).gateways == ()


@pytest.mark.parametrize("part", ["scope", "workload", "gateways", "peer_authentications"])
def test_an_endpoint_that_comes_leaves_the_other_parts(part: str) -> None:
    snapshot = mesh_of(MESH)
    pod = "kind: Pod\nmetadata: {name: web-2, namespace: app, labels: {app: web}}\nstatus: {podIP: 10.1.0.3}"
    changed, _ = edit(snapshot, pod)
    seen = proxy()
    assert getattr(build(changed, seen), part) is getattr(build(snapshot, seen), part)
    assert build(changed, seen).endpoints is not build(snapshot, seen).endpoints


def test_gateways_reach_services_through_the_waypoint_that_is_asked_for() -> None:
    labels = "{istio.io/use-waypoint: wp, istio.io/ingress-use-waypoint: 'true'}"
    asked = SHOP.replace("metadata: {name: web,", f"metadata: {{labels: {labels}, name: web,", 1)
    declared = {"id": "router~10.0.0.1~gw.app~app.svc.cluster.local"}
    environment = {**AMBIENT, "ENABLE_INGRESS_WAYPOINT_ROUTING": "true"}
    found = view_of(snapshot_of(documents(asked, WAYPOINT), environment=environment), declared).ingress_waypoints
    assert {host: each.name for host, each in found.items()} == {"web.app.svc.cluster.local": "wp"}
    sidecar = {"id": "sidecar~10.0.0.1~web-0.app~app.svc.cluster.local"}
    assert not view_of(snapshot_of(documents(asked, WAYPOINT), environment=environment), sidecar).ingress_waypoints
    assert not view_of(snapshot_of(documents(SHOP, WAYPOINT), environment=environment), declared).ingress_waypoints
