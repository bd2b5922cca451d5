from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replace_struct

from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks, Network, NetworkEndpoints
from pilot.model.objects import Event, ObjectKey
from pilot.model.selectors import LabelSelector
from pilot.model.service import Hostname, Namespace, Resolution
from pilot.model.snapshot import Change, Snapshot
from pilot.resources import Origin
from tests.pilot.model.meshes import edit, mesh_of, put, remove
from tests.pilot.model.random_meshes import BATCHES

PROPERTY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

MESHES = st.sampled_from(
    [
        MeshConfig(),
        MeshConfig(discovery_selectors=(LabelSelector(match_labels={"mesh": "in"}),)),
        MeshConfig(default_service_export_to=(".",), default_virtual_service_export_to=(".",)),
        MeshConfig(trust_domain="other", root_namespace="a"),
    ]
)

SHOP = """
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: Service
metadata: {name: ratings, namespace: shop}
spec: {clusterIP: 10.0.0.2, selector: {app: ratings}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: Pod
metadata: {name: reviews-1, namespace: shop, labels: {app: reviews, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: reviews}
status: {phase: Running, podIP: 10.1.0.1, conditions: [{type: Ready, status: "True"}]}
---
kind: Pod
metadata: {name: reviews-2, namespace: shop, labels: {app: reviews, security.istio.io/tlsMode: istio}}
spec: {serviceAccountName: reviews}
status: {phase: Running, podIP: 10.1.0.2, conditions: [{type: Ready, status: "True"}]}
---
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
"""
REVIEWS = (Hostname("reviews.shop.svc.cluster.local"), Namespace("shop"))


def unready(name: str = "reviews-2", address: str = "10.1.0.2") -> str:
    return f"""
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: reviews, security.istio.io/tlsMode: istio}}}}
spec: {{serviceAccountName: reviews}}
status: {{phase: Running, podIP: {address}, conditions: [{{type: Ready, status: "False"}}]}}
"""


def everything(snapshot: Snapshot) -> dict[str, Any]:
    """All parts that views are made of."""
    return {
        "services": snapshot.services,
        "visible": snapshot.service_index.visible,
        "selecting": snapshot.service_index.selecting,
        "endpoints": snapshot.endpoints,
        "virtual services": snapshot.virtual_services,
        "mesh routes": snapshot.routing.mesh,
        "gateway routes": snapshot.routing.gateways,
        "rules": snapshot.rules.namespaces,
        "gateways": snapshot.gateways,
        "peer authentications": snapshot.peer_authentications,
        "sidecars": snapshot.sidecars,
        "problems": snapshot.problems,
        "workloads": (snapshot.workloads.pods, snapshot.workloads.entries),
    }


def from_scratch(snapshot: Snapshot) -> Snapshot:
    return Snapshot.empty(snapshot.mesh, snapshot.features, snapshot.networks).apply(put(snapshot.objects.all()))[0]


@PROPERTY
@given(MESHES, BATCHES)
def test_changes_one_by_one_give_what_everything_at_once_gives(mesh: MeshConfig, batches: list[list[Event]]) -> None:
    snapshot = Snapshot.empty(mesh)
    for batch in batches:
        snapshot, _ = snapshot.apply(batch)
    expected = from_scratch(snapshot)
    assert everything(snapshot) == everything(expected)
    assert snapshot == expected


@PROPERTY
@given(MESHES, BATCHES)
def test_what_says_the_same_stays_the_same_object(mesh: MeshConfig, batches: list[list[Event]]) -> None:
    snapshot = Snapshot.empty(mesh)
    for batch in batches:
        before, (snapshot, _) = snapshot, snapshot.apply(batch)
        for key, endpoints in before.endpoints.items():
            assert endpoints != snapshot.endpoints.get(key) or endpoints is snapshot.endpoints[key]
        for declared, services in before.service_index.declared.items():
            now = snapshot.service_index.declared.get(declared)
            assert services != now or services is now
        for place, routes in before.routing.resolved.items():
            assert routes != snapshot.routing.resolved.get(place) or routes is snapshot.routing.resolved[place]
        for namespace, rules in before.rules.namespaces.items():
            assert rules != snapshot.rules.namespaces.get(namespace) or rules is snapshot.rules.namespaces[namespace]
        for name in ("gateways", "peer_authentications", "sidecars", "services", "virtual_services"):
            old, new = getattr(before, name), getattr(snapshot, name)
            assert old != new or old is new, name


