from pilot.model.sidecars import ActiveSidecar
from pilot.view.imports import Imports, contested_namespaces, import_declared, import_everything, select_namespaces
from tests.pilot.model.meshes import mesh_of


def service(name: str, namespace: str, ports: str = "{name: http, port: 80}, {name: tcp, port: 90}") -> str:
    return f"---\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{ports: [{ports}]}}\n"


def entry(
    name: str, host: str, namespace: str, ports: str = "{number: 80, name: http, protocol: HTTP}", **more: str
) -> str:
    return f"""---
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: [{host}], {more.get("addresses", "")} resolution: DNS, location: MESH_EXTERNAL, ports: [{ports}]}}
"""


def routes(name: str, namespace: str, host: str, to: str) -> str:
    return f"""---
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: ["{host}"], http: [{{route: [{{destination: {to}}}]}}]}}
"""


MESH = service("web", "app") + service("api", "back") + service("db", "back") + entry("ext", '"*.ext.com"', "back")


def imported(mesh: str, *egress: str, namespace: str = "app") -> Imports:
    listed = f"spec: {{egress: [{', '.join(egress)}]}}"
    snapshot = mesh_of(f"{mesh}---\nkind: Sidecar\nmetadata: {{name: s, namespace: {namespace}}}\n{listed}")
    sidecar = snapshot.sidecars.find(namespace, {})
    assert isinstance(sidecar, ActiveSidecar)
    visible = snapshot.service_index.visible.to(namespace)
    return import_declared(visible, snapshot.routing.mesh.to(namespace), namespace, sidecar)


def names(found: Imports) -> list[list[str]]:
    return [[each.name for each in listener.services] for listener in found.egress]


def test_hosts_are_chosen_by_namespace_and_name() -> None:
    assert names(imported(MESH, "{hosts: ['./*']}")) == [["web"]]
    assert names(imported(MESH, "{hosts: ['back/*']}")) == [["*.ext.com", "api", "db"]]
    assert names(imported(MESH, "{hosts: ['*/api.back.svc.cluster.local', '~/*']}")) == [["api"]]
    assert names(imported(MESH, "{hosts: ['back/*.com']}")) == [["*.ext.com"]]
    assert names(imported(MESH, "{hosts: ['back/a.ext.com']}")) == [[]]


def test_a_sidecar_without_egress_imports_everything() -> None:
    assert names(imported(MESH)) == [["*.ext.com", "api", "db", "web"]]


def test_a_listener_with_a_port_keeps_only_that_port() -> None:
    found = imported(MESH, "{port: {number: 90, name: tcp, protocol: TCP}, hosts: ['*/*']}")
    assert names(found) == [["api", "db", "web"]]
    assert all([port.number for port in each.ports] == [90] for each in found.services)


def test_a_proxy_port_and_a_socket_restrict_nothing() -> None:
    for listener in (
        "{port: {number: 15080, name: proxy, protocol: HTTP_PROXY}, bind: 127.0.0.1, hosts: ['./*']}",
        "{port: {number: 0, name: uds, protocol: HTTP}, bind: 'unix:///x', hosts: ['./*']}",
    ):
        (web,) = imported(MESH, listener).services
        assert [port.number for port in web.ports] == [80, 90]


def test_ports_of_several_listeners_come_together() -> None:
    found = imported(
        MESH,
        "{port: {number: 90, name: tcp, protocol: TCP}, hosts: ['./*']}",
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['./*']}",
    )
    (web,) = found.services
    assert [port.number for port in web.ports] == [90, 80]
    assert found.by_host[web.hostname] is web
    assert [[port.number for port in each.services[0].ports] for each in found.egress] == [[90], [80]]


def test_routes_are_imported_with_the_hosts_they_are_for() -> None:
    mesh = (
        MESH
        + routes("exact", "back", "api", "{host: api}")
        + routes("wide", "back", "*.back.svc.cluster.local", "{host: api}")
        + routes("own", "app", "api.back.svc.cluster.local", "{host: web}")
    )
    found = imported(mesh, "{hosts: ['back/api.back.svc.cluster.local']}", "{hosts: ['./*']}")
    assert [[each.name for each in listener.virtual_services] for listener in found.egress] == [
        ["exact", "wide"],
        ["own"],
    ]


