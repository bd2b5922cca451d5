"""Everything but the objects that the model depends on: mesh configuration, networks, switches.

In: `MeshConfig`, `MeshNetworks`, `Features`. Out: names built from them. Pure data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pilot.model.features import Features
from pilot.model.mesh import MeshConfig, ServiceScope
from pilot.model.mesh_networks import MeshNetworks
from pilot.model.revisions import Revisions


@dataclass(frozen=True, slots=True)
class MeshSettings:
    """One value for all of it; a new one means that everything is computed again."""

    mesh: MeshConfig = MeshConfig()
    features: Features = Features()
    networks: MeshNetworks = MeshNetworks()
    system_network: str = ""
    """Label `topology.istio.io/network` of the system namespace."""
    is_remote: bool = False
    """Of another cluster than the one that configuration is read from."""
    trust_domain: str = ""
    """Of workloads of another cluster, where its own mesh configuration says so; empty: the mesh's."""
    revisions: Revisions | None = None
    """Which control plane of a cluster we are; None: the only one."""

    @property
    def domain(self) -> str:
        """DNS domain of the cluster."""
        return self.features.cluster_domain

    @property
    def cluster_id(self) -> str:
        """Name of the cluster and of its registry."""
        return self.features.cluster_id

    def spiffe_id(self, namespace: str, account: str) -> str:
        """Identity of a service account, empty for none."""
        domain = self.trust_domain or self.mesh.trust_domain
        return f"spiffe://{domain}/ns/{namespace}/sa/{account}" if account else ""

    def host_of(self, service: str, namespace: str) -> str:
        """Host name of a Kubernetes Service."""
        return f"{service}.{namespace}.svc.{self.features.cluster_domain}"

    def is_global(self, labels: Mapping[str, str], around: Mapping[str, str]) -> bool:
        """Whether a Service with these labels in a namespace with those is one over all clusters.

        Source: xDS behaviour 8.4 (scope).
        """
        return self.has_scopes and any(
            each.scope is ServiceScope.GLOBAL
            and (each.services_selector is None or each.services_selector.matches(labels))
            and (each.namespace_selector is None or each.namespace_selector.matches(around))
            for each in self.mesh.service_scope_configs
        )

    @property
    def has_scopes(self) -> bool:
        """Whether services may be global at all."""
        return self.features.ambient_multi_network and bool(self.mesh.service_scope_configs)

    def network_of(self, addresses: Iterable[str], label: str = "") -> str:
        """Network of a workload with this label and these addresses. Source: xDS behaviour 2.5."""
        if label or self.system_network:
            return label or self.system_network
        for name, network in self.networks.networks.items():
            if any(each.from_registry == self.cluster_id for each in network.endpoints):
                return name
        return self._network_by_address(addresses)

    def _network_by_address(self, addresses: Iterable[str]) -> str:
        for address in addresses:
            for name, network in self.networks.networks.items():
                if any(each.from_cidr and in_cidr(address, each.from_cidr) for each in network.endpoints):
                    return name
        return ""


@lru_cache(maxsize=1024)
def _parse_cidr(cidr: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def in_cidr(address: str, cidr: str) -> bool:
    """Whether an IP address is in a range; no for anything malformed."""
    network = _parse_cidr(cidr)
    return network is not None and is_ip(address) and ip_address(address) in network


@lru_cache(maxsize=65536)
def is_ip(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
