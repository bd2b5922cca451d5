"""Injection of manifests that are no reviews: Deployments, Jobs and the like, and lists of them.

Comes in: documents as data. Goes out: documents, those of workloads with their proxies and in the form that the API
server would write; all others unchanged. Source: injection behaviour 2.4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from webhook.injection import normal_form
from webhook.injection.configuration import InjectorConfig
from webhook.injection.inject import Installation, PodReview, inject_pod
from webhook.injection.owner import Owner, find_owner
from webhook.injection.policy import INJECT

Json = dict[str, Any]

_TEMPLATES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps.openshift.io", "DeploymentConfig"): ("spec", "template"),
    ("", "ReplicationController"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("", "Pod"): (),
}
"""Where the pod of a workload stands, by API group and kind."""


@dataclass(frozen=True, slots=True)
class DocumentInjection:
    """How documents are injected; `warn` is told of each workload that is left alone, and why."""

    installation: Installation
    native_sidecars: bool = False
    warn: Callable[[str], None] = field(default=lambda text: None)


def offline(installation: Installation) -> Installation:
    """An installation as files see it: no policy, no aliases, and the template `sidecar` unless a pod asks otherwise.

    Templates see no revision if it is the default one.
    """
    revision = "" if installation.revision == "default" else installation.revision
    return replace(installation, config=InjectorConfig(templates=installation.config.templates), revision=revision)


def inject_document(document: Any, injection: DocumentInjection) -> Any:
    """A document with proxies in it. Raises: InjectionError."""
    if not isinstance(document, dict):
        return document
    group, _, version = str(document.get("apiVersion", "")).rpartition("/")
    kind = str(document.get("kind", ""))
    if (group, version, kind) == ("", "v1", "List"):
        items = document.get("items")
        if not isinstance(items, list):
            return document
        return {"metadata": {}, **document, "items": [inject_document(each, injection) for each in items]}
    path = _TEMPLATES.get((group, kind))
    if path is None or version != "v1":
        return document
    normal_form.check(document, kind)
    normal = normal_form.normalize(document, kind)
    return normal_form.normalize(_injected(normal, kind, path, injection), kind)


def _injected(document: Json, kind: str, path: tuple[str, ...], injection: DocumentInjection) -> Json:
    parent = document
    for key in path:
        parent = parent.get(key) or {}
    # A CronJob's proxy is described in the metadata of its jobs: so does istioctl.
    holder = (document["spec"].get("jobTemplate") or {}) if kind == "CronJob" else parent
    pod: Json = {"apiVersion": "v1", "kind": "Pod"}
    pod |= {"metadata": holder.get("metadata") or {}, "spec": parent.get("spec") or {}}
    metadata = document.get("metadata") or {}
    refusal = _refusal(pod)
    if refusal:
        name = "/".join(
            filter(None, (metadata.get("namespace", ""), pod["metadata"].get("name") or metadata.get("name", "")))
        )
        injection.warn(f'===> Skipping injection because {kind} "{name}" {refusal}')
        return document
    namespace = pod["metadata"].get("namespace") or metadata.get("namespace", "")
    owner = _owner(document, kind, metadata)
    review = PodReview(pod, namespace, native_sidecars=injection.native_sidecars)
    made = inject_pod(review, owner, namespace, injection.installation)
    if not path:
        return {**document, "metadata": made["metadata"], "spec": made["spec"]}
    if kind == "CronJob":
        document = _put(document, ("spec", "jobTemplate", "metadata"), made["metadata"])
    else:
        document = _put(document, (*path, "metadata"), made["metadata"])
    return _put(document, (*path, "spec"), made["spec"])


def _refusal(pod: Json) -> str:
    if pod["spec"].get("hostNetwork"):
        return "has host networking enabled"
    metadata = pod["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    wish = labels.get(INJECT, annotations.get(INJECT, ""))
    return "has sidecar injection disabled" if wish == "false" else ""


def _owner(document: Json, kind: str, metadata: Json) -> Owner:
    namespace = metadata.get("namespace", "")
    if kind == "Pod":
        return find_owner(metadata, namespace)
    return Owner(document["apiVersion"], kind, metadata.get("name", ""), namespace)


def _put(document: Json, path: tuple[str, ...], value: Any) -> Json:
    """A copy with a value at a path."""
    key, *rest = path
    return {**document, key: _put(document.get(key) or {}, tuple(rest), value) if rest else value}
