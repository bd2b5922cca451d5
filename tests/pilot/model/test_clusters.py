"""Several clusters as one mesh."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.model import clusters
from pilot.model.changes import NO_CHANGE
from pilot.model.network_gateways import build
from pilot.model.objects import Event, ObjectKey
from pilot.model.service import Hostname, Namespace, Service
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import objects

KEY = (Hostname("web.a.svc.cluster.local"), Namespace("a"))


def declared(vip: str, *addresses: str, name: str = "web", more: str = "") -> list[Event]:
    endpoints = ", ".join(f"{{addresses: [{each}]}}" for each in addresses)
    text = f"""
kind: Service
metadata: {{name: {name}, namespace: a{more}}}
spec: {{clusterIP: {vip}, ports: [{{name: http, port: 80}}]}}
---
kind: EndpointSlice
metadata: {{name: {name}-1, namespace: a, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{endpoints}]
"""
    return [Event(each.key, each) for each in objects(text)]


def own(*events: Event) -> Snapshot:
    return Snapshot.empty().apply(events)[0]


def find(snapshot: Snapshot, name: str = "web") -> Service | None:
    return snapshot.service_index.find(f"{name}.a.svc.cluster.local", "a")


def addresses(snapshot: Snapshot) -> list[tuple[str, str]]:
    found = snapshot.endpoints.get(KEY)
    return [(each.cluster_id, each.address) for each in found.endpoints] if found else []


def test_a_service_of_two_clusters_is_one_with_an_address_in_each() -> None:
    mesh, change = own(*declared("10.0.0.1", "1.1.1.1")).apply_remote("east", declared("10.9.0.1", "1.1.1.1"))
    assert change.full
    found = find(mesh)
    assert found is not None
    assert found.cluster_vips == {"Kubernetes": ("10.0.0.1",), "east": ("10.9.0.1",)}
    assert len(mesh.services) == 1
    # Networks may use the same addresses: neither endpoint is the other's.
    assert addresses(mesh) == [("Kubernetes", "1.1.1.1"), ("east", "1.1.1.1")]


def test_one_that_is_headless_elsewhere_has_no_address_there() -> None:
    mesh, _ = own(*declared("10.0.0.1", "1.1.1.1")).apply_remote("east", declared("None", "2.2.2.2"))
    found = find(mesh)
    assert found is not None
    assert found.cluster_vips["east"] == ("0.0.0.0",)


def test_order_is_that_of_cluster_ids_not_of_arrival() -> None:
    mesh = own(*declared("10.0.0.1", "1.1.1.1"))
    for cluster, address in (("west", "3.3.3.3"), ("A-first", "2.2.2.2")):
        mesh, _ = mesh.apply_remote(cluster, declared("10.9.0.1", address))
    assert [each for each, _ in addresses(mesh)] == ["A-first", "Kubernetes", "west"]


def test_configuration_goes_on_in_a_mesh_of_several_clusters() -> None:
    mesh, _ = own(*declared("10.0.0.1", "1.1.1.1")).apply_remote("east", declared("10.9.0.1", "2.2.2.2"))
    mesh, change = mesh.apply(declared("10.0.0.1", "1.1.1.1", "1.1.1.2")[1:])
    assert change.hosts == {KEY}
    assert not change.full
    assert len(addresses(mesh)) == 3
    same, change = mesh.apply_remote("east", declared("10.9.0.1", "2.2.2.2"))
    assert same is mesh
    assert change == NO_CHANGE


def test_a_cluster_that_goes_takes_its_endpoints_and_nothing_else() -> None:
    alone = own(*declared("10.0.0.1", "1.1.1.1"))
    mesh, _ = alone.apply_remote("east", [*declared("10.9.0.1", "2.2.2.2"), *declared("10.9.0.2", name="only")])
    assert find(mesh, "only") is not None
    mesh, change = mesh.without_remote("east")
    assert change.full
    assert mesh is alone
    assert mesh.without_remote("east") == (alone, NO_CHANGE)


def test_an_object_that_goes_in_one_cluster_stays_in_the_other() -> None:
    mesh, _ = own(*declared("10.0.0.1", "1.1.1.1")).apply_remote("east", declared("10.9.0.1", "2.2.2.2"))
    mesh, _ = mesh.apply([Event(ObjectKey("Service", "a", "web"), None)])
    found = find(mesh)
    assert found is not None
    assert found.cluster_vips == {"east": ("10.9.0.1",)}
    assert addresses(mesh) == [("east", "2.2.2.2")]


def test_a_way_into_a_network_is_that_of_its_own_cluster() -> None:
    def gateway(network: str, address: str) -> list[Event]:
        text = f"""
kind: Service
metadata: {{name: ew, namespace: a, labels: {{topology.istio.io/network: {network}}}}}
spec: {{type: LoadBalancer, clusterIP: 10.0.0.5, ports: [{{name: tls, port: 15443}}]}}
status: {{loadBalancer: {{ingress: [{{ip: {address}}}]}}}}
"""
        return [Event(each.key, each) for each in objects(text)]

    mesh, _ = own(*gateway("one", "7.7.7.7")).apply_remote("east", gateway("two", "8.8.8.8"))
    ways = build(mesh.services, mesh.networks, mesh.conversions.network_gateways)
    assert {name: [each.address for each in found] for name, found in ways.by_network.items()} == {
        "one": ["7.7.7.7"],
        "two": ["8.8.8.8"],
    }
    assert ways.by_network["two"][0].cluster_id == "east"


def test_another_mesh_configuration_holds_in_all_clusters() -> None:
    mesh, _ = own(*declared("10.0.0.1", "1.1.1.1")).apply_remote("east", declared("10.9.0.1", "2.2.2.2"))
    moved, _ = mesh.with_mesh(msgspec.structs.replace(mesh.mesh, trust_domain="other.example"))
    assert {each.mesh.trust_domain for each in (moved, *moved.remotes.values())} == {"other.example"}


def test_a_registry_is_asked_for_by_cluster() -> None:
    alone = own(*declared("10.0.0.1", "1.1.1.1"))
    mesh, _ = alone.apply_remote("east", declared("10.9.0.1", "2.2.2.2"))
    assert mesh.registry_of("east") is mesh.remotes["east"]
    assert mesh.registry_of("Kubernetes") is alone
    assert alone.registry_of("nobody") is alone


STEPS = st.tuples(
    st.sampled_from(("", "east", "west")), st.sampled_from(("web", "db", "only")), st.sampled_from((None, "1", "2", ""))
)


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_is_merged_again_step_by_step_is_what_is_merged_at_once(steps: list[tuple[str, str, str | None]]) -> None:
    mesh = own(*declared("10.0.0.1", "1.1.1.1"))
    for cluster, name, endpoint in steps:
        events = declared("10.0.0.9", *([f"9.9.9.{endpoint}"] if endpoint else []), name=name)
        if endpoint is None:
            events = [Event(each.key, None) for each in events]
        if not cluster:
            mesh, _ = mesh.apply(events)
        elif endpoint == "" and name == "only":
            mesh, _ = mesh.without_remote(cluster)
        else:
            mesh, _ = mesh.apply_remote(cluster, events)
    if mesh.alone is None:
        return
    at_once = clusters.merge(mesh.alone, mesh.remotes)
    assert at_once.services == mesh.services
    assert at_once.service_index.declared == mesh.service_index.declared
    assert at_once.endpoints == mesh.endpoints
    assert at_once.conversions == mesh.conversions


def test_what_did_not_change_anywhere_stays_the_same_object_with_many_clusters() -> None:
    mesh = own(*declared("10.0.0.1", "1.1.1.1"))
    for number in range(12):
        mesh, _ = mesh.apply_remote(f"c{number}", declared("10.9.0.1", f"2.2.2.{number}"))
    now, change = mesh.apply_remote("c7", declared("10.9.0.1", "3.3.3.3")[1:])
    assert not change.full
    assert now.service_index is mesh.service_index
    assert now.conversions is mesh.conversions
    assert [name for name in now.remotes if now.remotes[name] is not mesh.remotes[name]] == ["c7"]
    now, _ = mesh.apply(declared("10.0.0.1", "1.1.1.2")[1:])
    assert now.remotes is mesh.remotes
    assert now.service_index is mesh.service_index


def test_workloads_of_another_cluster_may_be_in_another_trust_domain() -> None:
    pod = """
kind: Pod
metadata: {name: p, namespace: a, labels: {app: web}}
spec: {serviceAccountName: web, nodeName: n}
status: {podIP: 2.2.2.2, phase: Running}
---
kind: Pod
metadata: {name: q, namespace: a, labels: {app: web}}
spec: {serviceAccountName: web, nodeName: n}
status: {podIP: 1.1.1.1, phase: Running}
"""
    pods = [Event(each.key, each) for each in objects(pod)]
    mesh, _ = own(*declared("10.0.0.1", "1.1.1.1"), *pods).apply_remote("east", declared("10.9.0.1", "2.2.2.2") + pods)
    assert mesh.endpoints[KEY].accounts == ("spiffe://cluster.local/ns/a/sa/web",)
    moved, change = mesh.with_trust_domain("east", "far.example")
    assert change.full
    both = ("spiffe://cluster.local/ns/a/sa/web", "spiffe://far.example/ns/a/sa/web")
    assert moved.endpoints[KEY].accounts == both
    later, _ = moved.apply_remote("east", declared("10.9.0.1", "2.2.2.2", "2.2.2.3"))
    assert later.endpoints[KEY].accounts == both
    again, _ = later.with_mesh(msgspec.structs.replace(mesh.mesh, trust_domain="own.example"))
    assert again.endpoints[KEY].accounts == ("spiffe://far.example/ns/a/sa/web", "spiffe://own.example/ns/a/sa/web")
    assert moved.with_trust_domain("east", "far.example")[0] is moved
    assert moved.with_trust_domain("nobody", "x") == (moved, NO_CHANGE)
