"""What routes depend on besides the objects they are made from: settings of the proxies, and the listener.

In: parts of a view. Out: values that serve as parts of cache keys. Source: xDS behaviour 4.5 (headers), 5.5.
"""

from dataclasses import dataclass
from typing import Final

from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.proxy_config import ProxyConfig, ProxyHeaders
from pilot.model.routing import MESH


@dataclass(frozen=True, slots=True, eq=False)
class RouteSettings:
    """What all routes of a class of proxies depend on; `route_settings` makes it, once for each."""

    mesh: MeshConfig
    config: ProxyConfig
    features: Features

    @property
    def headers(self) -> ProxyHeaders:
        """Settings of headers."""
        return self.config.proxy_headers or _NO_HEADERS

    @property
    def append_x_forwarded_host(self) -> bool:
        """Whether a changed authority is kept in X-Forwarded-Host."""
        return self.headers.x_forwarded_host is not None and bool(self.headers.x_forwarded_host.enabled)

    @property
    def attempt_count(self) -> bool:
        """Whether requests say how often they were tried."""
        return self.headers.attempt_count is None or not self.headers.attempt_count.disabled


_NO_HEADERS: Final = ProxyHeaders()


@memoized()
def route_settings(mesh: MeshConfig, config: ProxyConfig, features: Features) -> RouteSettings:
    """The same object for the same parts."""
    return RouteSettings(mesh, config, features)


@dataclass(frozen=True, slots=True)
class RouteListener:
    """The listener that routes are for; a cache key by value."""

    port: int
    """As conditions and redirects mean it: the service port, or the port of the gateway's server."""
    gateway: str = MESH
    tls: bool = False
    keep_listener_port: bool = False
    """A destination without port means `port` even if its service has another one only (sidecars, by port)."""

    quic: bool = False
    """Answers say that the port speaks HTTP/3 too."""
    own: str = ""
    """Waypoints: hosts of destinations that it stands in front of, a line each."""

    def key(self) -> "Key":
        """The parts, for cache keys."""
        return self.port, self.gateway, self.tls, self.keep_listener_port, self.quic, self.own


Key = tuple[int, str, bool, bool, bool, str]
