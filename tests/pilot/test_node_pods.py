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
