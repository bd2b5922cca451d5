"""Workloads of other networks: a client reaches them through the gateways of their network.

In: groups of endpoints, a client, the gateways of all networks. Out: the endpoints that the client dials, gateways
in place of what stands behind them. Source: xDS behaviour 6.5.
"""

from collections.abc import Callable, Iterable

from pilot.generators.endpoints.client import Client
from pilot.generators.endpoints.priorities import Group, group_of
from pilot.memo import memoized
from pilot.model.endpoint import Endpoint
from pilot.model.locality import CLUSTER, NETWORK
from pilot.model.network_gateways import NetworkGateway, NetworkGateways

GATEWAY_PORT_NAME = "network gateway"
TUNNEL_PORT_NAME = "network gateway for tunnels"
"""No ports of a service have these names: they tell gateways from workloads."""

_MAX_WEIGHT = 2**32 - 1


def route_by_network(
    groups: Iterable[Group],
    client: Client,
    gateways: NetworkGateways,
    is_encrypted: Callable[[Endpoint], bool],
    is_tunnelled: Callable[[Endpoint], bool],
) -> list[Group]:
    """The groups with direct endpoints first, their weights scaled, then gateways with the shares of what is behind.

    A gateway takes traffic to its right place by the SNI of mutual TLS, so what is not encrypted cannot go there; one
    for tunnels only to what takes tunnels itself. A group of which nothing can be reached stays without endpoints.
    """
    return [group_of(each.locality, _routed(each, client, gateways, is_encrypted, is_tunnelled)) for each in groups]


def _routed(
    group: Group,
    client: Client,
    gateways: NetworkGateways,
    is_encrypted: Callable[[Endpoint], bool],
    is_tunnelled: Callable[[Endpoint], bool],
) -> list[tuple[Endpoint, int]]:
    direct: list[tuple[Endpoint, int]] = []
    shares: dict[NetworkGateway, int] = {}
    for endpoint, weight in group.endpoints:
        scaled = min(weight * gateways.scale, _MAX_WEIGHT)
        ways = () if _is_near(endpoint, client) else gateways.into(endpoint.network, endpoint.cluster_id)
        if not ways:
            if endpoint.address:
                direct.append((endpoint, scaled))
        elif is_tunnelled(endpoint) if ways[0].hbone else is_encrypted(endpoint):
            for way in ways:
                shares[way] = min(shares.get(way, 0) + scaled // len(ways), _MAX_WEIGHT)
    return [*direct, *((_endpoint(way, group.locality), max(share, 1)) for way, share in sorted(shares.items()))]


def is_gateway(endpoint: Endpoint) -> bool:
    """Whether an endpoint is a gateway in place of workloads, for mutual TLS."""
    return endpoint.port_name == GATEWAY_PORT_NAME


def is_tunnel_gateway(endpoint: Endpoint) -> bool:
    """Whether an endpoint is a gateway in place of workloads, for tunnels inside of tunnels."""
    return endpoint.port_name == TUNNEL_PORT_NAME


def _is_near(endpoint: Endpoint, client: Client) -> bool:
    return not endpoint.network or not client.network or endpoint.network == client.network


@memoized(size=4096)
def _endpoint(gateway: NetworkGateway, locality: str) -> Endpoint:
    return Endpoint(
        addresses=(gateway.address,),
        port=gateway.port,
        port_name=TUNNEL_PORT_NAME if gateway.hbone else GATEWAY_PORT_NAME,
        cluster_id=gateway.cluster_id,
        labels={NETWORK: gateway.network, CLUSTER: gateway.cluster_id},
        locality=locality,
        network=gateway.network,
        tls_mode="" if gateway.hbone else "istio",
    )