@PROPERTY
@given(MESHES, BATCHES)
def test_the_change_names_all_that_differs(mesh: MeshConfig, batches: list[list[Event]]) -> None:
    snapshot = Snapshot.empty(mesh)
    for batch in batches:
        before, (snapshot, change) = snapshot, snapshot.apply(batch)
        old, new = everything(before), everything(snapshot)
        differing = {
            key
            for key in old["endpoints"].keys() | new["endpoints"].keys()
            if old["endpoints"].get(key) != new["endpoints"].get(key)
        }
        assert change.hosts == differing
        if not change.full:
            ignored = {"endpoints", "problems", "workloads"}
            assert {key for key in old if old[key] != new[key]} <= ignored
            assert all(
                each.resolution is Resolution.CLIENT_SIDE
                for key in differing
                for each in snapshot.service_index.by_key.get(key, ())
            )
        if change:
            assert change.updated


@PROPERTY
@given(MESHES, MESHES, BATCHES)
def test_another_mesh_configuration_gives_what_it_gives_from_scratch(
    first: MeshConfig, second: MeshConfig, batches: list[list[Event]]
) -> None:
    snapshot = Snapshot.empty(first)
    for batch in batches:
        snapshot, _ = snapshot.apply(batch)
    changed, change = snapshot.with_mesh(second)
    assert changed == from_scratch(changed)
    assert change.full == (first != second)
    back, _ = changed.with_mesh(first)
    assert back == snapshot


def test_a_pod_that_turns_unready_changes_only_endpoints() -> None:
    snapshot = mesh_of(SHOP)
    changed, change = edit(snapshot, unready())
    assert change == Change(
        full=False, hosts=frozenset({REVIEWS}), updated=frozenset({Origin("Pod", "shop", "reviews-2")})
    )
    assert changed.services is snapshot.services
    assert changed.routing is snapshot.routing
    assert changed.rules is snapshot.rules
    kept = changed.endpoints[REVIEWS].endpoints[0]
    assert kept is snapshot.endpoints[REVIEWS].endpoints[0]


def test_the_same_object_again_is_no_change() -> None:
    snapshot = mesh_of(SHOP)
    again, change = edit(snapshot, SHOP)
    assert again is snapshot
    assert not change
    assert change == Change()


def test_metadata_that_means_nothing_is_no_change() -> None:
    snapshot = mesh_of(SHOP)
    (declared,) = [each for each in snapshot.objects.all() if each.KIND == "VirtualService"]
    noted = replace_struct(
        declared, metadata=replace_struct(declared.metadata, annotations={"note": "x"}, generation=2)
    )
    changed, change = snapshot.apply(put([noted]))
    assert not change
    assert changed.objects.find(noted.key) is noted
    assert changed.virtual_services is snapshot.virtual_services


def test_first_endpoints_of_a_service_are_a_full_change() -> None:
    snapshot = mesh_of(SHOP)
    _, change = edit(snapshot, unready("ratings-1", "10.1.0.9").replace("app: reviews", "app: ratings"))
    assert change.full
    assert {host for host, _ in change.hosts} == {"ratings.shop.svc.cluster.local"}
    assert change.workloads == {("Pod", "shop", "ratings-1")}


def test_other_identities_behind_a_service_are_a_full_change() -> None:
    snapshot = mesh_of(SHOP)
    _, change = edit(snapshot, unready().replace("Name: reviews", "Name: other"))
    assert change.full


