"""The xDS types this control plane knows, their short names, and the order in which a push sends them.

Source: xDS protocol (make-before-break order), and the type list of the Istio agent, Envoy and ztunnel.
"""

from typing import Final, NewType

TypeUrl = NewType("TypeUrl", str)

CLUSTER: Final = TypeUrl("type.googleapis.com/envoy.config.cluster.v3.Cluster")
ENDPOINT: Final = TypeUrl("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment")
LISTENER: Final = TypeUrl("type.googleapis.com/envoy.config.listener.v3.Listener")
ROUTE: Final = TypeUrl("type.googleapis.com/envoy.config.route.v3.RouteConfiguration")
SECRET: Final = TypeUrl("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret")
EXTENSION_CONFIG: Final = TypeUrl("type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig")
NAME_TABLE: Final = TypeUrl("type.googleapis.com/istio.networking.nds.v1.NameTable")
ADDRESS: Final = TypeUrl("type.googleapis.com/istio.workload.Address")
WORKLOAD: Final = TypeUrl("type.googleapis.com/istio.workload.Workload")
AUTHORIZATION: Final = TypeUrl("type.googleapis.com/istio.security.Authorization")
PROXY_CONFIG: Final = TypeUrl("type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig")
"""The roots of a mesh that has several; nothing else of a ProxyConfig."""
HEALTH: Final = TypeUrl("type.googleapis.com/istio.v1.HealthInformation")

DEBUG_PREFIX: Final = "istio.io/debug"

SHORT_NAMES: Final = {
    CLUSTER: "CDS",
    ENDPOINT: "EDS",
    LISTENER: "LDS",
    ROUTE: "RDS",
    SECRET: "SDS",
    EXTENSION_CONFIG: "ECDS",
    NAME_TABLE: "NDS",
    ADDRESS: "WDS",
    WORKLOAD: "WORKLOAD",
    AUTHORIZATION: "WADS",
    PROXY_CONFIG: "PCDS",
    HEALTH: "health",
}

PUSH_ORDER: Final = (
    CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, ADDRESS, WORKLOAD, AUTHORIZATION, EXTENSION_CONFIG, NAME_TABLE,
)  # fmt: skip

BY_NAME: Final = frozenset({ENDPOINT, ROUTE, SECRET, EXTENSION_CONFIG})
"""Types that are only ever asked for by resource name; every other type is a wildcard type."""

BY_KEY: Final = frozenset({ADDRESS, WORKLOAD})
"""Types whose resources may also be asked for by what they are found by: addresses, or the services they belong to."""


def short_name(type_url: str) -> str:
    """The name people use for a type ("CDS"), or the type URL itself where there is none."""
    return SHORT_NAMES.get(TypeUrl(type_url), type_url)
