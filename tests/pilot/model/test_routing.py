from pilot.model.mesh import MeshConfig
from pilot.model.routing import MESH, ResolvedVirtualService, Routing
from pilot.resources import Origin
from tests.pilot.model.meshes import edit, mesh_of, remove


def resolved(
    text: str, name: str = "v", namespace: str = "app", mesh: MeshConfig | None = None
) -> ResolvedVirtualService:
    return mesh_of(text, mesh).routing.resolved[namespace, name]


FULL = """
kind: VirtualService
metadata: {name: v, namespace: app, creationTimestamp: "2024-01-01T00:00:00Z"}
spec:
  hosts: [web, "*.com", other.ns]
  gateways: [mesh, gw, infra/gw, ./own, old.infra.svc.cluster.local, old.other]
  exportTo: ["."]
  http:
  - match: [{gateways: [gw, mesh], uri: {exact: /}}]
    route: [{destination: {host: web}, weight: 1}, {destination: {host: a.b}}]
    mirror: {host: copy}
    mirrors: [{destination: {host: copies}}]
  tcp: [{match: [{gateways: [gw]}], route: [{destination: {host: tcp}}]}]
  tls: [{match: [{sniHosts: [a.com], gateways: [infra/gw]}], route: [{destination: {host: tls}}]}]
"""


def test_names_are_completed_everywhere() -> None:
    made = resolved(FULL)
    assert made.hosts == ("web.app.svc.cluster.local", "*.com", "other.ns")
    assert made.gateways == (MESH, "app/gw", "infra/gw", "app/own", "infra/old", "other/old")
    (http,) = made.http
    assert http.match[0].gateways == ("app/gw", MESH)
    assert [each.destination.host for each in http.route] == ["web.app.svc.cluster.local", "a.b"]
    assert http.mirror is not None
    assert http.mirror.host == "copy.app.svc.cluster.local"
    assert http.mirrors[0].destination.host == "copies.app.svc.cluster.local"
    assert made.tcp[0].match[0].gateways == ("app/gw",)
    assert made.tcp[0].route[0].destination.host == "tcp.app.svc.cluster.local"
    assert made.tls[0].match[0].gateways == ("infra/gw",)
    assert made.tls[0].route[0].destination.host == "tls.app.svc.cluster.local"
    assert made.origin == Origin("VirtualService", "app", "v")
    assert made.export_to == {"."}
    assert not made.gateway_semantics


def test_without_gateways_it_is_for_the_mesh_and_for_whom_the_default_says() -> None:
    text = "kind: VirtualService\nmetadata: {name: v, namespace: app}\nspec: {hosts: [web]}"
    made = resolved(text, mesh=MeshConfig(default_virtual_service_export_to=(".",)))
    assert made.gateways == (MESH,)
    assert made.export_to == {"."}


def test_routes_of_the_gateway_api_are_left_as_they_are() -> None:
    text = FULL.replace(
        'creationTimestamp: "2024-01-01T00:00:00Z"',
        "annotations: {internal.istio.io/route-semantics: gateway}",
    )
    made = resolved(text)
    assert made.gateway_semantics
    assert made.hosts[0] == "web"
    assert made.http[0].route[0].destination.host == "web"


ROOT = """
kind: VirtualService
metadata: {name: v, namespace: app}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {prefix: /a}}], delegate: {name: leaf, namespace: team}}
  - {route: [{destination: {host: web}}]}
"""
LEAF = """
kind: VirtualService
metadata: {name: leaf, namespace: team}
spec: {http: [{route: [{destination: {host: mine}}]}, {delegate: {name: nested}}], exportTo: [%s]}
"""


def test_a_delegate_takes_the_place_of_its_route() -> None:
    made = resolved(ROOT + "---" + LEAF % '"*"')
    assert [each.route[0].destination.host for each in made.http] == [
        "mine.team.svc.cluster.local",
        "web.app.svc.cluster.local",
    ]
    assert made.http[0].match[0].uri is not None
    assert made.delegates == (Origin("VirtualService", "team", "leaf"),)


def test_a_delegate_is_no_virtual_service_of_its_own() -> None:
    snapshot = mesh_of(LEAF % "app")
    assert snapshot.virtual_services == ()


def test_a_route_without_usable_delegate_disappears() -> None:
    for leaf, words in (
        ("kind: Namespace\nmetadata: {name: x}", "to be there, got none"),
        (LEAF % "other", "exported to app, got exportTo other"),
        (LEAF.replace("spec: {", "spec: {hosts: [own], ") % "app", "without hosts, got some"),
    ):
        snapshot = mesh_of(f"{ROOT}---\n{leaf}")
        made = snapshot.routing.resolved["app", "v"]
        assert len(made.http) == 1
        (problem,) = (each for each in snapshot.problems if each.key and each.key.name == "v")
        assert words in problem.message
        assert problem.field == "spec.http[0].delegate"


def test_conflicting_routes_of_a_delegate_are_problems() -> None:
    leaf = (LEAF % "app").replace("{http: [{route", "{http: [{name: b, match: [{uri: {prefix: /b}}], route")
    (problem,) = mesh_of(f"{ROOT}---\n{leaf}").problems
    assert "route b of VirtualService team/leaf conflicts" in problem.message


def test_a_changed_delegate_changes_its_root() -> None:
    snapshot = mesh_of(ROOT + "---" + LEAF % "app")
    changed, change = edit(snapshot, (LEAF % "app").replace("mine", "yours"))
    assert changed.routing.resolved["app", "v"].http[0].route[0].destination.host == "yours.team.svc.cluster.local"
    assert change.full
    assert change.updated == {Origin("VirtualService", "team", "leaf")}
    gone, _ = remove(changed, "VirtualService", "team", "leaf")
    assert len(gone.routing.resolved["app", "v"].http) == 1
    assert gone.problems


def test_they_are_in_order_of_creation_then_name_then_namespace() -> None:
    text = "kind: VirtualService\nmetadata: {name: %s, namespace: %s, creationTimestamp: '%s'}\nspec: {hosts: [web]}"
    young, old = "2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z"
    snapshot = mesh_of(
        "\n---\n".join(
            text % each for each in (("b", "x", old), ("a", "y", old), ("a", "x", old), ("young", "x", young))
        )
    )
    assert [(each.name, each.namespace) for each in snapshot.virtual_services] == [
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("young", "x"),
    ]


def test_routes_for_sidecars_and_for_gateways_are_kept_apart() -> None:
    text = "kind: VirtualService\nmetadata: {name: %s, namespace: app}\nspec: {hosts: [web], gateways: [%s]}"
    routing = mesh_of(
        "\n---\n".join(text % each for each in (("m", "mesh"), ("g", "gw"), ("both", "mesh, gw")))
    ).routing
    assert [each.name for each in routing.mesh.to("app")] == ["both", "m"]
    assert [each.name for each in routing.gateways.to("app")] == ["both", "g"]


def test_the_last_one_leaves_nothing_behind() -> None:
    snapshot, _ = remove(mesh_of(ROOT), "VirtualService", "app", "v")
    assert snapshot.routing == Routing()
