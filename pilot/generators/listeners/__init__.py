"""Listeners of a proxy (LDS).

In: a view. Out: a `ResourceSet`, the same object as long as nothing it was made from changed. Endpoints only matter
where headless services have them. Source: xDS behaviour 4.
"""

from collections.abc import Iterator, Mapping

from pilot.generators.envoy import sockets
from pilot.generators.envoy.hcm import ProxyContext, proxy_context
from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.generators.envoy.tracing import WorkloadTags
from pilot.generators.gateway_servers import merged_gateways
from pilot.generators.listeners import gateway, inbound, outbound, plan, tunnel
from pilot.generators.listeners.assemble import Unknown
from pilot.generators.listeners.plan import HeadlessAddresses, PlannedListener
from pilot.generators.routes.caller import caller_of
from pilot.generators.service_address import wildcard_addresses
from pilot.generators.waypoint import listeners as waypoint
from pilot.generators.waypoint import tunnels
from pilot.memo import Work, finish, latest, memoized, sliced
from pilot.model.endpoint_index import ServiceEndpoints
from pilot.model.interning import Interner, same_tuple
from pilot.model.mesh_settings import is_ip
from pilot.model.service import Service
from pilot.resources import EMPTY, Origin, Resource, ResourceSet, resource_set
from pilot.view.proxy import IpMode, ProxyKind, doubles_tunnels
from pilot.view.proxy_view import ProxyView
from pilot.view.scope import Scope

_CANONICAL_NAME = "service.istio.io/canonical-name"
_CANONICAL_REVISION = "service.istio.io/canonical-revision"

_Places = tuple[tuple[str, tuple[str, ...]], ...]
"""Port name and addresses of each endpoint of a service."""
_PLACES: Interner[_Places] = Interner(16_384)  # headless services of the mesh


def build(view: ProxyView) -> ResourceSet:
    """The listeners of a sidecar or gateway. Source: xDS behaviour 4."""
    return finish(steps(view))


def steps(view: ProxyView) -> Work[ResourceSet]:
    """The same, in pieces."""
    match view.traits.kind:
        case ProxyKind.SIDECAR:
            return (yield from _sidecar(view))
        case ProxyKind.ROUTER:
            caller = caller_of(view)
            gateways = merged_gateways(view)
            context = context_of(view)
            return _set(
                gateway.build_gateway(gateways, caller.scope, context, caller.labels, view.security),
                (*_doubled(view, context), *tunnel.build_tunnel(context)),
            )
        case ProxyKind.WAYPOINT:
            return waypoint.build(view, context_of(view))
        case ProxyKind.ZTUNNEL:
            return EMPTY


def _doubled(view: ProxyView, context: ProxyContext) -> Iterator[Resource]:
    """The listeners by which a gateway reaches other networks, if it does."""
    if doubles_tunnels(view.traits, view.features) and view.traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE):
        yield from tunnels.build_double(context, view.traits.network)


def context_of(view: ProxyView) -> ProxyContext:
    """What the listeners of a proxy share with those of other proxies."""
    labels = view.workload.labels
    tags = WorkloadTags(
        canonical_revision=labels.get(_CANONICAL_REVISION) or "latest",
        canonical_service=labels.get(_CANONICAL_NAME) or "unknown",
        cluster_id=view.traits.cluster_id,
        mesh_id=view.proxy.mesh_id or "unknown",
        namespace=view.traits.namespace or "default",
        service_name=view.proxy.node_cluster,
    )
    config = proxy_config(view.mesh, view.proxy.proxy_config)
    return proxy_context(view.mesh, config, view.features, view.traits, tags, view.observed, view.plugins.ordered)


