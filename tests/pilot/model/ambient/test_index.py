"""The index after changes equals one made from nothing, and shares what did not change."""

import random

from pilot.memo import finish
from pilot.model.ambient import index
from pilot.model.ambient.index import AmbientIndex
from pilot.model.objects import Event
from tests.ambient_mesh import AMBIENT, SHOP, WAYPOINT, ambient, documents, mesh_of
from tests.recordings import decode_objects, snapshot_of

SERVICE = "app/web.app.svc.cluster.local"
POD = "Kubernetes//Pod/app/web-0"

PIECES = (
    SHOP.split("---")[0],
    SHOP.split("---")[0].replace("{name: app}", "{name: app, labels: {istio.io/use-waypoint: wp}}"),
    SHOP.split("---")[1],
    SHOP.split("---")[1].replace("selector: {app: web}, ", ""),
    SHOP.split("---")[2],
    SHOP.split("---")[2].replace("'True'", "'False'"),
    SHOP.split("---")[2].replace("{app: web}", "{app: other}"),
    *WAYPOINT.split("---"),
    """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, namespace: app, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.9.0.1]}, {addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-0, namespace: app}}]
ports: [{name: http, port: 8081, protocol: TCP}]
""",
    """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: app}
spec:
  hosts: [a.example.com, web.app.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 1.1.1.1}]
""",
    """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: chosen, namespace: app}
spec:
  hosts: [b.example.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  workloadSelector: {labels: {app: web}}
""",
    """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: app}
spec: {mtls: {mode: STRICT}}
""",
    """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/region: r}}
""",
)


def test_random_changes_equal_a_fresh_start() -> None:
    chance = random.Random(4)
    snapshot, known = snapshot_of("", environment=AMBIENT), AmbientIndex()
    for _ in range(150):
        event = next(iter(decode_objects(chance.choice(PIECES))))
        if chance.random() < 0.3:
            event = Event(event.key, None)
        snapshot, _change = snapshot.apply([event])
        known = index.update(known, mesh_of(snapshot))
        fresh = index.update(AmbientIndex(), mesh_of(snapshot))
        assert known.workloads == fresh.workloads
        assert known.services == fresh.services
        assert known.members == fresh.members
        assert known.at_address == fresh.at_address
        assert known.on_node == fresh.on_node


def test_unchanged_parts_are_the_same_objects() -> None:
    snapshot = snapshot_of(documents(SHOP, WAYPOINT), environment=AMBIENT)
    before = index.update(AmbientIndex(), mesh_of(snapshot))
    changed, _change = snapshot.apply(list(decode_objects(SHOP.split("---")[2].replace("'True'", "'False'"))))
    after = index.update(before, mesh_of(changed))
    assert after.services is before.services
    assert after.members is before.members
    assert not after.workloads[POD].healthy
    assert {uid for uid in after.workloads if after.workloads[uid] is not before.workloads.get(uid)} == {POD}


def test_keys_find_services_with_their_workloads() -> None:
    made = ambient(SHOP)
    assert made.find(SERVICE) == {SERVICE, POD}
    assert made.find("/10.0.0.1") == {SERVICE, POD}
    assert made.find("/10.1.0.1") == {POD}
    assert made.find(POD) == {POD}
    assert made.find("nobody") == frozenset()
    assert made.on_node == {"n1": frozenset({POD})}


def test_the_index_is_made_in_pieces_and_is_the_same_whole() -> None:
    pods = "".join(f"---{POD_OF_MANY.format(number=number)}" for number in range(200))
    mesh = mesh_of(snapshot_of(SHOP + pods, environment=AMBIENT))
    assert len(list(index.steps(AmbientIndex(), mesh))) > 200 / 64
    work = index.steps(AmbientIndex(), mesh)
    next(work)
    made, whole = finish(work), index.update(AmbientIndex(), mesh)
    assert (made.workloads, made.at_address, made.on_node) == (whole.workloads, whole.at_address, whole.on_node)


POD_OF_MANY = """
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: app}}
spec: {{nodeName: n1, containers: [{{name: web, image: x}}]}}
status: {{phase: Running, podIP: 10.2.0.{number}}}
"""
