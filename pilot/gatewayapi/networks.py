"""Gateways that lead into networks: those with a network label, of the classes for other clusters.

In: Gateways and their classes. Out: the addresses by which proxies of other networks come in, for mutual TLS that is
passed on by its SNI, and for HBONE. Source: xDS behaviour 2.6, 8.5; installation 9.1.
"""

from collections.abc import Iterator

from pilot.gatewayapi.classes import EAST_WEST_CONTROLLER, REMOTE_CONTROLLER, controller_of
from pilot.gatewayapi.gateway import KubernetesGateway, Listener
from pilot.gatewayapi.listener_tls import is_automatic
from pilot.gatewayapi.listeners import ACCOUNT
from pilot.model.locality import NETWORK
from pilot.model.mesh_settings import MeshSettings, is_ip
from pilot.model.network_gateways import NetworkGateway
from pilot.model.object_store import ObjectStore
from pilot.model.waypoint import HboneGateway, TunnelAddress


def passthrough(store: ObjectStore, settings: MeshSettings) -> tuple[NetworkGateway, ...]:
    """The ways in for mutual TLS."""
    if not settings.features.gateway_api or not settings.features.discover_network_gateways:
        return ()
    return tuple(
        NetworkGateway(address, listener.port, network, settings.cluster_id)
        for gateway, network in _leading(store, settings)
        for listener in gateway.spec.listeners
        if listener.protocol == "TLS" and is_automatic(listener, gateway)
        for address in _addresses(gateway, store)
    )


def tunnels(store: ObjectStore, settings: MeshSettings) -> tuple[HboneGateway, ...]:
    """The ways in for HBONE, by uid."""
    found = (
        HboneGateway(gateway.namespace, network, _tunnel(gateway, listener, network, address), _account(gateway))
        for gateway, network in _leading(store, settings)
        for listener in gateway.spec.listeners
        if listener.protocol == "HBONE"
        for address in _addresses(gateway, store)
    )
    return tuple(sorted(found, key=lambda each: each.uid))


def _leading(store: ObjectStore, settings: MeshSettings) -> Iterator[tuple[KubernetesGateway, str]]:
    """The Gateways, each with its network; what is elsewhere is only for the cluster of the configuration to say."""
    wanted = (EAST_WEST_CONTROLLER,) if settings.is_remote else (REMOTE_CONTROLLER, EAST_WEST_CONTROLLER)
    for each in store.of(KubernetesGateway):
        network = each.metadata.labels.get(NETWORK, "")
        if network and controller_of(each, store) in wanted:
            yield each, network


def _addresses(gateway: KubernetesGateway, store: ObjectStore) -> tuple[str, ...]:
    """What people wrote of a Gateway elsewhere, what was found out of one here."""
    is_remote = controller_of(gateway, store) == REMOTE_CONTROLLER
    return tuple(each.value for each in (gateway.spec.addresses if is_remote else gateway.status.addresses))


def _tunnel(gateway: KubernetesGateway, listener: Listener, network: str, address: str) -> TunnelAddress:
    if is_ip(address):
        return TunnelAddress(ip=address, network=network, port=listener.port)
    return TunnelAddress(address, gateway.namespace, port=listener.port)


def _account(gateway: KubernetesGateway) -> str:
    return gateway.metadata.annotations.get(ACCOUNT) or f"{gateway.name}-{gateway.spec.gateway_class_name}"
