from pilot.model import workload_index
from pilot.model.object_store import apply_events
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import edit, mesh_of, remove, settings

PODS = """
kind: Pod
metadata: {name: one, namespace: a, labels: {app: x, tier: web}}
spec: {nodeName: n1}
status: {podIP: 10.0.0.1}
---
kind: Pod
metadata: {name: two, namespace: a, labels: {app: x}}
status: {podIP: 10.0.0.2}
---
kind: WorkloadEntry
metadata: {name: vm, namespace: a}
spec: {address: 10.0.0.1, labels: {app: x}}
"""


def test_workloads_are_found_by_name_and_address() -> None:
    index = mesh_of(PODS).workloads
    one = index.pod("a", "one")
    assert one is not None
    assert index.get(("Pod", "a", "one")) is one
    assert index.get(("WorkloadEntry", "a", "one")) is None
    assert [each.name for each in index.at("10.0.0.1")] == ["one", "vm"]
    assert index.at("10.9.9.9") == ()


def test_workloads_are_selected_by_all_labels() -> None:
    index = mesh_of(PODS).workloads
    assert [each.name for each in index.select("a", {"app": "x"})] == ["one", "two", "vm"]
    assert [each.name for each in index.select("a", {"app": "x", "tier": "web"})] == ["one"]
    assert list(index.select("a", {})) == []
    assert list(index.select("b", {"app": "x"})) == []


def test_a_changed_pod_moves_in_all_indexes() -> None:
    snapshot, _ = edit(
        mesh_of(PODS), "kind: Pod\nmetadata: {name: one, namespace: a, labels: {app: y}}\nstatus: {podIP: 10.0.0.9}"
    )
    index = snapshot.workloads
    assert [each.name for each in index.select("a", {"app": "x"})] == ["two", "vm"]
    assert [each.name for each in index.select("a", {"app": "y"})] == ["one"]
    assert [each.name for each in index.at("10.0.0.1")] == ["vm"]
    assert index.by_node == {}


def test_labels_of_a_node_move_its_pods() -> None:
    snapshot, change = edit(
        mesh_of(PODS), "kind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/region: r}}"
    )
    one, two = snapshot.workloads.pod("a", "one"), snapshot.workloads.pod("a", "two")
    assert one is not None
    assert two is not None
    assert (one.locality, two.locality) == ("r", "")
    assert change.workloads == {("Pod", "a", "one")}


def test_a_node_that_says_nothing_new_changes_nothing() -> None:
    snapshot = mesh_of(PODS + "---\nkind: Node\nmetadata: {name: n1}")
    changed, change = edit(snapshot, "kind: Node\nmetadata: {name: n1, labels: {beat: '2'}}")
    assert changed.workloads is snapshot.workloads
    assert not change


def test_what_is_removed_leaves_nothing_behind() -> None:
    snapshot: Snapshot = mesh_of(PODS)
    for kind, name in (("Pod", "one"), ("Pod", "two"), ("WorkloadEntry", "vm")):
        snapshot, _ = remove(snapshot, kind, "a", name)
    assert snapshot.workloads == workload_index.WorkloadIndex()


def test_nothing_replaced_leaves_the_index() -> None:
    index = mesh_of(PODS).workloads
    store, replaced = apply_events(mesh_of(PODS).objects, ())
    assert workload_index.update(index, store, replaced, settings()) == (index, ())
