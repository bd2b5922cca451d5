"""Injection on one page: a pod comes in, the pod with its proxy goes out, or the reason why it stays as it is.

Comes in: the pod of a review (plain JSON data), where the review was posted to, and the installation: configuration,
values, mesh. Goes out: an `Injected` with the new pod and a JSON patch, or a `Skipped`. Does no I/O and keeps no state.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from webhook.injection import (
    containers,
    json_patch,
    normal_form,
    overrides,
    parameters,
    policy,
    probes,
    prometheus,
    render,
)
from webhook.injection.annotations import check_annotations
from webhook.injection.configuration import InjectorConfig
from webhook.injection.errors import InjectionError
from webhook.injection.mesh import Mesh, effective_proxy_config
from webhook.injection.owner import Owner, find_owner

Json = Mapping[str, Any]

_NETWORK_LABEL: Final = "topology.istio.io/network"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is the same for every pod until an operator changes it.

    `config` and `values` are the two keys of the ConfigMap `istio-sidecar-injector`, parsed by
    `configuration.parse_config` and `configuration.parse_values`; `mesh` is what `mesh.parse_mesh` made of the mesh
    configuration; `revision` is told to templates as it is, "" or `default` is the default one. `platform` and
    `compliance_policy` are the settings of those names.
    """

    config: InjectorConfig
    values: Json
    mesh: Mesh
    revision: str = ""
    platform: str = ""
    compliance_policy: str = ""


