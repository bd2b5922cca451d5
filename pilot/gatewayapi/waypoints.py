"""Gateways that others send their traffic through.

In: Gateways, their classes, Services. Out: `Waypoints`. A Gateway of ours is reached at the Service that is deployed
for it, whatever its status says; one of somebody else's at the addresses in its status.
Source: xDS behaviour 8.5; installation 9.1, 10.
"""

from collections.abc import Mapping

from pilot.gatewayapi import networks
from pilot.gatewayapi.classes import CONTROLLERS, EAST_WEST_CONTROLLER, REMOTE_CONTROLLER, TUNNELS, controller_of
from pilot.gatewayapi.gateway import GatewayClass, KubernetesGateway, Listener
from pilot.gatewayapi.listeners import NAME_OVERRIDE
from pilot.model.kubernetes import KubernetesService, Namespace
from pilot.model.mesh_settings import MeshSettings, is_ip
from pilot.model.object_store import ObjectStore
from pilot.model.waypoint import (
    HBONE_PORT,
    ApplicationTunnel,
    Traffic,
    TunnelAddress,
    Waypoint,
    Waypoints,
)

_FOR = "istio.io/waypoint-for"
_BINDING = "ambient.istio.io/waypoint-inbound-binding"


def convert(store: ObjectStore, settings: MeshSettings) -> Waypoints:
    """All waypoints, which any Gateway may be, and the ways into other networks by HBONE."""
    if not settings.features.gateway_api or not settings.features.ambient:
        return Waypoints()
    waypoints: dict[tuple[str, str], Waypoint] = {}
    for each in sorted(store.of(KubernetesGateway), key=lambda each: (each.created, each.name, each.namespace)):
        declared = store.get(GatewayClass, "", each.spec.gateway_class_name)
        controller = controller_of(each, store, settings.features)
        if controller != REMOTE_CONTROLLER and settings.features.ambient_waypoints:
            waypoints[each.namespace, each.name] = _waypoint(each, declared, controller, store, settings)
    namespaces = {each.name: each.metadata.labels for each in store.of(Namespace)} if waypoints else {}
    return Waypoints(waypoints, networks.tunnels(store, settings), namespaces)


def _waypoint(
    gateway: KubernetesGateway,
    declared: GatewayClass | None,
    controller: str,
    store: ObjectStore,
    settings: MeshSettings,
) -> Waypoint:
    tunnel = _tunnel(gateway.metadata.annotations) or (_tunnel(declared.metadata.annotations) if declared else None)
    listener = next(
        (each for each in gateway.spec.listeners if _takes_traffic(each, tunnel.port if tunnel else 0)), None
    )
    namespaces = listener.allowed_routes.namespaces if listener else None
    class_labels: Mapping[str, str] = declared.metadata.labels if declared else {}
    addresses = _addresses(gateway, controller, store, settings)
    return Waypoint(
        namespace=gateway.namespace,
        name=gateway.name,
        address=addresses[0] if addresses else None,
        traffic=_traffic(gateway.metadata.labels.get(_FOR) or class_labels.get(_FOR, "")),
        allowed=namespaces.from_ if namespaces else "None",
        selector=namespaces.selector if namespaces else None,
        tunnel=tunnel,
        is_east_west=controller == EAST_WEST_CONTROLLER,
    )


def _traffic(text: str) -> Traffic:
    return Traffic(text) if text in tuple(Traffic) else Traffic.SERVICE


def _tunnel(annotations: Mapping[str, str]) -> ApplicationTunnel | None:
    """`PROXY`, `PROXY/15088` or `NONE`; anything else is ignored."""
    protocol, slash, port = annotations.get(_BINDING, "").partition("/")
    if protocol not in ("PROXY", "NONE") or (slash and not (port.isascii() and port.isdecimal())):
        return None
    return ApplicationTunnel(protocol, int(port) if slash else 0)


def _takes_traffic(listener: Listener, bound_port: int) -> bool:
    if bound_port:
        return listener.port == bound_port
    return listener.protocol == "HBONE" and listener.port == HBONE_PORT


def _addresses(
    gateway: KubernetesGateway, controller: str, store: ObjectStore, settings: MeshSettings
) -> list[TunnelAddress]:
    """Where it is reached: host names before IP addresses."""
    if controller in CONTROLLERS and controller != REMOTE_CONTROLLER:
        service = gateway.metadata.annotations.get(NAME_OVERRIDE) or _default_name(gateway, controller)
        if store.get(KubernetesService, gateway.namespace, service) is not None:
            return [TunnelAddress(settings.host_of(service, gateway.namespace), gateway.namespace)]
    found = [(each.type or "IPAddress", each.value) for each in gateway.status.addresses]
    names = [TunnelAddress(value, gateway.namespace) for kind, value in found if kind == "Hostname"]
    network = settings.network_of(())
    ips = [TunnelAddress(ip=value, network=network) for kind, value in found if kind == "IPAddress" and is_ip(value)]
    return names + ips


def _default_name(gateway: KubernetesGateway, controller: str) -> str:
    return gateway.name if controller in TUNNELS else f"{gateway.name}-{gateway.spec.gateway_class_name}"
