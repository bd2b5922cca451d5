"""Which endpoints of a service a client gets for one port and subset.

In: endpoints, a service port, a client. Out: the endpoints that stay, in order. Does not group or weigh them.
Source: xDS behaviour 6.1.
"""

from collections.abc import Iterator, Mapping, Sequence

from pilot.generators.endpoints.client import Client
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features
from pilot.model.mesh_settings import is_ip
from pilot.model.service import Service, ServicePort, TrafficDistribution

UNIX = "unix://"


def select_endpoints(
    endpoints: Sequence[Endpoint],
    service: Service,
    port: ServicePort,
    labels: Mapping[str, str],
    client: Client,
    features: Features,
    *,
    own_cluster_only: bool = False,
    names: bool = False,
    has_ways: bool = True,
) -> Iterator[Endpoint]:
    """Endpoints that `client` may use. `labels` are the subset's; `names`: DNS names are welcome (inline clusters);
    `has_ways`: there are gateways between networks, by which what has no address may be reached.
    """
    with_unhealthy = sends_unhealthy(service, features)
    with_draining = is_persistent(service, features)
    for each in endpoints:
        if each.port_name != port.name or (labels and not _has_labels(each, labels)):
            continue
        if not names and not _is_address(each.address):
            continue
        if not _is_reachable(each, service, client, own_cluster_only=own_cluster_only, has_ways=has_ways):
            continue
        if _is_fit(each, features, with_unhealthy=with_unhealthy, with_draining=with_draining):
            yield each


def sends_unhealthy(service: Service, features: Features) -> bool:
    """Whether clients get endpoints that are not ready, to use when nothing else is left."""
    return features.send_unhealthy_endpoints or service.traffic_distribution is not TrafficDistribution.ANY


def is_persistent(service: Service, features: Features) -> bool:
    """Whether sessions stick to endpoints, draining ones included."""
    return bool(service.labels.get(features.persistent_session_label))


def is_draining(endpoint: Endpoint, features: Features) -> bool:
    """Whether an endpoint takes no new sessions."""
    return endpoint.health is Health.DRAINING or (
        bool(features.draining_label) and features.draining_label in endpoint.labels
    )


def _has_labels(endpoint: Endpoint, labels: Mapping[str, str]) -> bool:
    have = endpoint.labels
    return all(have.get(name) == value for name, value in labels.items())


def _is_address(address: str) -> bool:
    return not address or address.startswith(UNIX) or is_ip(address)


def _is_reachable(
    endpoint: Endpoint, service: Service, client: Client, *, own_cluster_only: bool, has_ways: bool
) -> bool:
    if service.node_local and endpoint.node != client.node:
        return False
    if (own_cluster_only or service.node_local) and endpoint.cluster_id != client.cluster_id:
        return False
    exported = service.exported_from
    if exported is not None and endpoint.cluster_id != client.cluster_id and endpoint.cluster_id not in exported:
        return False
    if client.requested_networks and endpoint.network and endpoint.network not in client.requested_networks:
        return False
    if not endpoint.address:
        return has_ways and bool(endpoint.network) and endpoint.network != client.network
    return True


def _is_fit(endpoint: Endpoint, features: Features, *, with_unhealthy: bool, with_draining: bool) -> bool:
    if endpoint.health is Health.TERMINATING or (endpoint.health is Health.UNHEALTHY and not with_unhealthy):
        return False
    return with_draining or not is_draining(endpoint, features)
