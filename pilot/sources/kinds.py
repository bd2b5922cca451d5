"""The kinds of objects that are read, and the struct of each.

In: API group and kind of a document. Out: what to decode it to. An entry in `KINDS` is all that a new kind needs here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway, ListenerSet
from pilot.gatewayapi.policy import BackendTlsPolicy, BackendTrafficPolicy, ReferenceGrant
from pilot.gatewayapi.route import GrpcRoute, HttpRoute, TcpRoute, TlsRoute
from pilot.model.access_control import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from pilot.model.authorization_policy import AuthorizationPolicy
from pilot.model.declared_proxy_config import DeclaredProxyConfig
from pilot.model.destination_rule import DestinationRule
from pilot.model.envoy_filter import EnvoyFilter
from pilot.model.gateway import Gateway
from pilot.model.ingress import Ingress, IngressClass
from pilot.model.kubernetes import Endpoints, EndpointSlice, KubernetesService, Namespace, Node, Pod, ServiceAccount
from pilot.model.mcs import ServiceExport, ServiceImport
from pilot.model.objects import Object
from pilot.model.peer_authentication import PeerAuthentication
from pilot.model.request_authentication import RequestAuthentication
from pilot.model.revisions import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from pilot.model.secret import ConfigMap, Secret
from pilot.model.service_entry import ServiceEntry
from pilot.model.sidecar import Sidecar
from pilot.model.telemetry import Telemetry
from pilot.model.virtual_service import VirtualService
from pilot.model.wasm_plugin import WasmPlugin
from pilot.model.workload_entry import WorkloadEntry
from pilot.model.workload_group import WorkloadGroup

CORE = ""
DISCOVERY = "discovery.k8s.io"
NETWORKING = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
EXTENSIONS = "extensions.istio.io"
KUBERNETES_NETWORKING = "networking.k8s.io"
ACCESS_CONTROL = "rbac.authorization.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
GATEWAY_API = "gateway.networking.k8s.io"
GATEWAY_API_EXPERIMENTS = "gateway.networking.x-k8s.io"
MULTI_CLUSTER = "multicluster.x-k8s.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its struct, its API group, the versions that hold the same fields."""

    struct: type[Object]
    name: str
    """As documents say it; `struct.KIND` is unique over all groups."""
    group: str
    versions: tuple[str, ...]
    namespaced: bool = True

    @property
    def strict(self) -> bool:
        """Written by people: an unknown field is a mistake. Core kinds: ignored."""
        return self.group.endswith("istio.io")

    @property
    def api_versions(self) -> tuple[str, ...]:
        """`networking.istio.io/v1` and so on; the core group has no name."""
        return tuple(f"{self.group}/{version}" if self.group else version for version in self.versions)


def _kinds(group: str, versions: Iterable[str], structs: Iterable[type[Object]], namespaced: bool = True) -> list[Kind]:
    return [Kind(struct, struct.KIND, group, tuple(versions), namespaced) for struct in structs]


_ALL = (
    *_kinds(CORE, ["v1"], [Namespace, Node], namespaced=False),
    *_kinds(CORE, ["v1"], [KubernetesService, Endpoints, Pod, ServiceAccount]),
    *_kinds(CORE, ["v1"], [Secret, ConfigMap]),
    *_kinds(ACCESS_CONTROL, ["v1"], [ClusterRole, ClusterRoleBinding], namespaced=False),
    *_kinds(ACCESS_CONTROL, ["v1"], [Role, RoleBinding]),
    *_kinds(ADMISSION, ["v1"], [MutatingWebhookConfiguration, ValidatingWebhookConfiguration], namespaced=False),
    Kind(KubernetesGateway, "Gateway", GATEWAY_API, ("v1", "v1beta1")),
    *_kinds(GATEWAY_API, ["v1", "v1beta1"], [GatewayClass], namespaced=False),
    *_kinds(GATEWAY_API, ["v1", "v1beta1"], [HttpRoute, ReferenceGrant]),
    *_kinds(GATEWAY_API, ["v1", "v1alpha2"], [GrpcRoute]),
    *_kinds(GATEWAY_API, ["v1", "v1alpha3", "v1alpha2"], [TlsRoute, BackendTlsPolicy]),
    *_kinds(GATEWAY_API, ["v1alpha2"], [TcpRoute]),
    *_kinds(GATEWAY_API_EXPERIMENTS, ["v1alpha1"], [ListenerSet, BackendTrafficPolicy]),
    *_kinds(KUBERNETES_NETWORKING, ["v1"], [IngressClass], namespaced=False),
    *_kinds(KUBERNETES_NETWORKING, ["v1"], [Ingress]),
    *_kinds(DISCOVERY, ["v1", "v1beta1"], [EndpointSlice]),
    *_kinds(
        NETWORKING,
        ["v1", "v1beta1", "v1alpha3"],
        [VirtualService, DestinationRule, Gateway, ServiceEntry, WorkloadEntry, WorkloadGroup, Sidecar],
    ),
    *_kinds(NETWORKING, ["v1beta1"], [DeclaredProxyConfig]),
    *_kinds(SECURITY, ["v1", "v1beta1"], [PeerAuthentication, AuthorizationPolicy, RequestAuthentication]),
    *_kinds(NETWORKING, ["v1alpha3"], [EnvoyFilter]),
    *_kinds(TELEMETRY, ["v1", "v1alpha1"], [Telemetry]),
    *_kinds(EXTENSIONS, ["v1alpha1"], [WasmPlugin]),
    *_kinds(MULTI_CLUSTER, ["v1alpha1"], [ServiceExport, ServiceImport]),
)

KINDS: Mapping[tuple[str, str], Kind] = {(each.group, each.name): each for each in _ALL}
"""By API group and kind."""
BY_KEY: Mapping[str, Kind] = {each.struct.KIND: each for each in _ALL}
"""By the kind in the key of an object."""


def split_api_version(api_version: str) -> tuple[str, str]:
    """Group and version: `networking.istio.io/v1` -> (`networking.istio.io`, `v1`), `v1` -> (``, `v1`)."""
    group, _, version = api_version.rpartition("/")
    return group, version


def kinds_of_group(group: str) -> tuple[str, ...]:
    """Names of the kinds in an API group."""
    return tuple(kind for its_group, kind in KINDS if its_group == group)
