"""The HTTP filters of sidecars, gateways and waypoints, in the one order that they may have.

In: what kind of chain it is. Out: the filters, in order. Filters of later layers (authorization, JWT, Wasm) come as
`extra`, by slot. Waypoints have an order of their own. Source: xDS behaviour 4.5, 4.6, 4.12, appendix A.11, A.16.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig as GrpcStats
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import StatefulSession
from google.protobuf.wrappers_pb2 import BoolValue

from istio_api import alpn_pb2
from pilot.generators.envoy.packing import PREFIX, typed_struct
from pilot.generators.envoy.wire import Extension, extension, packed, supported
from pilot.view.proxy import Flavour

PEER_METADATA_TYPE: Final = PREFIX + "io.istio.http.peer_metadata.Config"


class Slot(Enum):
    """A place in the chain; the order of declaration is the order of the filters."""

    METADATA_EXCHANGE = auto()
    CUSTOM_AUTHORIZATION = auto()
    WASM_AUTHENTICATION = auto()
    JWT = auto()
    WASM_AUTHORIZATION = auto()
    AUTHORIZATION = auto()
    WASM_STATS = auto()
    WASM_UNSPECIFIED = auto()
    INFERENCE = auto()
    GRPC_WEB = auto()
    GRPC_STATS = auto()
    ALPN = auto()
    FAULT = auto()
    CORS = auto()
    STATS = auto()
    STATEFUL_SESSION = auto()
    DYNAMIC_FORWARD_PROXY = auto()
    ROUTER = auto()


_AT_WAYPOINT: Final = (
    Slot.CUSTOM_AUTHORIZATION,
    Slot.WASM_AUTHENTICATION,
    Slot.JWT,
    Slot.WASM_AUTHORIZATION,
    Slot.AUTHORIZATION,
    Slot.GRPC_WEB,
    Slot.GRPC_STATS,
    Slot.FAULT,
    Slot.CORS,
    Slot.DYNAMIC_FORWARD_PROXY,
    Slot.WASM_STATS,
    Slot.WASM_UNSPECIFIED,
    Slot.METADATA_EXCHANGE,
    Slot.STATS,
    Slot.ROUTER,
)


class Side(Enum):
    """Which side of a connection the proxy is on.

    A gateway serves clients and is the client of services; a waypoint serves in the place of a service.
    """

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"

    @property
    def is_server(self) -> bool:
        """The proxy stands for the server."""
        return self in (Side.INBOUND, Side.WAYPOINT)


@dataclass(frozen=True, slots=True)
class HttpChain:
    """What the filters of a chain depend on."""

    side: Side
    grpc_web: bool = False
    metadata_exchange: bool = True
    in_mesh_only: bool = False
    """Peer metadata headers are not sent to services outside the mesh."""
    alpn: bool = True
    stats: Extension | None = None
    stateful_session: bool = False
    suppress_debug_headers: bool = False


def _peer_metadata(direction: str, *, in_mesh_only: bool) -> Extension:
    headers: dict[str, object] = {"skip_external_clusters": True} if in_mesh_only else {}
    config = {
        f"{direction}_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}],
        f"{direction}_propagation": [{"istio_headers": headers}],
    }
    return packed("istio.metadata_exchange", PEER_METADATA_TYPE, typed_struct(PEER_METADATA_TYPE, config))


_MX_INBOUND = _peer_metadata("downstream", in_mesh_only=False)
_MX_OUTBOUND = _peer_metadata("upstream", in_mesh_only=False)
_MX_OUTBOUND_IN_MESH = _peer_metadata("upstream", in_mesh_only=True)
_WAYPOINT_UPSTREAM = packed(
    "waypoint_upstream_peer_metadata",
    PEER_METADATA_TYPE,
    typed_struct(PEER_METADATA_TYPE, {"upstream_discovery": [{"workload_discovery": {}}]}),
)
_Protocols = alpn_pb2.FilterConfig.AlpnOverride
_ALPN = extension(
    "istio.alpn",
    alpn_pb2.FilterConfig(
        alpn_override=[
            _Protocols(upstream_protocol=number, alpn_override=names)
            for number, names in (
                (alpn_pb2.FilterConfig.HTTP10, ("istio-http/1.0", "istio", "http/1.0")),
                (alpn_pb2.FilterConfig.HTTP11, ("istio-http/1.1", "istio", "http/1.1")),
                (alpn_pb2.FilterConfig.HTTP2, ("istio-h2", "istio", "h2")),
            )
        ]
    ),
)
_GRPC_STATS = extension(
    "envoy.filters.http.grpc_stats",
    GrpcStats(emit_filter_state=True, stats_for_all_methods=BoolValue(value=False)),
)
_GRPC_WEB = extension("envoy.filters.http.grpc_web", GrpcWeb())
_FAULT = extension("envoy.filters.http.fault", HTTPFault())
_CORS = extension("envoy.filters.http.cors", Cors())
_STATEFUL_SESSION = extension("envoy.filters.http.stateful_session", StatefulSession())
_ROUTER = extension("envoy.filters.http.router", Router())
_QUIET_ROUTER = extension("envoy.filters.http.router", Router(suppress_envoy_headers=True))


def _metadata_exchange(chain: HttpChain) -> Extension | None:
    if chain.side is Side.WAYPOINT:
        return _WAYPOINT_UPSTREAM
    if not chain.metadata_exchange:
        return None
    if chain.side is Side.INBOUND:
        return _MX_INBOUND
    return _MX_OUTBOUND_IN_MESH if chain.in_mesh_only else _MX_OUTBOUND


_OWN: Final[Mapping[Slot, Callable[[HttpChain], Extension | None]]] = {
    Slot.METADATA_EXCHANGE: _metadata_exchange,
    Slot.GRPC_WEB: lambda chain: _GRPC_WEB if chain.grpc_web else None,
    Slot.GRPC_STATS: lambda _: _GRPC_STATS,
    Slot.ALPN: lambda chain: _ALPN if chain.alpn and chain.side is not Side.INBOUND else None,
    Slot.FAULT: lambda _: _FAULT,
    Slot.CORS: lambda _: _CORS,
    Slot.STATS: lambda chain: chain.stats,
    Slot.STATEFUL_SESSION: lambda chain: (
        _STATEFUL_SESSION if chain.stateful_session and chain.side is not Side.INBOUND else None
    ),
    Slot.ROUTER: lambda chain: _QUIET_ROUTER if chain.suppress_debug_headers else _ROUTER,
}
"""What this issue's slots hold; slots without an entry are filled by `extra` only."""

Extra = Mapping[Slot, tuple[Extension, ...]]
"""Filters of other layers by slot; as part of a cache key: the same object for the same filters."""
NOTHING: Final[Extra] = {}


def build_http_filters(chain: HttpChain, flavour: Flavour, extra: Extra = NOTHING) -> tuple[Extension, ...]:
    """The filters of a chain, without those that the proxy lacks."""
    filters: list[Extension | None] = []
    for slot in _AT_WAYPOINT if chain.side is Side.WAYPOINT else Slot:
        filters.extend(extra.get(slot, ()))
        own = _OWN.get(slot)
        filters.append(own(chain) if own else None)
    return supported(filters, flavour)
