"""The workload behind a proxy: labels, the services it belongs to, its inbound mTLS modes.

In: a snapshot's indexes and a `Proxy`. Out: an immutable `Workload`, equal for replicas and interned.
Source: xDS behaviour 2.10 (service targets), 7.5 (PeerAuthentication), 1.4 (locality and labels).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import Service, ServicePort


@dataclass(frozen=True, slots=True, eq=False)
class ServiceTarget:
    """A service port that ends at this workload, and the port there."""

    service: Service
    port: ServicePort
    target_port: int


@dataclass(frozen=True, slots=True)
class InboundMtls:
    """The mTLS mode that servers enforce, with exceptions by port."""

    mode: MtlsMode
    ports: Mapping[int, MtlsMode] = field(default_factory=dict)

    def for_port(self, port: int) -> MtlsMode:
        """The mode of one workload port."""
        return self.ports.get(port, self.mode)


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """What inbound configuration, telemetry tags and endpoint preference depend on."""

    namespace: str
    labels: Mapping[str, str]
    """Registry labels with STATIC_LABELS under them and topology labels added."""
    locality: str
    network: str
    targets: tuple[ServiceTarget, ...]
    """Ordered by service creation, then hostname, then port."""
    mtls: InboundMtls
    canonical_name: str
    canonical_revision: str
    node: str = ""
