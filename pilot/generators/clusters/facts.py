"""What a cluster needs to know of a service's endpoints: who they are and whether they do mutual TLS.

In: a service, its endpoints, the mode of its namespace. Out: `ServiceFacts`; equal facts are the same object, so an
endpoint that comes or goes remakes no cluster unless it changes them. Source: xDS behaviour 3.8 (inference, accounts).
"""

from dataclasses import dataclass

from pilot.generators.clusters.load_balancing import is_passthrough
from pilot.generators.endpoints.assignment import all_support_tunnel
from pilot.model.destination_rule import MergedRule
from pilot.model.endpoint_index import ServiceEndpoints
from pilot.model.interning import Interner
from pilot.model.mesh import MeshConfig
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import Service

_SPIFFE = "spiffe://"


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """Identities of a service's workloads, sorted, and whether its clients may use mutual TLS unasked."""

    accounts: tuple[str, ...]
    mutual_tls: bool
    tunnels: bool
    """Every endpoint can be reached through a tunnel."""


def service_facts(
    service: Service, rule: MergedRule | None, endpoints: ServiceEndpoints, mode: MtlsMode, mesh: MeshConfig
) -> ServiceFacts:
    """The facts; `mode` is what PeerAuthentication says for the service's namespace."""
    accounts = _with_aliases({*service.service_accounts, *endpoints.accounts}, mesh)
    facts = ServiceFacts(
        accounts, _does_mutual_tls(service, rule, endpoints, mode), tunnels=all_support_tunnel(endpoints.endpoints)
    )
    return _FACTS.same(facts, facts)


_FACTS: Interner[ServiceFacts] = Interner(65_536)


def _does_mutual_tls(service: Service, rule: MergedRule | None, endpoints: ServiceEndpoints, mode: MtlsMode) -> bool:
    """Where clients dial endpoints themselves, which one it is cannot be told apart: all of them must do it."""
    if service.mesh_external or mode is MtlsMode.DISABLE:
        return False
    declared = rule.traffic_policy if rule is not None else None
    dialled = service.is_headless or (declared is not None and is_passthrough(declared.load_balancer))
    return not (dialled and endpoints.plaintext)


def _with_aliases(accounts: set[str], mesh: MeshConfig) -> tuple[str, ...]:
    """Adds the same workload under every name of our trust domain, so that a change of the name breaks nobody."""
    if not mesh.trust_domain_aliases:
        return tuple(sorted(accounts))
    ours = (mesh.trust_domain, *mesh.trust_domain_aliases)
    expanded = set(accounts)
    for account in accounts:
        domain, slash, path = account.removeprefix(_SPIFFE).partition("/")
        if account.startswith(_SPIFFE) and slash and domain in ours:
            expanded.update(f"{_SPIFFE}{each}/{path}" for each in ours)
    return tuple(sorted(expanded))
