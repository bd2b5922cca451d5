"""Injection on one page: a pod comes in, the pod with its proxy goes out, or the reason why it stays as it is.

Comes in: the pod of a review (plain JSON data), where the review was posted to, and the installation: configuration,
values, mesh. Goes out: an `Injected` with the new pod and a JSON patch, or a `Skipped`. Does no I/O and keeps no state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.injection.configuration import InjectorConfig
from webhook.injection.mesh import Mesh

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Installation:
    """What is the same for every pod until an operator changes it.

    `config` and `values` are the two keys of the ConfigMap `istio-sidecar-injector`, parsed (`configuration.parse_config`,
    `configuration.parse_values`); `mesh` is what `mesh.parse_mesh` made of the mesh configuration; `revision` is "" or
    `default` for the default one. `platform` and `compliance_policy` are the settings of those names.
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
    raise NotImplementedError
