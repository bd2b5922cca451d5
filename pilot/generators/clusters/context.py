"""What clusters depend on besides the service they lead to: one shared value for all proxies that it fits.

In: a view. Out: a `Context`; equal arguments give the same object, so that it can be part of a cache key.
"""

from dataclasses import dataclass

from pilot.generators.envoy import alpn, sockets
from pilot.generators.envoy.proxy_settings import proxy_config
from pilot.memo import memoized
from pilot.model.features import Features
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

    @property
    def is_router(self) -> bool:
        """A gateway, which knows its routes' protocols and so never sniffs."""
        return self.kind is ProxyKind.ROUTER

    @property
    def exchanges_metadata(self) -> bool:
        """Whether clusters have the filter that tells peers apart."""
        return alpn.has_metadata_exchange(self.features, self.flavour)


def context_of(view: ProxyView) -> Context:
    """The context of a proxy."""
    traits = view.traits
    headers = proxy_config(view.mesh, view.proxy.proxy_config).proxy_headers
    return _context(
        view.mesh,
        view.features,
        traits.flavour,
        traits.kind,
        traits.ip_mode,
        traits.sends_hbone and traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE),
        traits.client_files,
        traits.file_credential_socket,
        traits.credential_socket,
        bool(headers and headers.preserve_http1_header_case),
    )


_context = memoized(size=1024)(Context)