def test_what_routes_lead_to_is_imported_too() -> None:
    mesh = MESH + routes("v", "app", "web", "{host: api.back.svc.cluster.local, port: {number: 90}}")
    found = imported(mesh, "{hosts: ['./*']}")
    assert [(each.name, [port.number for port in each.ports]) for each in found.services] == [
        ("web", [80, 90]),
        ("api", [90]),
    ]
    assert names(found) == [["web"]]
    whole = imported(mesh.replace(", port: {number: 90}", ""), "{hosts: ['./*']}")
    assert len(whole.services[1].ports) == 2
    restricted = imported(mesh, "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['./*']}")
    assert [port.number for port in restricted.services[1].ports] == [80]


def test_a_destination_that_is_nowhere_or_lacks_the_port_is_not_imported() -> None:
    mesh = MESH + routes("v", "app", "web", "{host: nowhere.com}")
    assert len(imported(mesh, "{hosts: ['./*']}").services) == 1
    mesh = MESH + routes("v", "app", "web", "{host: api.back.svc.cluster.local, port: {number: 1}}")
    assert len(imported(mesh, "{hosts: ['./*']}").services) == 1


def test_a_destination_in_several_namespaces_is_the_own_or_the_first() -> None:
    twice = (
        MESH + entry("z", "two.com", "z") + entry("b", "two.com", "b") + routes("v", "app", "web", "{host: two.com}")
    )
    assert imported(twice, "{hosts: ['./web.app.svc.cluster.local']}").services[1].namespace == "b"
    own = twice + entry("own", "two.com", "app")
    assert imported(own, "{hosts: ['./web.app.svc.cluster.local']}").services[1].namespace == "app"


TWICE = (
    entry("first", "web.k.svc.cluster.local", "a")
    + service("web", "k")
    + entry("e1", "ext.com", "a", addresses="addresses: [10.0.0.1, 10.0.0.2],")
    + entry("e2", "ext.com", "b")
)


def chosen(namespace: str) -> set[tuple[str, str]]:
    listing = mesh_of(TWICE).services
    return {(each.hostname, each.namespace) for each in select_namespaces(listing, namespace)}


def test_of_one_name_in_several_namespaces_one_is_chosen() -> None:
    assert chosen("other") == {("web.k.svc.cluster.local", "k"), ("ext.com", "a")}
    assert chosen("a") == {("web.k.svc.cluster.local", "a"), ("ext.com", "a")}
    assert chosen("b") == {("web.k.svc.cluster.local", "k"), ("ext.com", "b")}
    assert contested_namespaces(mesh_of(TWICE).services) == {"a", "b", "k"}
    assert contested_namespaces(mesh_of(MESH).services) == frozenset()


def test_all_addresses_of_the_chosen_one_stay_in_the_listener() -> None:
    found = import_everything(mesh_of(TWICE).services, (), "")
    (listener,) = found.egress
    assert listener.declared is None
    assert [each.address for each in listener.services if each.hostname == "ext.com"] == ["10.0.0.1", "10.0.0.2"]
    assert [each.address for each in found.services if each.hostname == "ext.com"] == ["10.0.0.1"]


def test_entries_that_say_the_same_add_their_ports_and_others_do_not() -> None:
    more = "{number: 80, name: http, protocol: HTTP}, {number: 81, name: http2, protocol: HTTP2}"
    same = import_everything(mesh_of(entry("a", "ext.com", "a") + entry("b", "ext.com", "a", more)).services, (), "")
    assert [[port.number for port in each.ports] for each in same.services] == [[80, 81]]
    other = entry("b", "ext.com", "a", more).replace("resolution: DNS", "resolution: NONE")
    apart = import_everything(mesh_of(entry("a", "ext.com", "a") + other).services, (), "")
    assert [[port.number for port in each.ports] for each in apart.services] == [[80]]


def test_the_same_imports_are_the_same_objects() -> None:
    snapshot = mesh_of(MESH)
    one = import_everything(snapshot.services, (), "")
    other = import_everything(snapshot.services, (), "app")
    assert one.services is other.services
    assert one.by_host is other.by_host
    assert one.egress is other.egress
