from pilot.model.changes import NO_CHANGE, Change
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks, Network, NetworkEndpoints
from pilot.model.service import Hostname, Namespace
from pilot.resources import Origin
from tests.ambient_mesh import AMBIENT, SHOP
from tests.pilot.model.meshes import edit, mesh_of, remove
from tests.recordings import decode_objects, snapshot_of

SLICE = """
kind: EndpointSlice
metadata: {name: x, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [%s]}]
ports: [{name: http, port: 8080}]
"""
WEB = (
    "kind: Service\nmetadata: {name: web, namespace: app}\nspec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}"
)
POD = "kind: Pod\nmetadata: {name: p, namespace: app, labels: {app: %s}}\nstatus: {podIP: 10.0.0.1, phase: %s}"


def test_nothing_is_false() -> None:
    assert not NO_CHANGE
    assert Change(full=True)
    assert Change(hosts=frozenset({(Hostname("a"), Namespace("b"))}))


def test_an_endpoint_names_its_slice_and_its_service() -> None:
    snapshot = mesh_of(WEB + "\n---" + SLICE % "1.1.1.1")
    _, change = edit(snapshot, SLICE % "1.1.1.2")
    assert change == Change(
        full=False,
        hosts=frozenset({(Hostname("web.app.svc.cluster.local"), Namespace("app"))}),
        updated=frozenset({Origin("EndpointSlice", "app", "x")}),
    )
    _, gone = remove(snapshot, "EndpointSlice", "app", "x")
    assert gone.hosts == change.hosts
    assert gone.updated == change.updated


def test_endpoints_of_a_headless_service_are_part_of_more_than_endpoint_resources() -> None:
    snapshot = mesh_of(WEB.replace("10.0.0.1", "None") + "\n---" + SLICE % "1.1.1.1")
    assert edit(snapshot, SLICE % "1.1.1.2")[1].full


def test_other_labels_of_a_pod_concern_the_proxy_beside_it() -> None:
    snapshot = mesh_of(POD % ("x", "Running"))
    _, change = edit(snapshot, POD % ("y", "Running"))
    assert change.full
    assert change.workloads == {("Pod", "app", "p")}
    assert change.updated == {Origin("Pod", "app", "p")}
    _, readiness = edit(snapshot, POD % ("x", "Pending"))
    assert not readiness


def test_settings_of_the_mesh_are_a_cause() -> None:
    snapshot = mesh_of(WEB)
    _, change = snapshot.with_mesh(MeshConfig(trust_domain="other"))
    assert change == Change(full=True, updated=frozenset({Origin("MeshConfig", "", "")}))
    networks = MeshNetworks({"n": Network((NetworkEndpoints(from_registry="Kubernetes"),))})
    _, change = snapshot.with_mesh(snapshot.mesh, networks)
    assert change.updated == {Origin("MeshNetworks", "", "")}


def test_policies_and_sidecars_are_causes() -> None:
    for text in (
        "kind: PeerAuthentication\nmetadata: {name: p, namespace: app}\nspec: {mtls: {mode: STRICT}}",
        "kind: Sidecar\nmetadata: {name: p, namespace: app}\nspec: {egress: [{hosts: ['./*']}]}",
    ):
        _, change = edit(mesh_of(WEB), text)
        assert change.full
        assert {each.name for each in change.updated} == {"p"}


def test_pod_that_is_captured_is_reached_in_another_way() -> None:
    snapshot = snapshot_of(SHOP, environment=AMBIENT)
    freed = SHOP.split("---")[2].replace("annotations: {ambient.istio.io/redirection: enabled}", "annotations: {}")
    _, change = snapshot.apply(list(decode_objects(freed)))
    assert change.addresses
    assert change.hosts
    assert not change.full


def test_foreign_annotations_are_told_to_nobody() -> None:
    snapshot = snapshot_of(SHOP, environment=AMBIENT)
    noted = SHOP.split("---")[2].replace("annotations: {", "annotations: {example.com/note: x, ")
    _, change = snapshot.apply(list(decode_objects(noted)))
    assert not change


def test_two_changes_are_one_that_says_both() -> None:
    key, other = (Hostname("a"), Namespace("n")), (Hostname("b"), Namespace("n"))
    first, second = Change(hosts=frozenset({key})), Change(full=True, hosts=frozenset({other}), credentials=True)
    both = first.and_then(second)
    assert (both.full, both.hosts, both.credentials, both.addresses) == (True, frozenset({key, other}), True, False)
    assert first.and_then(NO_CHANGE) is first
    assert NO_CHANGE.and_then(second) is second
