from pilot.model.mesh import MeshConfig
from pilot.model.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode
from pilot.model.snapshot import Snapshot
from pilot.resources import Origin
from pilot.view.proxy import ProxyKind
from pilot.view.scope import Scope
from pilot.view.scoping import scope_of
from tests.pilot.model.meshes import edit, mesh_of

MESH = """
kind: Service
metadata: {name: web, namespace: app}
spec: {ports: [{name: http, port: 80}]}
---
kind: Service
metadata: {name: api, namespace: back}
spec: {ports: [{name: http, port: 80}]}
---
kind: Service
metadata: {name: private, namespace: back, annotations: {networking.istio.io/exportTo: .}}
spec: {ports: [{name: http, port: 80}]}
---
kind: VirtualService
metadata: {name: web, namespace: app}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
---
kind: VirtualService
metadata: {name: edge, namespace: app}
spec: {hosts: [a.com], gateways: [gw], http: [{route: [{destination: {host: web}}]}]}
---
kind: DestinationRule
metadata: {name: web, namespace: app}
spec: {host: web}
---
kind: DestinationRule
metadata: {name: some, namespace: app}
spec: {host: web, workloadSelector: {matchLabels: {app: x}}}
"""


def scope(snapshot: Snapshot, namespace: str = "app", kind: ProxyKind = ProxyKind.SIDECAR, **labels: str) -> Scope:
    return scope_of(snapshot, kind, namespace, labels)


def test_a_sidecar_sees_everything_that_is_visible() -> None:
    found = scope(mesh_of(MESH))
    assert [each.name for each in found.services] == ["api", "web"]
    assert [each.name for each in found.egress[0].virtual_services] == ["web"]
    assert found.gateway_virtual_services == ()
    assert found.by_host["web.app.svc.cluster.local"].name == "web"  # type: ignore[index]  # names are NewTypes
    assert found.allow_any
    assert found.sidecar is None
    assert [each.name for each in scope(mesh_of(MESH), "back").services] == ["private", "api", "web"]


def test_a_router_has_routes_of_gateways_and_no_way_out() -> None:
    found = scope(mesh_of(MESH), kind=ProxyKind.ROUTER)
    assert [each.name for each in found.gateway_virtual_services] == ["edge"]
    assert found.egress[0].virtual_services == ()
    assert not found.allow_any


def test_namespaces_that_see_the_same_share_their_scope() -> None:
    snapshot = mesh_of(MESH)
    assert scope(snapshot, "one") is scope(snapshot, "two")
    assert scope(snapshot, "one") is not scope(snapshot, "back")
    assert scope(snapshot, "app").services is scope(snapshot, "one").services


def test_labels_matter_only_where_a_rule_asks_for_them() -> None:
    snapshot = mesh_of(MESH)
    host = "web.app.svc.cluster.local"
    for_x = scope(snapshot, app="x", version="v1")
    assert for_x.rules[host].origin.name == "some"  # type: ignore[index]  # names are NewTypes
    assert scope(snapshot, app="y").rules[host].origin.name == "web"  # type: ignore[index]  # names are NewTypes
    assert scope(snapshot, app="x", version="v2") is for_x
    assert scope(snapshot, "one", app="x") is scope(snapshot, "two", app="y")


def test_a_rule_without_its_service_is_not_there() -> None:
    snapshot, _ = edit(
        mesh_of(MESH), "kind: DestinationRule\nmetadata: {name: x, namespace: app}\nspec: {host: nobody}"
    )
    assert set(scope(snapshot).rules) == {"web.app.svc.cluster.local"}


def test_wildcard_rules_are_for_every_service_they_cover() -> None:
    snapshot, _ = edit(
        mesh_of(MESH), "kind: DestinationRule\nmetadata: {name: x, namespace: istio-system}\nspec: {host: '*.local'}"
    )
    assert {host: rule.origin.name for host, rule in scope(snapshot, "one").rules.items()} == {
        "api.back.svc.cluster.local": "x",
        "web.app.svc.cluster.local": "web",
    }


def test_a_private_rule_hides_a_public_one_only_at_home() -> None:
    snapshot, _ = edit(
        mesh_of(MESH),
        "kind: DestinationRule\nmetadata: {name: mine, namespace: one}\n"
        "spec: {host: web.app.svc.cluster.local, exportTo: [.]}",
    )
    assert scope(snapshot, "one").rules["web.app.svc.cluster.local"].origin.name == "mine"  # type: ignore[index]
    assert scope(snapshot, "two").rules["web.app.svc.cluster.local"].origin.name == "web"  # type: ignore[index]


SIDECAR = """
kind: Sidecar
metadata: {name: s, namespace: app}
spec:
  ingress: [{port: {number: 80, name: http, protocol: HTTP}, defaultEndpoint: 127.0.0.1:8080}]
  egress: [{hosts: ["./*"]}]
  inboundConnectionPool: {tcp: {maxConnections: 5}}
  outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: proxy, subset: v1, port: {number: 9000}}}
"""


def test_a_sidecar_object_narrows_the_scope() -> None:
    found = scope(edit(mesh_of(MESH), SIDECAR)[0])
    assert [each.name for each in found.services] == ["web"]
    assert found.sidecar == Origin("Sidecar", "app", "s")
    assert len(found.ingress) == 1
    assert found.inbound_connection_pool is not None
    assert found.allow_any
    assert found.egress_proxy == ("proxy.app.svc.cluster.local", 9000, "v1")


def test_a_sidecar_object_is_not_for_routers() -> None:
    snapshot, _ = edit(mesh_of(MESH), SIDECAR)
    assert scope(snapshot, kind=ProxyKind.ROUTER).sidecar is None


def test_the_mesh_says_what_happens_to_unknown_destinations() -> None:
    closed = MeshConfig(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.REGISTRY_ONLY))
    assert not scope(mesh_of(MESH, closed)).allow_any
    narrowed, _ = edit(mesh_of(MESH, closed), SIDECAR)
    assert scope(narrowed).allow_any


def test_a_change_elsewhere_keeps_the_parts_of_a_scope() -> None:
    snapshot, _ = edit(mesh_of(MESH), SIDECAR)
    before = scope(snapshot)
    changed, _ = edit(
        snapshot, "kind: Service\nmetadata: {name: new, namespace: back}\nspec: {ports: [{name: http, port: 1}]}"
    )
    after = scope(changed)
    assert after.services is before.services
    assert after.by_host is before.by_host
    assert after.rules is before.rules
    assert after.egress[0].services is before.egress[0].services
