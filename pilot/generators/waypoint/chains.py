"""The filter chains of a waypoint: what holds for traffic to a part of a service, or to a single workload.

In: an attached service, its part, where that leads; or what holds for the waypoint itself. Out: serialized chains,
which have a name and filters and nothing else: a matcher chooses among them. Source: xDS behaviour 4.12, appendix A.15.
"""

from dataclasses import replace
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.extensions.filters.network.set_filter_state.v3.set_filter_state_pb2 import Config

from pilot.generators import security as security_filters
from pilot.generators.envoy import hcm, network_filters
from pilot.generators.envoy.hcm import ProxyContext, idle_timeout
from pilot.generators.envoy.http_filters import Extra, Side, Slot
from pilot.generators.envoy.network_filters import FILTERS, TcpTarget, Watchers
from pilot.generators.envoy.wire import embed, extension, serialize
from pilot.generators.listeners.terminate import ORIGINAL_ADDRESS, filter_state
from pilot.generators.routes.inbound import build_inbound_routes
from pilot.generators.service_address import wildcard_addresses
from pilot.generators.wasm import filters as wasm
from pilot.generators.waypoint import forward_proxy
from pilot.generators.waypoint.parts import Part, is_dynamic
from pilot.memo import memoized
from pilot.model.service import PortProtocol
from pilot.view.proxy import IpMode
from pilot.view.security import Security
from pilot.view.waypoint import Attached

DIRECT_TCP: Final = "direct-tcp"
DIRECT_HTTP: Final = "direct-http"
_ENCAP: Final = "encap"


_AUTHORITY: Final = extension(
    "connect_authority",
    Config(on_new_connection=[filter_state(ORIGINAL_ADDRESS, f"%FILTER_STATE({ORIGINAL_ADDRESS}:PLAIN)%")]),
    required=True,
)
"""Hands the address that was asked for on to the tunnel."""


def context_for(attached: Attached, context: ProxyContext) -> ProxyContext:
    """The context with what is observed and loaded for a service."""
    return hcm.proxy_context(
        context.mesh,
        context.config,
        context.features,
        context.traits,
        context.tags,
        attached.observed,
        attached.plugins,
    )


@memoized(size=65_536)
def http_chain(part: Part, routes: bytes, security: Security, context: ProxyContext) -> bytes:
    """The chain for requests; `context` is that of the service."""
    number, protocol = part.port.number, part.port.protocol
    extra: Extra = security_filters.http_filters(security, context.mesh, Side.WAYPOINT)
    extra = wasm.with_plugins(extra, context.plugins, Side.WAYPOINT, number)
    if is_dynamic(part.service):
        extra = _with_forward_proxy(extra, part.service.hostname, context.traits.ip_mode)
    plugins = wasm.network_filters(context.plugins, Side.WAYPOINT, number)
    filters = network_filters.before_manager(plugins, context.traits) + _manager(
        context, number, routes, extra, protocol
    )
    return _chain(part.name, filters)


@memoized(size=4096)
def _with_forward_proxy(extra: Extra, host: str, mode: IpMode) -> Extra:
    return {**extra, Slot.DYNAMIC_FORWARD_PROXY: (forward_proxy.http_filter(host, mode),)}


def _manager(context: ProxyContext, port: int, routes: bytes, extra: Extra, protocol: PortProtocol) -> bytes:
    bind = wildcard_addresses(context.traits, context.features)[0]
    manager = hcm.with_routes(
        context,
        Side.WAYPOINT,
        f"inbound_{bind}_{port};",
        routes,
        grpc_web=protocol is PortProtocol.GRPC_WEB,
        http2=protocol.is_http2,
        extra=extra,
    )
    return embed(FILTERS, manager)


@memoized(size=65_536)
def tcp_chain(part: Part, target: TcpTarget, security: Security, context: ProxyContext) -> bytes:
    """The chain for bytes; `context` is that of the service."""
    before = None
    if is_dynamic(part.service):
        before = forward_proxy.sni_filter(part.service.hostname, context.traits.ip_mode, part.port.number)
    return _chain(part.name, _tcp_filters(target, part.port.number, security, context, before))


def _tcp_filters(
    target: TcpTarget, port: int, security: Security, context: ProxyContext, before: object | None = None
) -> bytes:
    context = context.untagged
    target = replace(target, idle_timeout=idle_timeout(context.traits))
    asks, enforced = security_filters.tcp_filters(security, context.mesh, True)
    watchers = Watchers(
        metadata_exchange=network_filters.metadata_exchange(context.features, context.traits.flavour),
        security=wasm.guarded(context.plugins, Side.WAYPOINT, port, asks, enforced),
        stats=context.stats(Side.WAYPOINT),
        logs=context.logs(Side.WAYPOINT).tcp,
    )
    return network_filters.build_tcp_filters(target, watchers, context.traits.flavour, before_proxy=before)


@memoized(size=4096)
def direct_chains(security: Security, context: ProxyContext) -> tuple[bytes, ...]:
    """The chains for traffic to single workloads: bytes, then requests."""
    target = TcpTarget(_ENCAP)
    authority = network_filters.before_manager((_AUTHORITY,), context.traits)
    extra = wasm.with_plugins(
        security_filters.http_filters(security, context.mesh, Side.WAYPOINT), context.plugins, Side.WAYPOINT, 0
    )
    routes = build_inbound_routes(_ENCAP, 0, "", True)
    return (
        _chain(DIRECT_TCP, authority + _tcp_filters(target, 0, security, context)),
        _chain(DIRECT_HTTP, authority + _manager(context, 0, routes, extra, PortProtocol.UNKNOWN)),
    )


def _chain(name: str, filters: bytes) -> bytes:
    return serialize(FilterChain(name=name)) + filters
