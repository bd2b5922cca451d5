"""What a pod belongs to."""

import pytest

from webhook.injection.owner import Owner, find_owner


def metadata(kind: str, name: str, version: str = "apps/v1", **labels: str) -> dict[str, object]:
    reference = {"apiVersion": version, "kind": kind, "name": name, "controller": True}
    return {"generateName": f"{name}-", "labels": labels, "ownerReferences": [reference]}


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        ({"name": "p"}, Owner("v1", "Pod", "p", "ns")),
        ({"generateName": "p-"}, Owner("v1", "Pod", "", "ns")),
        ({**metadata("ReplicaSet", "x-5d"), "generateName": ""}, Owner("v1", "Pod", "", "ns")),
        (
            metadata("ReplicaSet", "fox-5d4", **{"pod-template-hash": "5d4"}),
            Owner("apps/v1", "Deployment", "fox", "ns"),
        ),
        (metadata("ReplicaSet", "fox-5d4"), Owner("apps/v1", "ReplicaSet", "fox-5d4", "ns")),
        (metadata("ReplicaSet", "r-1", **{"rollouts-pod-template-hash": "1"}), Owner("v1alpha1", "Rollout", "r", "ns")),
        (
            metadata("ReplicationController", "d-1", "v1", deploymentconfig="d"),
            Owner("v1", "DeploymentConfig", "d", "ns"),
        ),
        (metadata("Job", "lynx-28000123", "batch/v1"), Owner("batch/v1", "CronJob", "lynx", "ns")),
        (metadata("Job", "lynx-1", "batch/v1"), Owner("batch/v1", "Job", "lynx-1", "ns")),
        (metadata("StatefulSet", "s"), Owner("apps/v1", "StatefulSet", "s", "ns")),
    ],
)
def test_owners(found: dict[str, object], owner: Owner) -> None:
    assert find_owner(found, "ns") == owner
