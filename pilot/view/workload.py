"""The workload behind a proxy: labels, the services it belongs to, its inbound mTLS modes.

In: a snapshot's indexes and a `Proxy`. Out: an immutable `Workload`, equal for replicas and interned. How it is found:
`workload_lookup.py`. Source: xDS behaviour 2.10 (service targets), 7.5 (PeerAuthentication), 1.4 (locality, labels).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.peer_authentications import InboundMtls
from pilot.model.service import Hostname, Service, ServicePort

__all__ = ["InboundMtls", "ServiceTarget", "Workload", "service_target"]


@dataclass(frozen=True, slots=True, eq=False)
class ServiceTarget:
    """A service port that ends at this workload, and the port there."""

    service: Service
    port: ServicePort
    target_port: int


@memoized(size=65536)
def service_target(service: Service, port: ServicePort, target_port: int) -> ServiceTarget:
    """A target; the same object for the same parts."""
    return ServiceTarget(service, port, target_port)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """What inbound configuration, telemetry tags and endpoint preference depend on."""

    namespace: str
    labels: Mapping[str, str]
    """Registry labels with STATIC_LABELS under them and topology labels added.

    Labels that tell replicas apart (host name, pod name, index) are left out unless some policy or route names them.
    """
    locality: str
    network: str
    targets: tuple[ServiceTarget, ...]
    """Ordered by service creation, then hostname, then port."""
    mtls: InboundMtls
    canonical_name: str
    canonical_revision: str
    node: str = ""
    """Empty where no service prefers endpoints of the same node."""
    rules: Mapping[Hostname, MergedRule] = field(default_factory=dict)
    """The DestinationRule for inbound traffic of each target's service, where there is one: never one for workloads."""