def _sidecar(view: ProxyView) -> Work[ResourceSet]:
    context, caller = context_of(view), caller_of(view)
    headless = _headless(view)
    own = view.proxy.ip_addresses[0] if view.proxy.ip_addresses else ""
    excluded = own if own in _all_addresses(headless) else ""
    yield
    planned = yield from plan.steps(view.scope, context.untagged, caller.labels, headless, excluded)
    wanted = yield from _outbound.steps(planned, Unknown.of(view.scope).cluster, view.scope.sidecar, context)
    yield
    ingress = view.scope.ingress
    bind = _ingress_bind(view) if any(not each.bind for each in ingress) else ""
    sidecar = view.scope.sidecar
    served = inbound.build_inbound(
        same_tuple(view.workload.targets),
        view.workload.mtls,
        same_tuple(ingress),
        sidecar,
        bind,
        context,
        view.security,
        _tunnelled_to(view),
    )
    return _set(wanted, served)


def _tunnelled_to(view: ProxyView) -> tuple[str, ...]:
    """The addresses at which a sidecar takes HBONE, if it does."""
    able = view.traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE)
    return view.proxy.ip_addresses if view.traits.listens_hbone and able else ()


def _ingress_bind(view: ProxyView) -> str:
    """Where an ingress listener without address is: the pod's own address, else everywhere."""
    addresses = view.proxy.ip_addresses
    return addresses[0] if addresses else wildcard_addresses(view.traits, view.features)[0]


@sliced(memoized(size=8192, passing=True))
def _outbound(
    planned: tuple[PlannedListener, ...], unknown: str, sidecar: Origin | None, context: ProxyContext
) -> Work[tuple[Resource, ...]]:
    made = yield from outbound.planned_steps(planned, unknown, context)
    return (
        *made,
        *outbound.build_proxy(context, unknown),
        *outbound.build_virtual_outbound(context, unknown, sidecar),
        *tunnel.build_tunnel(context),
    )


@memoized(size=8192, passing=True)
def _set(first: tuple[Resource, ...], second: tuple[Resource, ...]) -> ResourceSet:
    return resource_set((*first, *second))


@memoized(size=1024)
def _headless_services(scope: Scope) -> tuple[Service, ...]:
    """Services whose endpoints have listeners of their own."""
    found = {}
    for listener in scope.egress:
        for service in listener.services:
            if service.is_headless and any(not port.protocol.is_http for port in service.ports):
                found[service.hostname, service.namespace] = service
    return tuple(found.values())


def _headless(view: ProxyView) -> HeadlessAddresses:
    both = view.traits.ip_mode is IpMode.DUAL and (view.features.dual_stack or view.features.ambient)
    services = _headless_services(view.scope)
    endpoints = (view.endpoints.get((each.hostname, each.namespace)) for each in services)
    places = (
        _places_of(service, each) if each is not None else () for service, each in zip(services, endpoints, strict=True)
    )
    return _by_port(same_tuple(services), same_tuple(tuple(places)), both)


@latest(size=16_384)
def _places_of(service: Service, endpoints: ServiceEndpoints) -> _Places:
    """Where the endpoints are; the same object as long as that is the same, whatever else changed about them."""
    del service  # of whose endpoints only the newest are remembered
    found = {(each.port_name, each.addresses): None for each in endpoints.endpoints if each.addresses}
    places = tuple(found)
    return _PLACES.same(places, places)


@memoized(size=1024)
def _by_port(services: tuple[Service, ...], places: tuple[_Places, ...], both: bool) -> HeadlessAddresses:
    found: dict[tuple[str, str, str], dict[tuple[str, ...], None]] = {}
    for service, each in zip(services, places, strict=True):
        for port, addresses in each:
            used = addresses if both else addresses[:1]
            if all(map(is_ip, used)):
                found.setdefault((service.hostname, service.namespace, port), {})[used] = None
    return {key: tuple(each) for key, each in found.items()}


@memoized(size=1024)
def _all_addresses(headless: HeadlessAddresses) -> Mapping[str, None]:
    return {each: None for places in headless.values() for addresses in places for each in addresses}
