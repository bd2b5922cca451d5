"""Filter chains of inbound traffic: which connections a port takes, by its mTLS mode and protocol.

In: a port of the workload and its mode. Out: `Chain`s in order. One table says which chains there are.
Source: xDS behaviour 4.4 (chain sets), appendix A.11.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from pilot.generators import security as security_filters
from pilot.generators.envoy import hcm, network_filters, tls
from pilot.generators.envoy.hcm import ProxyContext, idle_timeout
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import FILTERS, TcpTarget, Watchers
from pilot.generators.envoy.wire import Extension, embed
from pilot.generators.listeners.chain import RAW, TLS, Chain, ChainMatch
from pilot.generators.routes.inbound import build_inbound_routes
from pilot.generators.wasm import filters as wasm
from pilot.memo import memoized
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import PortProtocol
from pilot.resources import Origin
from pilot.view.security import NO_SECURITY, Security

_MESH_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
_MESH_TCP: Final = ("istio-peer-exchange", "istio")
MESH_ALL: Final = ("istio", "istio-peer-exchange", *_MESH_HTTP)
"""ALPN of every client in the mesh."""
_PLAIN_HTTP: Final = ("http/1.1", "h2c")
_GRPC: Final = (PortProtocol.GRPC, PortProtocol.GRPC_WEB)


class Speaks(Enum):
    """What a port speaks, as the table means it."""

    HTTP = "http"
    ANY = "sniffed"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class _Row:
    """One chain: connections of this kind, with the sidecar's TLS or without, as HTTP or as bytes."""

    transport: str
    protocols: tuple[str, ...]
    http: bool
    mtls: bool


_HTTP, _BYTES = True, False

_CHAINS: Final[Mapping[tuple[MtlsMode, Speaks], tuple[_Row, ...]]] = {
    (MtlsMode.STRICT, Speaks.HTTP): (_Row(TLS, (), _HTTP, mtls=True),),
    (MtlsMode.STRICT, Speaks.ANY): (
        _Row(TLS, _MESH_HTTP, _HTTP, mtls=True),
        _Row(TLS, (), _BYTES, mtls=True),
    ),
    (MtlsMode.STRICT, Speaks.BYTES): (_Row(TLS, (), _BYTES, mtls=True),),
    (MtlsMode.PERMISSIVE, Speaks.HTTP): (
        _Row(TLS, MESH_ALL, _HTTP, mtls=True),
        _Row(RAW, (), _HTTP, mtls=False),
    ),
    (MtlsMode.PERMISSIVE, Speaks.ANY): (
        _Row(TLS, _MESH_HTTP, _HTTP, mtls=True),
        _Row(RAW, _PLAIN_HTTP, _HTTP, mtls=False),
        _Row(TLS, _MESH_TCP, _BYTES, mtls=True),
        _Row(RAW, (), _BYTES, mtls=False),
        _Row(TLS, (), _BYTES, mtls=False),  # the workload's own TLS, passed through
    ),
    (MtlsMode.PERMISSIVE, Speaks.BYTES): (
        _Row(TLS, MESH_ALL, _BYTES, mtls=True),
        _Row(TLS, (), _BYTES, mtls=False),
        _Row(RAW, (), _BYTES, mtls=False),
    ),
    (MtlsMode.DISABLE, Speaks.HTTP): (_Row(RAW, (), _HTTP, mtls=False),),
    (MtlsMode.DISABLE, Speaks.ANY): (
        _Row(RAW, _PLAIN_HTTP, _HTTP, mtls=False),
        _Row(RAW, (), _BYTES, mtls=False),
    ),
    (MtlsMode.DISABLE, Speaks.BYTES): (_Row(RAW, (), _BYTES, mtls=False),),
}


@dataclass(frozen=True, slots=True)
class InboundPort:
    """A port that inbound traffic comes to; everything about it that chains say."""

    number: int
    """As traffic is addressed; 0: every port that is not listed."""
    service_port: int
    """As the service calls it: names the virtual host and traces."""
    protocol: PortProtocol
    cluster: str
    stat_prefix: str
    """Of the cluster's bytes; empty: the cluster's name."""
    bind: str
    """The address that names the chains; empty for the passthrough chains."""
    host: str = ""
    """What traces call the service."""
    origin: Origin | None = None
    config: Origin | None = None
    """The Sidecar that declares it."""

    @property
    def speaks(self) -> Speaks:
        """The column of the table."""
        if self.protocol.is_http:
            return Speaks.HTTP
        return Speaks.ANY if self.protocol.is_sniffed else Speaks.BYTES


@dataclass(frozen=True, slots=True)
class Owner:
    """The workload behind the chains."""

    context: ProxyContext
    security: Security = NO_SECURITY
    tunnelled: bool = False
    """Traffic comes out of tunnels, whose end knows who the client is."""


