"""What a pod belongs to: the Deployment behind a ReplicaSet, the CronJob behind a Job.

Comes in: a pod's metadata. Goes out: an `Owner`. Source: injection behaviour 2.4.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_CRON_JOB: Final = re.compile(r"(.+)-\d{8,10}")


@dataclass(frozen=True, slots=True)
class Owner:
    """A workload by its kind and name; `api_version` as in manifests."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""


def find_owner(metadata: Mapping[str, Any], namespace: str) -> Owner:
    """The workload of a pod; the pod itself if it has none."""
    controller = next((each for each in metadata.get("ownerReferences") or [] if each.get("controller")), None)
    name = str(metadata.get("name") or "")
    if not metadata.get("generateName") or controller is None:
        return Owner("v1", "Pod", name, namespace)
    api_version, kind, name = (str(controller.get(key, "")) for key in ("apiVersion", "kind", "name"))
    labels = metadata.get("labels") or {}
    if kind == "ReplicaSet":
        for label, owner_version, owner_kind in (
            ("rollouts-pod-template-hash", "v1alpha1", "Rollout"),
            ("pod-template-hash", api_version, "Deployment"),
        ):
            suffix = "-" + str(labels.get(label) or "")
            if len(suffix) > 1 and name.endswith(suffix):
                return Owner(owner_version, owner_kind, name.removesuffix(suffix), namespace)
    elif kind == "ReplicationController" and labels.get("deploymentconfig"):
        return Owner(api_version, "DeploymentConfig", str(labels["deploymentconfig"]), namespace)
    elif kind == "Job" and (found := _CRON_JOB.fullmatch(name)):
        return Owner("batch/v1", "CronJob", found[1], namespace)
    return Owner(api_version, kind, name, namespace)
