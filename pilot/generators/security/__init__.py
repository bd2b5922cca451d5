"""Filters that enforce what a workload's security policies say.

In: a `Security`, trust domains. Out: HTTP filters by slot, network filters in order.
Source: xDS behaviour 4.4, 4.5, 7.6, 7.7.
"""

from collections.abc import Mapping
from typing import Final

from pilot.generators.envoy.http_filters import NOTHING, Side, Slot
from pilot.generators.envoy.wire import Extension
from pilot.generators.security import custom, jwt, rbac
from pilot.generators.security.rbac import Layer, Trust
from pilot.memo import memoized
from pilot.model.mesh import MeshConfig
from pilot.view.security import NO_SECURITY, Security

_NONE: Final[tuple[Extension, ...]] = ()


@memoized(size=4096)
def http_filters(
    security: Security, mesh: MeshConfig, side: Side, tunnelled: bool = False
) -> Mapping[Slot, tuple[Extension, ...]]:
    """What is enforced on requests; nothing on those that a sidecar's own workload makes.

    `tunnelled`: they came in a tunnel, whose end knows who the client is.
    """
    if security is NO_SECURITY or side is Side.OUTBOUND:
        return NOTHING
    trust = _trust(mesh, tunnelled=tunnelled or side is Side.WAYPOINT)
    return {
        Slot.CUSTOM_AUTHORIZATION: custom.build(security, trust, Layer.HTTP),
        Slot.JWT: jwt.build(security.providers, clear_route_cache=side in (Side.GATEWAY, Side.WAYPOINT)),
        Slot.AUTHORIZATION: rbac.build(security.authorizations, trust, Layer.HTTP),
    }


@memoized(size=4096)
def tcp_filters(
    security: Security, mesh: MeshConfig, tunnelled: bool = False
) -> tuple[tuple[Extension, ...], tuple[Extension, ...]]:
    """What is enforced on connections: filters that ask an authorizer, and those of all other policies."""
    if security is NO_SECURITY:
        return _NONE, _NONE
    trust = _trust(mesh, tunnelled=tunnelled)
    return custom.build(security, trust, Layer.TCP), rbac.build(security.authorizations, trust, Layer.TCP)


@memoized(size=4096)
def tunnel_guards(security: Security, mesh: MeshConfig) -> tuple[Extension, ...]:
    """What is enforced on requests for tunnels: policies as they hold for connections, whatever will be inside."""
    if security is NO_SECURITY:
        return _NONE
    return rbac.build(security.authorizations, _trust(mesh, tunnelled=False), Layer.TCP, Layer.HTTP)


def _trust(mesh: MeshConfig, *, tunnelled: bool) -> Trust:
    return Trust(mesh.trust_domain, mesh.trust_domain_aliases, tunnelled)