_INSIDE_TLS: Final = {PortProtocol.HTTPS: PortProtocol.HTTP, PortProtocol.TLS: PortProtocol.TCP}
_UNKNOWN_MODE: Final = MtlsMode.DISABLE


def build_port_chains(
    port: InboundPort,
    mode: MtlsMode,
    owner: Owner,
    server_tls: Any | None = None,
) -> tuple[Chain, ...]:
    """The chains of a port. `server_tls`: the port terminates TLS of its own (ingress listeners of Sidecars)."""
    if server_tls is not None:
        inside = _INSIDE_TLS.get(port.protocol, port.protocol)
        return (_chain(port, _Row(TLS, (), inside.is_http, mtls=False), inside, owner, server_tls),)
    rows = _CHAINS.get((mode, port.speaks)) or _CHAINS[_UNKNOWN_MODE, port.speaks]
    return tuple(_chain(port, row, port.protocol, owner, _mtls(row, owner.context)) for row in rows)


def build_tunnelled_chains(port: InboundPort, owner: Owner, addresses: tuple[str, ...]) -> tuple[Chain, ...]:
    """The chains of a port for what comes out of HBONE tunnels to these addresses (ranges) of the workload."""
    found = build_port_chains(port, MtlsMode.DISABLE, owner)
    return tuple(
        replace(each, match=ChainMatch(protocols=each.match.protocols, port=port.number, cidrs=addresses))
        for each in found
    )


def _mtls(row: _Row, context: ProxyContext) -> Any | None:
    if not row.mtls:
        return None
    return tls.downstream_mtls(http=row.http, mesh=context.mesh, features=context.features, traits=context.traits)


def _chain(port: InboundPort, row: _Row, protocol: PortProtocol, owner: Owner, socket: Any | None) -> Chain:
    match = ChainMatch(transport=row.transport, protocols=row.protocols, port=port.number)
    name = f"{port.bind}_{port.number}" if port.bind else "virtualInbound"
    if row.http and not port.bind:
        name = "virtualInbound-catchall-http"
    return Chain(
        match,
        _http_filters(port, protocol, owner) if row.http else _tcp_filters(port, protocol, owner),
        name=name,
        config=port.config,
        transport_socket=socket,
        connect_timeout=False,
        origins=(port.origin,) if port.origin is not None else (),
    )


def _http_filters(port: InboundPort, protocol: PortProtocol, owner: Owner) -> bytes:
    context = owner.context
    routes = build_inbound_routes(port.cluster, port.service_port, port.host, protocol not in _GRPC)
    manager = hcm.with_routes(
        context,
        Side.INBOUND,
        f"inbound_{port.bind}_{port.number};" if port.bind else f"{port.cluster};",
        routes,
        grpc_web=protocol is PortProtocol.GRPC_WEB,
        http2=protocol.is_http2,
        extra=wasm.with_plugins(
            security_filters.http_filters(owner.security, context.mesh, Side.INBOUND, owner.tunnelled),
            context.plugins,
            Side.INBOUND,
            port.number,
        ),
    )
    exchange = network_filters.metadata_exchange(context.features, context.traits.flavour)
    plugins = wasm.network_filters(context.plugins, Side.INBOUND, port.number)
    first = (exchange, *plugins) if exchange is not None else plugins
    return network_filters.before_manager(first, context.traits) + embed(FILTERS, manager)


def _tcp_filters(port: InboundPort, protocol: PortProtocol, owner: Owner) -> bytes:
    context = owner.context.untagged
    asks, enforced = security_filters.tcp_filters(owner.security, context.mesh, owner.tunnelled)
    guards = wasm.guarded(context.plugins, Side.INBOUND, port.number, asks, enforced)
    return network_filters.build_tcp_filters(
        TcpTarget(port.cluster, stat_prefix=port.stat_prefix, idle_timeout=idle_timeout(context.traits)),
        _watchers(context, context.logs(Side.INBOUND).tcp, guards),
        context.traits.flavour,
        protocol=protocol,
        features=context.features,
    )


def _watchers(context: ProxyContext, logs: tuple[bytes, ...], security: tuple[Extension, ...] = ()) -> Watchers:
    return Watchers(
        metadata_exchange=network_filters.metadata_exchange(context.features, context.traits.flavour),
        security=security,
        stats=context.stats(Side.INBOUND),
        logs=logs,
    )


@memoized()
def blackhole_chain(port: int, context: ProxyContext) -> Chain:
    """What dials the proxy's own inbound port is dropped: it would come back for ever."""
    filters = network_filters.build_tcp_filters(
        TcpTarget("BlackHoleCluster"), _watchers(context, logs=()), context.traits.flavour
    )
    return Chain(ChainMatch(port=port), filters, name="virtualInbound-blackhole", connect_timeout=False)
