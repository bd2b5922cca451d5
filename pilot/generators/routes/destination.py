"""The cluster that a destination of a route means.

In: a destination and what the mesh knows of its host. Out: the name of a cluster, which may not exist.
Source: xDS behaviour 5.5 (Destinations).
"""

from typing import Final

from pilot.model.cluster_name import inbound_vip, outbound
from pilot.model.service import Resolution, Service
from pilot.model.virtual_service import Destination

UNKNOWN_CLUSTER: Final = "UnknownService"
"""The cluster of a destination without a host: Envoy answers 503 (500 for Gateway API routes)."""


def cluster_of(
    destination: Destination,
    service: Service | None,
    port: int,
    *,
    keep_listener_port: bool = False,
    own_layer: str = "",
) -> str:
    """The cluster of a destination. Without a port: the only one of the service, else that of the listener.

    `keep_listener_port`: that of the listener in any case. `own_layer`: a waypoint stands in front of the service, and
    this is what is routed, `http` or `tcp`.
    """
    host = destination.host
    if not host:
        return UNKNOWN_CLUSTER
    if service is not None and service.resolution is Resolution.ALIAS and service.external_name:
        host = service.external_name
    if destination.port is not None:
        port = destination.port.number
    elif service is not None and len(service.ports) == 1 and not keep_listener_port:
        port = service.ports[0].number
    if own_layer:
        return inbound_vip(port, host, f"{own_layer}/{destination.subset}" if destination.subset else own_layer)
    return outbound(port, host, destination.subset)
