"""Which services a gateway needs, where it is not to have all of them (PILOT_FILTER_GATEWAY_CLUSTER_CONFIG).

In: a scope, the servers of a gateway, extension providers, patches; for waypoints what they stand in front of.
Out: host names. Source: xDS behaviour 3.1 (router, waypoint), 7.1.
"""

from collections.abc import Iterator

from pilot.memo import memoized
from pilot.model.cluster_name import ClusterName
from pilot.model.gateway import GatewayServer
from pilot.model.mesh import MeshConfig
from pilot.view.destinations import destinations_of
from pilot.view.patches import NO_PATCHES, Patches
from pilot.view.scope import Scope
from pilot.view.waypoint import Attachments


@memoized(size=256)
def needed_hosts(
    scope: Scope, servers: tuple[GatewayServer, ...], mesh: MeshConfig, patches: Patches = NO_PATCHES
) -> frozenset[str]:
    """Hosts that routes of the gateway lead to, those of extension providers, and those that EnvoyFilters name."""
    names = dict.fromkeys(f"{each.namespace}/{each.name}" for each in servers)
    routed = (
        host
        for routes in scope.gateway_virtual_services
        for name in names
        if name in routes.gateways
        for host in destinations_of(routes, name)
    )
    return frozenset((*routed, *_provider_hosts(mesh), *_named(patches)))


@memoized(size=256)
def waypoint_hosts(attachments: Attachments, mesh: MeshConfig, patches: Patches = NO_PATCHES) -> frozenset[str]:
    """Hosts that a waypoint reaches as any client does.

    Those that routes lead to without being its own, those of extension providers, of token issuers whose keys it
    fetches, and those that EnvoyFilters name.
    """
    clusters = (provider.cluster for each in attachments.services for provider in each.security.providers)
    fetched = (parsed.host for cluster in clusters if (parsed := ClusterName.parse(cluster)) is not None)
    return frozenset((*attachments.referenced, *_provider_hosts(mesh), *fetched, *_named(patches)))


def _named(patches: Patches) -> Iterator[str]:
    return (host for patch in patches for host in patch.references)


def _provider_hosts(mesh: MeshConfig) -> Iterator[str]:
    """Services of providers, written `host` or `namespace/host`."""
    for provider in mesh.extension_providers:
        for field in provider.__struct_fields__:
            service = getattr(getattr(provider, field), "service", None)
            if isinstance(service, str) and service:
                yield service.rpartition("/")[2]
