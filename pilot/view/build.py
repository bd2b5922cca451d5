"""A proxy's view of the mesh.

In: a `Snapshot` and a `Proxy`. Out: a `ProxyView`. Every part is memoized on what it depends on, so replicas share all
parts, and a change of the mesh replaces only the parts that it concerns.
"""

import json
from collections.abc import Mapping

from pilot.memo import latest, memoized
from pilot.model.endpoint_index import NO_ENDPOINTS
from pilot.model.gateway import GatewayServer
from pilot.model.gateways import Exposed, select_gateways
from pilot.model.interning import Interner, same_mapping, same_tuple
from pilot.model.network_gateways import NetworkGateways
from pilot.model.service import Hostname, PortProtocol, Service
from pilot.model.service_index import ServiceIndex
from pilot.model.snapshot import Snapshot
from pilot.model.waypoint import Traffic, Waypoint, Waypoints
from pilot.model.workloads import TLS_MODE
from pilot.view.credential_access import access_of
from pilot.view.observed import observed_of
from pilot.view.patches import body_limit_of, patches_of
from pilot.view.plugins import plugins_of, served
from pilot.view.proxy import Proxy, ProxyKind, Traits, doubles_tunnels
from pilot.view.proxy_view import NO_WAYPOINTS, Particulars, ProxyView
from pilot.view.scope import EgressListener, Endpoints, Scope
from pilot.view.scoping import scope_of
from pilot.view.security import security_of
from pilot.view.waypoint import NO_ATTACHMENTS, attachments_of
from pilot.view.workload import ServiceTarget, Workload
from pilot.view.workload_lookup import Identified, identify, workload_of

_WITH_SIDECAR = (TLS_MODE, "istio")
_PARTICULARS: Interner[Particulars] = Interner(8192)  # arbitrary: classes of proxies at once


def build(snapshot: Snapshot, proxy: Proxy) -> ProxyView:
    """What generators are given for a proxy."""
    traits = proxy.traits
    identified = identify(snapshot, proxy)
    scope = scope_of(snapshot, traits.kind, traits.namespace, identified.labels)
    workload = workload_of(snapshot, proxy, identified)
    gateways = _gateways(snapshot, proxy, identified, workload)
    observed = observed_of(snapshot, proxy, identified)
    near = snapshot.remotes.get(traits.cluster_id)
    nearer = near.credentials if near is not None else None
    credentials = access_of(snapshot.credentials, proxy.identity, gateways, nearer)
    plugins = plugins_of(snapshot, proxy, identified, credentials)
    attachments = NO_ATTACHMENTS
    if traits.kind is ProxyKind.WAYPOINT:
        attachments = attachments_of(snapshot, proxy, identified, workload, scope.egress[0].virtual_services)
        plugins = served(snapshot, plugins, (each.plugins for each in attachments.services), credentials)
    return ProxyView(
        proxy=_particulars(proxy, observed.names_itself, _depends_on_addresses(proxy, scope, snapshot.endpoints)),
        traits=traits,
        mesh=snapshot.mesh,
        features=snapshot.features,
        scope=scope,
        workload=workload,
        endpoints=snapshot.endpoints,
        names=_names(snapshot, traits, scope),
        peer_authentications=snapshot.peer_authentications,
        network_gateways=_network_gateways(snapshot, traits),
        security=security_of(snapshot, proxy, identified),
        gateways=gateways,
        ingress_waypoints=_ingress_waypoints(snapshot, proxy),
        credentials=credentials,
        observed=observed,
        plugins=plugins,
        attachments=attachments,
        patches=patches_of(snapshot, proxy, identified),
        body_limit=body_limit_of(snapshot),
    )


def _network_gateways(snapshot: Snapshot, traits: Traits) -> NetworkGateways:
    """The ways into other networks that such a proxy can take."""
    return snapshot.tunnel_gateways if doubles_tunnels(traits, snapshot.features) else snapshot.network_gateways


