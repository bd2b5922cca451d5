"""Works out the scope of a proxy.

In: a snapshot, the namespace, kind and labels of a proxy. Out: a `Scope`, the same object for all proxies that may
reach the same. Namespaces that see nothing of their own share what everybody sees.
Source: xDS behaviour 2.10, 3.5.
"""

from collections.abc import Iterable, Mapping

from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.destination_rules import DestinationRules, select_outbound
from pilot.model.hosts import is_wildcard, resolve_short_name
from pilot.model.interning import same_mapping, same_tuple
from pilot.model.mesh_settings import MeshSettings
from pilot.model.routing import ResolvedVirtualService, Routing
from pilot.model.service import Hostname, Service
from pilot.model.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode, SidecarSpec
from pilot.model.sidecars import ActiveSidecar
from pilot.model.snapshot import Snapshot
from pilot.model.visibility import Visible
from pilot.view.imports import Imports, contested_namespaces, import_declared, import_everything
from pilot.view.proxy import ProxyKind
from pilot.view.scope import Scope

_NO_SIDECAR = SidecarSpec()
VirtualServices = tuple[ResolvedVirtualService, ...]


def scope_of(snapshot: Snapshot, kind: ProxyKind, namespace: str, labels: Mapping[str, str]) -> Scope:
    """The scope of proxies of a namespace. Labels decide which Sidecar holds, and which rules where some select."""
    rules = snapshot.rules
    return _scope_of(
        snapshot.service_index.visible,
        snapshot.routing,
        rules,
        snapshot.settings,
        kind,
        namespace,
        snapshot.sidecars.find(namespace, labels) if kind is ProxyKind.SIDECAR else None,
        "\n".join(f"{key}={labels[key]}" for key in rules.selected_labels(namespace) if key in labels),
    )


@memoized(size=8192, passing=True)
def _scope_of(
    visible: Visible[Service],
    routing: Routing,
    rules: DestinationRules,
    settings: MeshSettings,
    kind: ProxyKind,
    namespace: str,
    sidecar: ActiveSidecar | None,
    deciding: str,
) -> Scope:
    services = visible.to(namespace)
    virtual_services = _own_routes_first(routing.mesh, namespace) if kind is not ProxyKind.ROUTER else ()
    if sidecar is not None:
        imports = import_declared(services, virtual_services, namespace, sidecar)
    else:
        asker = namespace if namespace in contested_namespaces(services) else ""
        imports = import_everything(services, virtual_services, asker)
    return _scope(
        imports,
        _rules(imports.by_host, rules, "" if rules.is_plain(namespace) else namespace, deciding),
        _own_routes_first(routing.gateways, namespace) if kind is ProxyKind.ROUTER else (),
        sidecar,
        settings.mesh.outbound_traffic_policy if kind is ProxyKind.SIDECAR else None,
        settings.domain,
    )


@memoized(size=2048, passing=True)
def _own_routes_first(routes: Visible[ResolvedVirtualService], namespace: str) -> VirtualServices:
    """What a namespace sees; of public ones its own of Gateway API come first, however young they are."""
    own = tuple(each for each in _public_routes(routes.public) if each.namespace == namespace)
    if not own:
        return routes.to(namespace)
    seen = routes.to(namespace)
    private = seen[: len(seen) - len(routes.public)]
    others = (each for each in routes.public if not (each.gateway_semantics and each.namespace == namespace))
    return same_tuple((*private, *own, *others))


@memoized(size=16, passing=True)
def _public_routes(public: VirtualServices) -> VirtualServices:
    """Those of the Gateway API."""
    return tuple(each for each in public if each.gateway_semantics)


@memoized(size=2048, passing=True)
def _rules(
    by_host: Mapping[Hostname, Service], rules: DestinationRules, client: str, deciding: str
) -> Mapping[Hostname, MergedRule]:
    """The rule for each service that has one; the same mapping for the same rules. `client` is empty for anybody."""
    found = dict(_rules(by_host, rules, "", "")) if client else {}
    labels = dict(each.split("=", 1) for each in deciding.splitlines())
    for host in _ruled(by_host, rules.hosts(client)):
        rule = select_outbound(rules.find(client, host, by_host[host].namespace), client, labels)
        if rule is not None:
            found[host] = rule
        else:
            found.pop(host, None)
    return same_mapping(found)


def _ruled(by_host: Mapping[Hostname, Service], patterns: frozenset[str]) -> Iterable[Hostname]:
    """The services for which some of the patterns may be."""
    return by_host if any(map(is_wildcard, patterns)) else (each for each in by_host if each in patterns)


@memoized(size=4096, passing=True)
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
