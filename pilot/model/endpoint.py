"""One address behind a service, and what proxies must know of the workload there. Pure data.

`endpoint_slice.py` and `workload_entry.py` beside it derive endpoints from the declarations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Health(Enum):
    """Endpoint health; the values are Envoy's `HealthStatus` numbers. TERMINATING is never sent."""

    UNKNOWN = 0
    HEALTHY = 1
    UNHEALTHY = 2
    DRAINING = 3
    TERMINATING = -1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of one service port. Source: xDS behaviour 2.4, 2.5, 2.9."""

    addresses: tuple[str, ...]
    """IP addresses, a DNS name, or `unix://path`; the first is the primary; empty for network-only endpoints."""
    port: int
    port_name: str
    """Name of the service port it serves."""
    cluster_id: str
    namespace: str = ""
    workload: str = ""
    """Name of the controller that owns the workload (Deployment ...), else of the pod or entry."""
    service_account: str = ""
    """`spiffe://<trust domain>/ns/<namespace>/sa/<account>` or empty."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Workload labels and topology labels; what subsets and policies select on."""
    locality: str = ""
    """`region/zone/subzone`; trailing parts may be missing."""
    network: str = ""
    weight: int = 0
    """0 counts as 1."""
    tls_mode: str = ""
    """`istio`, `disabled` or empty."""
    hbone: bool = False
    """The ztunnel of its node takes HBONE for it."""
    health: Health = Health.UNKNOWN
    node: str = ""
    hostname: str = ""
    subdomain: str = ""

    @property
    def address(self) -> str:
        """The primary address, or empty."""
        return self.addresses[0] if self.addresses else ""
