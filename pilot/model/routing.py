"""VirtualServices made ready for use: full host names, delegates merged, order of precedence.

In: decoded VirtualServices and mesh defaults. Out: `ResolvedVirtualService`s and the problems found. Does not know
proxies.
Source: xDS behaviour 5.4, appendix B.
"""

from dataclasses import dataclass

from pilot.model.virtual_service import HTTPRoute, TCPRoute, TLSRoute
from pilot.resources import Origin

MESH = "mesh"


@dataclass(frozen=True, slots=True)
class ResolvedVirtualService:
    """A VirtualService in which nothing is left to look up."""

    origin: Origin
    namespace: str
    name: str
    hosts: tuple[str, ...]
    """Full names and wildcards."""
    gateways: tuple[str, ...]
    """`namespace/name` or `mesh`."""
    http: tuple[HTTPRoute, ...] = ()
    """Delegates are merged in, destinations and mirrors have full names, match gateways too."""
    tcp: tuple[TCPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    gateway_semantics: bool = False
    """Made from a Gateway API route."""
    created: str = ""
    export_to: frozenset[str] = frozenset()
    """As written, the mesh default where it says nothing."""
    delegates: tuple[Origin, ...] = ()
    """VirtualServices merged into it."""
