from types import SimpleNamespace
from typing import cast

from ca.authn.impersonation import PlacedPod
from ca.authn.local_issuer import uid_of
from pilot.mesh import Mesh
from pilot.model.kubernetes import Pod, PodSpec, PodStatus
from pilot.model.objects import Event, Metadata
from pilot.model.snapshot import Snapshot
from pilot.node_pods import SnapshotPods


def pod(name: str, account: str, node: str, uid: str = "", phase: str = "Running") -> Event:
    made = Pod(
        metadata=Metadata(name=name, namespace="demo", uid=uid),
        spec=PodSpec(node_name=node, service_account_name=account),
        status=PodStatus(phase=phase),
    )
    return Event(made.key, made)


def pods(*events: Event) -> SnapshotPods:
    snapshot, _ = Snapshot.empty().apply(events)
    return SnapshotPods(cast(Mesh, SimpleNamespace(snapshot=snapshot)))


def test_pod_is_found_with_its_uid_or_one_that_follows_from_its_name() -> None:
    found = pods(pod("a", "app", "n1", "u1"), pod("b", "app", "n2"))
    assert found.find("demo", "a") == PlacedPod("u1", "app", "n1")
    assert found.find("demo", "b") == PlacedPod(uid_of("demo", "b"), "app", "n2")
    assert found.find("demo", "c") is None
    assert found.find("other", "a") is None


def test_account_runs_on_the_node_of_its_pods_only() -> None:
    found = pods(pod("a", "app", "n1"), pod("b", "db", "n2"), pod("c", "job", "n1", phase="Failed"))
    assert found.runs_on("n1", "demo", "app")
    assert not found.runs_on("n2", "demo", "app")
    assert not found.runs_on("n1", "other", "app")
    assert not found.runs_on("n1", "demo", "job")
    assert not found.runs_on("", "demo", "app")
    assert found.find("demo", "c") is None


def test_pods_of_another_cluster_are_those_of_that_one_only() -> None:
    snapshot, _ = Snapshot.empty().apply([pod("near", "app", "n1")])
    snapshot, _ = snapshot.apply_remote("east", [pod("far", "app", "n2", "u2")])
    mesh = cast(Mesh, SimpleNamespace(snapshot=snapshot))
    assert SnapshotPods(mesh, "east").find("demo", "far") == PlacedPod("u2", "app", "n2")
    assert SnapshotPods(mesh, "east").find("demo", "near") is None
    assert SnapshotPods(mesh).find("demo", "far") is None
    assert SnapshotPods(mesh, "west").find("demo", "near") is None
    assert not SnapshotPods(mesh, "west").runs_on("n1", "demo", "app")
