"""What a ztunnel may be told."""

from pilot.memo import finish
from pilot.view import ambient, node
from pilot.view.ambient import ambient_view
from pilot.view.proxy import Proxy
from tests.ambient_mesh import AMBIENT, SHOP
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
