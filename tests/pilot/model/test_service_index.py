from pilot.model.mesh import MeshConfig
from pilot.model.service import Alias, Hostname, Namespace
from tests.pilot.model.meshes import edit, mesh_of, remove


def service(
    name: str,
    namespace: str = "app",
    spec: str = "clusterIP: 10.0.0.1",
    created: str = "2024-01-01T00:00:00Z",
    **more: str,
) -> str:
    annotations = more.get("annotations", "{}")
    return f"""---
kind: Service
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "{created}", annotations: {annotations}}}
spec: {{{spec}}}
"""


def entry(name: str, host: str, namespace: str = "app", **more: str) -> str:
    return f"""---
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: "2024-01-01T00:00:00Z"}}
spec: {{hosts: [{host}], resolution: {more.get("resolution", "DNS")}, {more.get("more", "")}
  ports: [{{number: 80, name: http, protocol: HTTP}}]}}
"""


def test_services_are_listed_by_creation_then_name_then_namespace() -> None:
    snapshot = mesh_of(
        service("b")
        + service("a", "z")
        + service("a", "y")
        + service("old", created="2023-01-01T00:00:00Z")
        + entry("zzz", "aa.com")
    )
    assert [(each.name, each.namespace) for each in snapshot.services] == [
        ("old", "app"),
        ("a", "y"),
        ("a", "z"),
        ("aa.com", "app"),
        ("b", "app"),
    ]


def test_of_one_name_kubernetes_counts_then_the_oldest() -> None:
    index = mesh_of(entry("e", "web.app.svc.cluster.local") + service("web")).service_index
    found = index.find("web.app.svc.cluster.local", "app")
    assert found is not None
    assert found.is_kubernetes
    assert len(index.by_key[Hostname("web.app.svc.cluster.local"), Namespace("app")]) == 2
    assert index.find("web.app.svc.cluster.local", "other") is None


def test_external_names_are_aliases_of_what_they_point_at() -> None:
    snapshot = mesh_of(
        service("web")
        + service("one", "b", "type: ExternalName, externalName: two.b.svc.cluster.local")
        + service("two", "b", "type: ExternalName, externalName: web.app.svc.cluster.local")
        + service("loop", "b", "type: ExternalName, externalName: pool.b.svc.cluster.local")
        + service("pool", "b", "type: ExternalName, externalName: loop.b.svc.cluster.local")
        + service("away", "b", "type: ExternalName, externalName: example.com")
    )
    web = snapshot.service_index.find("web.app.svc.cluster.local", "app")
    assert web is not None
    assert web.aliases == (
        Alias(Namespace("b"), Hostname("one.b.svc.cluster.local")),
        Alias(Namespace("b"), Hostname("two.b.svc.cluster.local")),
    )
    assert all(not each.aliases for each in snapshot.services if each.name != "web")
    changed, _ = edit(snapshot, service("other"))
    assert changed.service_index.find("web.app.svc.cluster.local", "app") is web
    without, _ = remove(snapshot, "Service", "b", "two")
    pointed = without.service_index.find("web.app.svc.cluster.local", "app")
    assert pointed is not None
    assert pointed.aliases == ()


def test_who_sees_a_service() -> None:
    visible = mesh_of(
        service("everyone")
        + service("own", annotations="{networking.istio.io/exportTo: .}")
        + service("b", annotations="{networking.istio.io/exportTo: b}")
        + service("nobody", annotations="{networking.istio.io/exportTo: '~'}")
    ).service_index.visible
    assert [each.name for each in visible.to("app")] == ["own", "everyone"]
    assert [each.name for each in visible.to("b")] == ["b", "everyone"]
    assert [each.name for each in visible.to("c")] == ["everyone"]


def test_the_mesh_default_can_change() -> None:
    snapshot = mesh_of(service("web"))
    changed, change = snapshot.with_mesh(MeshConfig(default_service_export_to=(".",)))
    assert changed.service_index.visible.to("b") == ()
    assert [each.name for each in changed.service_index.visible.to("app")] == ["web"]
    assert change.full


def test_services_are_found_by_what_they_select() -> None:
    index = mesh_of(
        service("web", spec="selector: {app: web}")
        + service("all", spec="selector: {tier: front}")
        + service("none")
        + entry("e", "ext.com", more="workloadSelector: {labels: {app: web}},", resolution="STATIC")
    ).service_index
    found = index.selecting_labels("app", {"app": "web", "tier": "front"})
    assert [each[0].name for each in found] == ["all", "ext.com", "web"]
    assert index.selecting_labels("other", {"app": "web"}) == []


def test_an_allocated_address_moves_where_an_older_entry_appears() -> None:
    snapshot = mesh_of(entry("b", "b.com"))
    changed, change = edit(snapshot, entry("a", "a.com"))
    assert [(each.name, each.auto_allocated_v4) for each in changed.services] == [
        ("a.com", "240.240.0.1"),
        ("b.com", "240.240.0.2"),
    ]
    assert {each.name for each in change.updated} == {"a", "b"}


def test_allocation_can_be_switched_off() -> None:
    (made,) = mesh_of(entry("b", "b.com"), None, ip_autoallocate=False).services
    assert made.auto_allocated_v4 == ""


def test_node_ports_follow_the_nodes() -> None:
    node_port = service(
        "edge",
        spec="type: NodePort, ports: [{port: 1, nodePort: 2}]",
        annotations='{traffic.istio.io/nodeSelector: "{}"}',
    )
    snapshot = mesh_of(node_port)
    node = "kind: Node\nmetadata: {name: n}\nstatus: {addresses: [{type: ExternalIP, address: 203.0.113.1}]}"
    changed, change = edit(snapshot, node)
    assert changed.services[0].external_addresses == {"Kubernetes": ("203.0.113.1",)}
    assert change.full
    plain, _ = edit(changed, service("edge"))
    assert plain.service_index.by_node == frozenset()


def test_an_unrelated_edit_keeps_every_service() -> None:
    snapshot = mesh_of(service("one") + service("two"))
    changed, _ = edit(snapshot, service("three"))
    assert [each for each in changed.services if each.name != "three"] == list(snapshot.services)
    assert all(
        before is after
        for before, after in zip(snapshot.services, (s for s in changed.services if s.name != "three"), strict=True)
    )