@dataclass(frozen=True, slots=True)
class PodReview:
    """One pod to decide about.

    `path` is the path of the request's URL (`/inject/cluster/east/net/n1`); `native_sidecars` what the setting and the
    nodes say (the pod's annotation still overrides it); `namespace_annotations` matter on OpenShift only;
    `proxy_configs` are ProxyConfig resources that may select the pod, as plain objects.
    """

    pod: Json
    namespace: str = ""
    path: str = "/inject"
    native_sidecars: bool = False
    namespace_annotations: Mapping[str, str] = field(default_factory=dict)
    proxy_configs: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Injected:
    """The pod as it shall be, and the RFC 6902 operations that lead there from the pod of the review."""

    pod: dict[str, Any]
    patch: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The pod stays as it is, because of `reason`."""

    reason: str
    warnings: tuple[str, ...] = ()


def review_pod(review: PodReview, installation: Installation) -> Injected | Skipped:
    """Decides about a pod, and injects it if that is the decision.

    Raises: InjectionError, with a text for the status of the answer. Source: injection behaviour 2.3, 2.4.
    """
    normal_form.check(review.pod, "Pod")
    namespace = (review.pod.get("metadata") or {}).get("namespace") or review.namespace
    decision = policy.decide(review.pod, namespace, installation.config)
    if decision.refusal:
        return Skipped(decision.refusal, decision.warnings)
    metadata = {**(review.pod.get("metadata") or {}), "namespace": namespace}
    metadata.pop("managedFields", None)  # large, and nothing that a template wants to know
    normal = normal_form.normalize({**review.pod, "metadata": metadata}, "Pod")
    injected = inject_pod(replace(review, pod=normal), find_owner(metadata, namespace), namespace, installation)
    pod = normal_form.restore(dict(review.pod), normal, injected)
    _, warnings = parameters.parse_path(review.path)
    return Injected(pod, json_patch.diff(review.pod, pod), (*decision.warnings, *warnings))


def inject_pod(review: PodReview, owner: Owner, namespace: str, installation: Installation) -> dict[str, Any]:
    """The pod of a workload with its proxy, whatever the policy says. Raises: InjectionError."""
    try:
        return _injected(review, owner, namespace, installation)
    except InjectionError as error:
        raise type(error)(f"failed to run injection template: {error}") from error
    except RecursionError as error:
        raise InjectionError("failed to run injection template: the pod is nested too deeply") from error


def _injected(review: PodReview, owner: Owner, namespace: str, installation: Installation) -> dict[str, Any]:
    pod = _own_copy(review.pod)
    annotations = pod["metadata"].get("annotations") or {}
    check_annotations(annotations)
    try:
        config = effective_proxy_config(installation.mesh, namespace, pod["metadata"], review.proxy_configs)
    except ValueError as error:
        raise InjectionError(f"proxy configuration: {error}") from error
    told = _subject(review, owner, config, annotations, installation)
    if installation.platform == "openshift":
        overrides.clear_assigned_user(pod)
    stripped = overrides.strip(pod, int(config.get("statusPort", 0)))
    merged, made = render.run_templates(pod, stripped, installation.config, told)
    merged = normal_form.normalize(overrides.reapply(merged, pod, made), "Pod")
    mode = annotations.get("sidecar.istio.io/interceptionMode") or config.get("interceptionMode", "REDIRECT")
    overrides.adjust_initial_user(merged, pod, mode)
    merged["metadata"].setdefault("annotations", {})
    _finish(merged, review, config, installation)
    merged["metadata"]["annotations"][overrides.STATUS] = _status(made, installation.revision)
    merged["metadata"]["annotations"] |= installation.config.injected_annotations
    hold = config.get("holdApplicationUntilProxyStarts") or parameters.at(
        installation.values, "global", "proxy", "holdApplicationUntilProxyStarts"
    )
    containers.order(merged, hold=bool(hold))
    done: dict[str, Any] = normal_form.normalize(merged, "Pod")
    return done


def _own_copy(pod: Json) -> dict[str, Any]:
    """A copy that has metadata and a spec."""
    copied: dict[str, Any] = copy.deepcopy(dict(pod))
    for key in ("metadata", "spec"):
        copied[key] = copied.get(key) or {}
    return copied


def _subject(
    review: PodReview, owner: Owner, config: Json, annotations: Mapping[str, str], installation: Installation
) -> render.Subject:
    user = group = parameters.DEFAULT_ID
    if installation.platform == "openshift":
        user, group = parameters.openshift_ids(review.namespace_annotations)
    return render.Subject(
        owner=owner,
        values=installation.values,
        proxy_config=config,
        mesh=installation.mesh.settings,
        revision=installation.revision,
        native_sidecar=review.native_sidecars,
        proxy_image=parameters.proxy_image(installation.values, config, annotations),
        user=user,
        group=group,
        compliance_policy=installation.compliance_policy,
    )


def _cluster_variables(review: PodReview, values: Json) -> dict[str, str]:
    """Variables of the proxy by values, path of the review, and the pod's own network; later ones win."""
    configured = {
        "ISTIO_META_CLUSTER_ID": parameters.at(values, "global", "multiCluster", "clusterName"),
        "ISTIO_META_NETWORK": parameters.at(values, "global", "network"),
    }
    variables = {name: str(value) for name, value in configured.items() if value}
    from_path, _ = parameters.parse_path(review.path)
    variables |= {name: value for name, value in from_path.items() if value or name not in variables}
    own = ((review.pod.get("metadata") or {}).get("labels") or {}).get(_NETWORK_LABEL)
    return variables | ({"ISTIO_META_NETWORK": own} if own else {})


def _finish(merged: dict[str, Any], review: PodReview, config: Json, installation: Installation) -> None:
    """What is done to the pod after the templates."""
    variables = _cluster_variables(review, installation.values)
    proxy = containers.find_proxy(merged)
    if proxy is not None and variables:
        containers.set_environment(proxy, variables)
    enabled = bool(installation.mesh.settings.get("enablePrometheusMerge", True))
    status_port = int(config.get("statusPort", 0))
    prometheus.merge(merged, enabled=enabled, port=status_port)
    if probes.wants_rewrite(merged["metadata"]["annotations"], installation.values):
        probes.rewrite(merged, status_port, injected_before=overrides.was_injected(dict(review.pod)))
    if variables.get("ISTIO_META_NETWORK"):
        merged["metadata"].setdefault("labels", {})[_NETWORK_LABEL] = variables["ISTIO_META_NETWORK"]


def _status(made: Json, revision: str) -> str:
    """The annotation that says what was injected: names out of the templates' own pod, null for none."""
    spec = made.get("spec") or {}
    lists = ("initContainers", "containers", "volumes", "imagePullSecrets")
    names: dict[str, Any] = {key: [each.get("name", "") for each in spec.get(key) or []] or None for key in lists}
    return json.dumps(names | {"revision": revision or "default"}, separators=(",", ":"), ensure_ascii=False)