def test_endpoints_that_clusters_show_are_a_full_change() -> None:
    entry = """
kind: ServiceEntry
metadata: {name: ext, namespace: shop}
spec:
  hosts: [ext.com]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: one.ext.com}]
"""
    snapshot = mesh_of(entry)
    _, change = edit(snapshot, entry.replace("one.", "two."))
    assert change.full
    assert {host for host, _ in change.hosts} == {"ext.com"}


def test_a_changed_route_is_a_full_change_without_endpoints() -> None:
    snapshot = mesh_of(SHOP)
    changed, change = edit(
        snapshot,
        """
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec: {hosts: [reviews], http: [{route: [{destination: {host: ratings}}]}]}
""",
    )
    assert change == Change(full=True, updated=frozenset({Origin("VirtualService", "shop", "reviews")}))
    assert changed.endpoints is snapshot.endpoints
    assert changed.services is snapshot.services


def test_a_removed_service_takes_its_endpoints_along() -> None:
    snapshot, change = remove(mesh_of(SHOP), "Service", "shop", "reviews")
    assert change.full
    assert change.hosts == {REVIEWS}
    assert REVIEWS not in snapshot.endpoints
    assert [each.name for each in snapshot.services] == ["ratings"]


def test_an_object_that_is_not_there_can_be_removed() -> None:
    snapshot = mesh_of(SHOP)
    assert remove(snapshot, "Pod", "shop", "nobody") == (snapshot, Change())


def test_objects_of_other_kinds_are_kept_and_mean_nothing() -> None:
    snapshot, change = edit(mesh_of(SHOP), "kind: ServiceAccount\nmetadata: {name: x, namespace: shop}")
    assert not change
    assert snapshot.objects.find(ObjectKey("ServiceAccount", "shop", "x")) is not None


def test_namespaces_come_and_go_with_their_labels() -> None:
    mesh = MeshConfig(discovery_selectors=(LabelSelector(match_labels={"mesh": "in"}),))
    snapshot = mesh_of(SHOP, mesh)
    assert snapshot.services == ()
    inside, change = edit(snapshot, "kind: Namespace\nmetadata: {name: shop, labels: {mesh: in}}")
    assert change.full
    assert [each.name for each in inside.services] == ["ratings", "reviews"]
    assert REVIEWS in inside.endpoints
    outside, change = edit(inside, "kind: Namespace\nmetadata: {name: shop}")
    assert change.full
    assert outside.services == ()
    assert outside.endpoints == {}


def test_the_label_of_the_system_namespace_is_the_network_of_pods() -> None:
    snapshot = mesh_of(SHOP)
    changed, change = edit(
        snapshot, "kind: Namespace\nmetadata: {name: istio-system, labels: {topology.istio.io/network: east}}"
    )
    assert change.full
    assert change.hosts == {REVIEWS}
    assert {each.network for each in changed.endpoints[REVIEWS].endpoints} == {"east"}


def test_networks_can_be_replaced() -> None:
    networks = MeshNetworks({"east": Network((NetworkEndpoints(from_cidr="10.1.0.0/31"),))})
    changed, change = mesh_of(SHOP).with_mesh(MeshConfig(), networks)
    assert change.full
    found = changed.endpoints[REVIEWS].endpoints
    assert [(each.address, each.network) for each in found] == [("10.1.0.1", "east"), ("10.1.0.2", "")]


def test_the_same_mesh_configuration_is_no_change() -> None:
    snapshot = mesh_of(SHOP)
    assert snapshot.with_mesh(MeshConfig()) == (snapshot, Change())
    assert replace(snapshot) == snapshot


def test_problems_of_routes_and_rules_are_listed() -> None:
    snapshot = mesh_of(
        """
kind: VirtualService
metadata: {name: root, namespace: shop}
spec: {hosts: [reviews], http: [{delegate: {name: missing}}]}
---
kind: DestinationRule
metadata: {name: rule, namespace: shop}
spec: {host: reviews, subsets: [{name: v1}, {name: v1}]}
"""
    )
    assert [str(each.key) for each in snapshot.problems] == ["VirtualService shop/root", "DestinationRule shop/rule"]
