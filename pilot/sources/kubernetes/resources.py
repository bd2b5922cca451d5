"""The kinds as an API server serves them: paths, what is asked of each, and which of them are wanted at all.

In: the table of kinds, switches. Out: `Resource`s. Source: Kubernetes controllers behaviour 6.1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import quote

from pilot.gatewayapi.gateway import ListenerSet
from pilot.gatewayapi.policy import BackendTlsPolicy
from pilot.gatewayapi.route import GrpcRoute, TcpRoute, TlsRoute
from pilot.model import mcs
from pilot.model.access_control import KINDS as ACCESS_CONTROL_KINDS
from pilot.model.features import Features
from pilot.model.ingress import Ingress, IngressClass
from pilot.model.kubernetes import Endpoints, Node, Pod, ServiceAccount
from pilot.model.revisions import (
    DEFAULT_VALIDATOR,
    TAG,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
)
from pilot.model.secret import ConfigMap, Secret
from pilot.sources.kinds import GATEWAY_API, GATEWAY_API_EXPERIMENTS, KINDS, MULTI_CLUSTER, Kind

UNWATCHED = ACCESS_CONTROL_KINDS | {Endpoints.KIND, ServiceAccount.KIND}
"""Slices say what Endpoints say; an API server is asked who may do what; accounts of others say nothing."""
ALPHA = frozenset((TcpRoute.KIND, TlsRoute.KIND, ListenerSet.KIND))
OPTIONAL = frozenset(
    (
        *(Node.KIND, Ingress.KIND, IngressClass.KIND, "GatewayClass", ConfigMap.KIND, Secret.KIND),
        *(MutatingWebhookConfiguration.KIND, ValidatingWebhookConfiguration.KIND, *mcs.KINDS),
    )
)
"""A mesh without them is one: where we may not read them, we serve without."""
FIELDS = {
    Pod.KIND: "status.phase!=Failed",
    ValidatingWebhookConfiguration.KIND: f"metadata.name={DEFAULT_VALIDATOR}",
    Secret.KIND: "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token",
}
LABELS = {MutatingWebhookConfiguration.KIND: TAG}
"""A label that objects must have."""
LEAST_BUNDLE = {GrpcRoute.KIND: (1, 1, 0), BackendTlsPolicy.KIND: (1, 4, 0)}
"""Versions of the Gateway API below which the definition of a kind is another one."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind."""

    kind: Kind
    plural: str
    labels: str = ""
    """A selector: others are not read."""

    @property
    def definition(self) -> str:
        """Name of the CustomResourceDefinition that it needs; empty for what every API server has."""
        return f"{self.plural}.{self.kind.group}" if is_custom(self.kind.group) else ""

    @property
    def is_optional(self) -> bool:
        """Whether we serve without it where we may not read it."""
        return self.kind.struct.KIND in OPTIONAL or bool(self.labels)

    def path(self, version: str, namespace: str = "") -> str:
        """Of its objects; `version` without the group."""
        group = f"/apis/{self.kind.group}/{version}" if self.kind.group else f"/api/{version}"
        return f"{group}/namespaces/{namespace}/{self.plural}" if namespace else f"{group}/{self.plural}"

    @property
    def query(self) -> str:
        """Restricts what is listed to what is needed."""
        kind = self.kind.struct.KIND
        asked = {"fieldSelector": FIELDS.get(kind), "labelSelector": self.labels or LABELS.get(kind)}
        return "&".join(f"{name}={quote(value)}" for name, value in asked.items() if value)


def is_custom(group: str) -> bool:
    """Whether somebody must have installed the kinds of a group."""
    return group.endswith("istio.io") or group in (GATEWAY_API, GATEWAY_API_EXPERIMENTS, MULTI_CLUSTER)


def plural_of(name: str) -> str:
    """`Ingress` -> `ingresses`, `BackendTLSPolicy` -> `backendtlspolicies`."""
    lower = name.lower()
    if lower == "endpoints":
        return lower
    if lower.endswith("y") and lower[-2] not in "aeiou":
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be watched. Patterns are `plural.group` or `*.group`; `include` wins over `ignore`."""

    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    kinds: frozenset[str] | None = None
    """`KIND`s; None for all."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Selectors by `KIND`: others of these are not wanted."""


def select_resources(features: Features, wanted: Wanted | None = None) -> tuple[Resource, ...]:
    """The resources to watch."""
    asked = wanted or Wanted()
    watched = (kind for kind in KINDS.values() if kind.struct.KIND not in UNWATCHED)
    made = (Resource(kind, plural_of(kind.name), asked.labels.get(kind.struct.KIND, "")) for kind in watched)
    return tuple(each for each in made if _is_on(each.kind, features) and _is_wanted(each, asked))


def _is_on(kind: Kind, features: Features) -> bool:
    if kind.group == MULTI_CLUSTER:
        return features.mcs_discovery
    if kind.group not in (GATEWAY_API, GATEWAY_API_EXPERIMENTS):
        return True
    return features.gateway_api and (features.alpha_gateway_api or kind.struct.KIND not in ALPHA)


def _is_wanted(resource: Resource, wanted: Wanted) -> bool:
    if wanted.kinds is not None and resource.kind.struct.KIND not in wanted.kinds:
        return False
    name = resource.definition
    return not _matches(name, wanted.ignore) or _matches(name, wanted.include)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return bool(name) and any(fnmatchcase(name, pattern) for pattern in patterns)
