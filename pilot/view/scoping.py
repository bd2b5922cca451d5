"""Works out the scope of a proxy.

In: a snapshot, the namespace, kind and labels of a proxy. Out: a `Scope`, the same object for all proxies that may
reach the same. Namespaces that see nothing of their own share what everybody sees.
Source: xDS behaviour 2.10, 3.5.
"""

from collections.abc import Mapping

from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import DestinationRules, select_outbound
from pilot.model.hosts import is_wildcard, resolve_short_name
from pilot.model.interning import same_mapping
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, Service
from pilot.model.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode, SidecarSpec
from pilot.model.sidecars import ActiveSidecar
from pilot.model.snapshot import Snapshot
from pilot.view.imports import Imports, contested_namespaces, import_declared, import_everything
from pilot.view.proxy import ProxyKind
from pilot.view.scope import Scope

_NO_SIDECAR = SidecarSpec()
Labels = tuple[tuple[str, str], ...]
VirtualServices = tuple[ResolvedVirtualService, ...]


def scope_of(snapshot: Snapshot, kind: ProxyKind, namespace: str, labels: Mapping[str, str]) -> Scope:
    """The scope of proxies of a namespace. Labels decide which Sidecar holds, and which rules where some select."""
    sidecar = snapshot.sidecars.find(namespace, labels) if kind is ProxyKind.SIDECAR else None
    imports = _imports(snapshot, kind, namespace, sidecar)
    rules = snapshot.rules
    deciding = tuple(sorted((key, labels[key]) for key in rules.selected_labels(namespace) if key in labels))
    client = "" if rules.is_plain(namespace) else namespace
    mesh_policy = snapshot.mesh.outbound_traffic_policy if kind is ProxyKind.SIDECAR else None
    return _scope(
        imports,
        _rules(imports.by_host, rules, client, deciding),
        snapshot.routing.gateways.to(namespace) if kind is ProxyKind.ROUTER else (),
        sidecar,
        mesh_policy,
        snapshot.features.cluster_domain,
    )


def _imports(snapshot: Snapshot, kind: ProxyKind, namespace: str, sidecar: ActiveSidecar | None) -> Imports:
    services = snapshot.service_index.visible.to(namespace)
    virtual_services = snapshot.routing.mesh.to(namespace) if kind is not ProxyKind.ROUTER else ()
    if sidecar is not None:
        return import_declared(services, virtual_services, namespace, sidecar)
    asker = namespace if namespace in contested_namespaces(services) else ""
    return import_everything(services, virtual_services, asker)


@memoized(size=2048)
def _rules(
    by_host: Mapping[Hostname, Service], rules: DestinationRules, client: str, labels: Labels
) -> Mapping[Hostname, MergedRule]:
    """The rule for each service that has one; the same mapping for the same rules."""
    known = dict(labels)
    exact, wildcards = _rule_hosts(rules)
    found: dict[Hostname, MergedRule] = {}
    for host in by_host if wildcards else (each for each in by_host if each in exact):
        rule = select_outbound(rules.find(client, host, by_host[host].namespace), client, known)
        if rule is not None:
            found[host] = rule
    return same_mapping(found)


@memoized(size=64)
def _rule_hosts(rules: DestinationRules) -> tuple[frozenset[str], bool]:
    """All hosts without wildcard that some rule is for, and whether there are any with."""
    hosts = {group[0].host for each in rules.namespaces.values() for group in each.rules}
    exact = frozenset(each for each in hosts if not is_wildcard(each))
    return exact, len(exact) < len(hosts)


@memoized(size=4096)
def _scope(
    imports: Imports,
    rules: Mapping[Hostname, MergedRule],
    gateway_virtual_services: VirtualServices,
    sidecar: ActiveSidecar | None,
    mesh_policy: OutboundTrafficPolicy | None,
    domain: str,
) -> Scope:
    spec = sidecar.spec if sidecar else _NO_SIDECAR
    policy = spec.outbound_traffic_policy or mesh_policy
    return Scope(
        services=imports.services,
        by_host=imports.by_host,
        egress=imports.egress,
        rules=rules,
        gateway_virtual_services=gateway_virtual_services,
        allow_any=policy is not None and policy.mode is OutboundTrafficPolicyMode.ALLOW_ANY,
        egress_proxy=_egress_proxy(policy, sidecar, domain),
        sidecar=sidecar.origin if sidecar else None,
        ingress=spec.ingress,
        inbound_connection_pool=spec.inbound_connection_pool,
    )


def _egress_proxy(
    policy: OutboundTrafficPolicy | None, sidecar: ActiveSidecar | None, domain: str
) -> tuple[str, int, str] | None:
    if policy is None or policy.egress_proxy is None or not policy.egress_proxy.host:
        return None
    proxy = policy.egress_proxy
    host = resolve_short_name(proxy.host, sidecar.origin.namespace if sidecar else "", domain)
    return host, proxy.port.number if proxy.port else 0, proxy.subset