@latest(size=8192)
def _particulars(proxy: Proxy, with_name: bool, with_addresses: bool) -> Particulars:
    addresses = proxy.ip_addresses if with_addresses else ()
    name = proxy.node_cluster if with_name else ""
    made = Particulars(proxy.mesh_id, proxy.proxy_config, addresses, name)
    settings = json.dumps(proxy.proxy_config, sort_keys=True, default=str) if proxy.proxy_config else ""
    return _PARTICULARS.same((proxy.mesh_id, settings, name, addresses), made)


def _depends_on_addresses(proxy: Proxy, scope: Scope, endpoints: Endpoints) -> bool:
    """Whether it is an endpoint with a listener of its own, or listens at its address itself."""
    if scope.ingress or (proxy.traits.listens_hbone and proxy.traits.kind is ProxyKind.SIDECAR):
        return True
    listening = _headless_addresses(_headless(scope), endpoints)
    return bool(listening) and not listening.isdisjoint(proxy.ip_addresses)


def has_headless(scope: Scope) -> bool:
    """Whether a proxy with this scope may depend on where endpoints are."""
    return bool(_headless(scope))


@memoized(size=1024)
def _headless(scope: Scope) -> tuple[Service, ...]:
    """Services whose endpoints may have listeners of their own."""
    listed = (service for listener in scope.egress for service in listener.services)
    return same_tuple(tuple(each for each in (*scope.services, *listed) if each.is_headless))


@latest(size=64)
def _headless_addresses(services: tuple[Service, ...], endpoints: Endpoints) -> frozenset[str]:
    found = (endpoints.get((each.hostname, each.namespace), NO_ENDPOINTS) for each in services)
    return frozenset(address for known in found for each in known.endpoints for address in each.addresses)


def _names(snapshot: Snapshot, traits: Traits, scope: Scope) -> tuple[EgressListener, ...]:
    """What sidecars reach; for others what sidecars of their namespace, where it has some, would be told."""
    if traits.kind is ProxyKind.SIDECAR:
        return scope.egress
    if not snapshot.workloads.by_label.get((traits.namespace, *_WITH_SIDECAR)):
        return ()
    return scope_of(snapshot, ProxyKind.SIDECAR, traits.namespace, {}).egress


def _ingress_waypoints(snapshot: Snapshot, proxy: Proxy) -> Mapping[Hostname, Service]:
    waypoints, features = snapshot.conversions.waypoints, snapshot.features
    if proxy.traits.kind is not ProxyKind.ROUTER or not features.ingress_waypoint_routing or not waypoints.by_name:
        return NO_WAYPOINTS
    return same_mapping(_reached_through(snapshot.service_index, waypoints))


@memoized(size=4)
def _reached_through(services: ServiceIndex, waypoints: Waypoints) -> Mapping[Hostname, Service]:
    """The services of waypoints by the host names of those that ask gateways to go through them."""
    found: dict[Hostname, Service] = {}
    for service in services.listing:
        if not waypoints.takes_ingress(service.namespace, service.labels):
            continue
        bound = waypoints.bound(service.namespace, service.labels, Traffic.SERVICE)
        if isinstance(bound, Waypoint) and bound.address is not None:
            through = services.find(bound.address.hostname, bound.address.namespace)
            if through is not None:
                found[service.hostname] = through
    return found


def _gateways(
    snapshot: Snapshot, proxy: Proxy, identified: Identified, workload: Workload
) -> tuple[GatewayServer, ...]:
    if proxy.traits.kind is not ProxyKind.ROUTER:
        return ()
    return same_tuple(
        select_gateways(
            snapshot.gateways,
            proxy.traits.namespace,
            identified.labels,
            _exposed(workload.targets),
            same_namespace=snapshot.features.scope_gateway_to_namespace,
        )
    )


@memoized(size=4096)
def _exposed(targets: tuple[ServiceTarget, ...]) -> tuple[Exposed, ...]:
    return tuple(
        Exposed(each.service.hostname, each.service.namespace, each.port.number, each.target_port)
        for each in targets
        if each.port.protocol is not PortProtocol.UDP
    )
