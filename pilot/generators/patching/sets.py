"""Sets of resources after the patches of EnvoyFilters.

In: a set of one type as generated, and the view that it was generated for. Out: the set that the proxy gets: the very
same one where the view has no patches of that kind. Source: xDS behaviour 7.1.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pilot.generators.gateway_servers import resolve_ports
from pilot.generators.patching import extension_configs
from pilot.generators.patching.clusters import added_clusters, patch_cluster
from pilot.generators.patching.listeners import added_listeners, patch_listener
from pilot.generators.patching.plan import Plan, plan_of
from pilot.generators.patching.routes import TARGETS, Ports, of_inbound, patch_route_configuration
from pilot.generators.patching.tally import Patched
from pilot.memo import Work, memoized
from pilot.model.envoy_filter import ApplyTo, PatchContext
from pilot.model.gateway import GatewayServer
from pilot.model.interning import same_tuple
from pilot.resources import Resource, ResourceSet, resource_set
from pilot.type_urls import CLUSTER, LISTENER, ROUTE, TypeUrl
from pilot.view.proxy import ProxyKind
from pilot.view.proxy_view import ProxyView
from pilot.view.workload import ServiceTarget

_LISTENERS: Final = (
    ApplyTo.LISTENER,
    ApplyTo.LISTENER_FILTER,
    ApplyTo.FILTER_CHAIN,
    ApplyTo.NETWORK_FILTER,
    ApplyTo.HTTP_FILTER,
)
_UNPATCHED_CLUSTERS: Final = frozenset(
    {
        "connect_originate",
        "inner_connect_originate",
        "outer_connect_originate",
        "main_internal",
        "encap",
        "sds-external",
    }
)
_INBOUND_CLUSTERS: Final = ("inbound|", "InboundPassthroughCluster")
_WAYPOINT_CLUSTERS: Final = "inbound-vip|"
_NO_PORTS: Final[Ports] = {}


def plan_for(view: ProxyView) -> Plan:
    """The patches that a view has, ready to be applied."""
    return plan_of(view.patches, view.traits.flavour, view.body_limit)


def clusters(made: ResourceSet, view: ProxyView) -> ResourceSet:
    """The clusters of a proxy after the patches."""
    plan = plan_for(view)
    return _together(made, patched_clusters(made, view, plan)) if plan.of(ApplyTo.CLUSTER) else made


def steps(made: ResourceSet, view: ProxyView, type_url: TypeUrl) -> Work[ResourceSet]:
    """The set of some type after the patches, resource by resource; other types are left as they are."""
    patch = _BY_TYPE.get(type_url)
    if patch is None:
        return made
    plan = plan_for(view)
    if plan.patches or plan.body_limit:
        one = _one_by_one(type_url, view, plan)
        for each in made.resources.values():
            one(each)
            yield
    return patch(made, view)


def _one_by_one(type_url: TypeUrl, view: ProxyView, plan: Plan) -> Callable[[Resource], object]:
    """What is done to each resource of a type; what is remembered is not done again for the set."""
    if type_url == CLUSTER and plan.of(ApplyTo.CLUSTER):
        hosts = _hosts(same_tuple(view.workload.targets))
        return lambda each: _cluster(each, view.traits.kind, hosts, plan)
    if type_url == LISTENER and _changes_listeners(plan):
        return lambda each: patch_listener(each, view.traits.kind, plan)
    if type_url == ROUTE and (plan.of(*TARGETS) or plan.body_limit):
        context, ports = _routing(view)
        return lambda each: patch_route_configuration(each, context, plan, ports)
    return lambda each: None


def patched_clusters(made: ResourceSet, view: ProxyView, plan: Plan) -> tuple[Patched, ...]:
    """Each cluster after the patches, and those that are added."""
    return _clusters(made, view.traits.kind, same_tuple(view.workload.targets), plan)


_ADDS: Final[Mapping[ProxyKind, tuple[PatchContext, ...]]] = {
    ProxyKind.SIDECAR: (PatchContext.SIDECAR_OUTBOUND, PatchContext.SIDECAR_INBOUND),
    ProxyKind.ROUTER: (PatchContext.GATEWAY,),
    ProxyKind.WAYPOINT: (PatchContext.SIDECAR_INBOUND,),
    ProxyKind.ZTUNNEL: (),
}
"""The contexts whose clusters are added."""


@memoized(size=2048, passing=True)
def _clusters(
    made: ResourceSet, kind: ProxyKind, targets: tuple[ServiceTarget, ...], plan: Plan
) -> tuple[Patched, ...]:
    hosts = _hosts(targets)
    added = [each for context in _ADDS[kind] for each in added_clusters(context, plan)]
    return (*(_cluster(each, kind, hosts, plan) for each in made.resources.values()), *added)


def _cluster(made: Resource, kind: ProxyKind, hosts: Mapping[str, tuple[str, ...]], plan: Plan) -> Patched:
    if made.name in _UNPATCHED_CLUSTERS or made.name.startswith(_WAYPOINT_CLUSTERS):
        return Patched(made)
    if kind is ProxyKind.ROUTER:
        return patch_cluster(made, (), PatchContext.GATEWAY, plan)
    if made.name.startswith(_INBOUND_CLUSTERS):
        return patch_cluster(made, hosts.get(made.name, ()), PatchContext.SIDECAR_INBOUND, plan)
    return patch_cluster(made, (), PatchContext.SIDECAR_OUTBOUND, plan)


@memoized(size=4096)
def _hosts(targets: tuple[ServiceTarget, ...]) -> Mapping[str, tuple[str, ...]]:
    """The services behind each inbound cluster."""
    found: dict[str, dict[str, None]] = {}
    for each in targets:
        found.setdefault(f"inbound|{each.target_port}||", {})[each.service.hostname] = None
    return {name: same_tuple(tuple(hosts)) for name, hosts in found.items()}


def listeners(made: ResourceSet, view: ProxyView) -> ResourceSet:
    """The listeners of a proxy after the patches."""
    plan = plan_for(view)
    return _together(made, patched_listeners(made, view, plan)) if _changes_listeners(plan) else made


def _changes_listeners(plan: Plan) -> bool:
    """Whether patches mean listeners, or what is in them: routes may be."""
    return plan.of(*_LISTENERS) or of_inbound(PatchContext.SIDECAR_INBOUND, plan)


def patched_listeners(made: ResourceSet, view: ProxyView, plan: Plan) -> tuple[Patched, ...]:
    """Each listener after the patches, and those that are added."""
    return _patched_listeners(made, view.traits.kind, plan)


@memoized(size=8192, passing=True)
def _patched_listeners(made: ResourceSet, kind: ProxyKind, plan: Plan) -> tuple[Patched, ...]:
    return (*(patch_listener(each, kind, plan) for each in made.resources.values()), *added_listeners(kind, plan))


def routes(made: ResourceSet, view: ProxyView) -> ResourceSet:
    """The route configurations of a proxy after the patches."""
    plan = plan_for(view)
    if not plan.of(*TARGETS) and not plan.body_limit:
        return made
    return _together(made, patched_routes(made, view, plan))


def patched_routes(made: ResourceSet, view: ProxyView, plan: Plan) -> tuple[Patched, ...]:
    """Each route configuration after the patches."""
    context, ports = _routing(view)
    return _patched_routes(made, context, plan, ports)


def _routing(view: ProxyView) -> tuple[PatchContext, Ports]:
    """On which side routes of RDS are, and what the ports of a gateway mean."""
    if view.traits.kind is not ProxyKind.ROUTER:
        return PatchContext.SIDECAR_OUTBOUND, _NO_PORTS
    return PatchContext.GATEWAY, _ports(same_tuple(view.gateways), same_tuple(view.workload.targets))


@memoized(size=1024)
def _ports(servers: tuple[GatewayServer, ...], targets: tuple[ServiceTarget, ...]) -> Ports:
    """The ports of servers by the port that the proxy listens on for them."""
    found: dict[int, dict[int, None]] = {}
    for each in servers:
        for number in resolve_ports(each, targets):
            found.setdefault(number, {})[each.server.port.number] = None
    return {number: tuple(ports) for number, ports in found.items()}


@memoized(size=16_384, passing=True)
def _patched_routes(made: ResourceSet, context: PatchContext, plan: Plan, ports: Ports) -> tuple[Patched, ...]:
    return tuple(patch_route_configuration(each, context, plan, ports) for each in made.resources.values())


def extensions(view: ProxyView, names: frozenset[str]) -> Iterable[Resource]:
    """The extension configurations of these names that patches add."""
    return extension_configs.build(plan_for(view), names)


_BY_TYPE: Final[Mapping[TypeUrl, Callable[[ResourceSet, ProxyView], ResourceSet]]] = {
    CLUSTER: clusters,
    LISTENER: listeners,
    ROUTE: routes,
}


@memoized(size=4096, passing=True)
def _together(made: ResourceSet, patched: tuple[Patched, ...]) -> ResourceSet:
    kept = tuple(each.resource for each in patched if each.resource is not None)
    if len(kept) == len(made) and all(each is made.resources.get(each.name) for each in kept):
        return made
    return resource_set(kept)
