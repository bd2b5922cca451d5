"""What a ztunnel may be told."""

import random
from unittest import mock

from pilot import memo
from pilot.memo import finish
from pilot.model.snapshot import Snapshot
from pilot.view import ambient, node
from pilot.view.ambient import _Kept, ambient_view, index_of
from pilot.view.proxy import Proxy
from tests.ambient_mesh import AMBIENT, SHOP, WAYPOINT, documents
from tests.networks_mesh import WAYS, cluster, mesh_of
from tests.recordings import decode_objects, node_of, snapshot_of

SNAPSHOT = snapshot_of(SHOP, environment=AMBIENT)


def _ztunnel(name: str) -> Proxy:
    declared = {"id": f"ztunnel~10.0.0.1~{name}.istio-system~x.svc.cluster.local", "metadata": {"NODE_NAME": name}}
    return node.parse_node(node_of(declared), SNAPSHOT.features)


def test_ztunnels_share_one_index() -> None:
    first, second = ambient_view(SNAPSHOT, _ztunnel("n1")), ambient_view(SNAPSHOT, _ztunnel("n2"))
    assert first.index is second.index
    assert (first.node, second.node) == ("n1", "n2")


def test_view_is_the_same_object_while_nothing_changes() -> None:
    ztunnel = _ztunnel("n1")
    assert ambient_view(SNAPSHOT, ztunnel) is ambient_view(SNAPSHOT, ztunnel)
    event = next(iter(decode_objects(SHOP.split("---")[2].replace("'True'", "'False'"))))
    changed, _ = SNAPSHOT.apply([event])
    assert ambient_view(changed, ztunnel) is not ambient_view(SNAPSHOT, ztunnel)


def test_who_asks_while_the_view_is_made_helps_and_gets_the_same() -> None:
    snapshot = snapshot_of(SHOP + "".join(_pod(number) for number in range(200)), environment=AMBIENT)
    first, second = ambient.steps(snapshot, _ztunnel("n1")), ambient.steps(snapshot, _ztunnel("n2"))
    for _ in range(3):
        next(first)
    assert finish(second).index is finish(first).index
    assert len(ambient.index_of(snapshot).workloads) == 201


def _pod(number: int) -> str:
    return f"""---
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: app}}
spec: {{nodeName: n1, containers: [{{name: web, image: x}}]}}
status: {{phase: Running, podIP: 10.2.0.{number}}}
"""


def test_random_changes_of_several_clusters_equal_a_fresh_start() -> None:
    rng = random.Random(7)
    snapshot = mesh_of(cluster("east", "10.0.0.1", "10.1.0.1", more=f"---{WAYS}"))
    for _ in range(60):
        network, labels = rng.choice(("east", "west")), rng.choice(("istio.io/global: 'true'", "a: b"))
        addresses = [f"10.{rng.randrange(4)}.0.{number}" for number in range(rng.randrange(3))]
        ways = f"---{WAYS}" if rng.random() < 0.8 else f"---{WAYS}".replace("name: to-west", "name: other")
        events = cluster(network, "10.9.0.1", *addresses, labels=labels, more=ways)
        match rng.randrange(3):
            case 0:
                snapshot, _ = snapshot.apply(cluster("east", "10.0.0.1", *addresses, labels=labels, more=ways))
            case 1:
                snapshot, _ = snapshot.apply_remote(rng.choice(("west", "south")), events)
            case 2:
                snapshot, _ = snapshot.without_remote("south")
        kept = index_of(snapshot)
        memo.clear_all()
        with mock.patch.dict(_Kept.last, clear=True):
            fresh = index_of(snapshot)
        for name in ("services", "workloads", "members", "at_address", "on_node"):
            assert getattr(kept, name) == getattr(fresh, name), name


def test_only_waypoints_for_workloads_wait_for_the_workloads() -> None:
    def waypoint_of(text: str) -> tuple[Snapshot, Proxy]:
        snapshot = snapshot_of(documents(SHOP, text), environment=AMBIENT)
        declared = {"id": "waypoint~10.0.0.9~wp-0.app~app.svc.cluster.local", "metadata": {"NAMESPACE": "app"}}
        return snapshot, node.parse_node(node_of(declared), snapshot.features)

    snapshot, waypoint = waypoint_of(WAYPOINT)
    assert ambient.is_prepared(snapshot, _ztunnel("n1"))
    assert not ambient.is_prepared(snapshot, waypoint)
    finish(ambient.prepare(snapshot))
    assert ambient.is_prepared(snapshot, waypoint)
    assert ambient.is_prepared(*waypoint_of(WAYPOINT.replace("waypoint-for: all", "waypoint-for: service")))
