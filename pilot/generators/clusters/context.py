"""What clusters depend on besides the service they lead to: one shared value for all proxies that it fits.

In: a view. Out: a `Context`; equal arguments give the same object, so that it can be part of a cache key.
"""

from dataclasses import dataclass

from pilot.generators.envoy import alpn, sockets
from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.model.features import Features
from pilot.model.interning import Interner
from pilot.model.mesh import MeshConfig
from pilot.view.proxy import ClientFiles, Flavour, IpMode, ProxyKind
from pilot.view.proxy_view import ProxyView


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The part of a proxy, the mesh and the switches that outbound clusters depend on."""

    mesh: MeshConfig
    features: Features
    flavour: Flavour
    kind: ProxyKind
    ip_mode: IpMode
    tunnels: bool
    """Endpoints may be reached through HBONE tunnels."""
    client_files: ClientFiles
    """Certificate files that replace the workload certificate toward servers."""
    own_file_socket: bool
    credential_socket: bool
    preserve_case: bool
    is_entrance: bool = False
    """Tunnels from other networks come in here."""

    @property
    def is_router(self) -> bool:
        """A gateway, which knows its routes' protocols and so never sniffs."""
        return self.kind is ProxyKind.ROUTER

    @property
    def is_waypoint(self) -> bool:
        """Stands in front of services."""
        return self.kind is ProxyKind.WAYPOINT

    @property
    def exchanges_metadata(self) -> bool:
        """Whether clusters have the filter that tells peers apart."""
        return alpn.has_metadata_exchange(self.features, self.flavour)


_CONTEXTS: Interner[Context] = Interner(1024)  # arbitrary: kinds of proxies at once


def context_of(view: ProxyView) -> Context:
    """The context of a proxy."""
    traits = view.traits
    headers = proxy_config(view.mesh, view.proxy.proxy_config).proxy_headers
    made = Context(
        mesh=view.mesh,
        features=view.features,
        flavour=traits.flavour,
        kind=traits.kind,
        ip_mode=traits.ip_mode,
        tunnels=(traits.sends_hbone or traits.kind is ProxyKind.WAYPOINT)
        and traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE),
        client_files=traits.client_files,
        own_file_socket=traits.file_credential_socket,
        credential_socket=traits.credential_socket,
        preserve_case=bool(headers and headers.preserve_http1_header_case),
        is_entrance=view.attachments.is_entrance,
    )
    return _CONTEXTS.same(_key(made), made)


def _key(context: Context) -> tuple[object, ...]:
    """Mesh and features by identity, which changes with every reload that says something else; the rest by value."""
    return (
        id(context.mesh),
        id(context.features),
        context.flavour,
        context.kind,
        context.ip_mode,
        context.tunnels,
        context.client_files,
        context.own_file_socket,
        context.credential_socket,
        context.preserve_case,
        context.is_entrance,
    )
