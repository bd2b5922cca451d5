"""Listeners of gateways: one for each port and address that some server of a Gateway wants.

In: the merged servers, the VirtualServices bound to Gateways, services. Out: listener resources.
Source: xDS behaviour 4.11.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from envoy.config.core.v3.udp_socket_config_pb2 import UdpSocketConfig
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.config.listener.v3.quic_config_pb2 import QuicProtocolOptions
from envoy.config.listener.v3.udp_listener_config_pb2 import UdpListenerConfig

from pilot.generators import security as security_filters
from pilot.generators.envoy import hcm, listener_filters, network_filters, server_tls
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import FILTERS, TcpTarget, Watchers
from pilot.generators.envoy.wire import embed, embed_all, serialize
from pilot.generators.gateway_servers import MergedGateways, MergedPort, MergedServer, ServerKind
from pilot.generators.listeners import assemble, tcp_routes
from pilot.generators.listeners.address import additional, datagrams_on, listen_on, listener_name
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS
from pilot.generators.listeners.chain import (
    Chain,
    ChainMatch,
    Condition,
    conditions,
    narrow,
    normalise_sni,
    serialize_chain,
)
from pilot.generators.listeners.inbound_chains import MESH_ALL
from pilot.generators.listeners.tcp_routes import Client
from pilot.generators.routes.gateway import bound_services, shared_hosts
from pilot.generators.service_address import wildcard_addresses
from pilot.generators.wasm import filters as wasm
from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.gateway import ServerTLSMode
from pilot.model.hosts import covers
from pilot.model.interning import same_tuple
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Hostname, PortProtocol, Resolution, Service, ServicePort
from pilot.model.virtual_service import RouteDestination
from pilot.resources import Origin, Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.scope import Scope
from pilot.view.security import NO_SECURITY, Security

_PRIVILEGED: Final = 1024


@dataclass(frozen=True, slots=True)
class GatewayProxy:
    """What the listeners of a gateway proxy depend on."""

    scope: Scope
    context: ProxyContext
    labels: Mapping[str, str]
    security: Security = NO_SECURITY


@memoized(size=1024)
def build_gateway(
    gateways: MergedGateways,
    scope: Scope,
    context: ProxyContext,
    labels: Mapping[str, str],
    security: Security = NO_SECURITY,
) -> tuple[Resource, ...]:
    """The listeners of a gateway proxy, in the order of its ports."""
    proxy = GatewayProxy(scope, context, labels, security)
    made: list[Resource] = []
    for port in gateways.ports:
        if context.traits.unprivileged and port.number < _PRIVILEGED:
            continue
        known: set[str] = set()
        chains = same_tuple(
            tuple(_distinct(chain for server in port.servers for chain in _chains(server, port, proxy, known)))
        )
        if chains:
            made.append(_listener(port.bind, port.number, chains, context, security.origins))
        quic = same_tuple(tuple(_distinct(_quic_chains(port, proxy))))
        if quic:
            made.append(_quic_listener(port.bind, port.number, quic, context, security.origins))
    return tuple(made)


def _distinct(chains: Iterable[Chain]) -> Iterator[Chain]:
    """Without what an earlier chain takes already."""
    taken: set[Condition] = set()
    for chain in chains:
        match = narrow(chain.match, taken)
        if match is not None:
            taken |= conditions(match)
            yield chain if match is chain.match else replace(chain, match=match)


def _chains(server: MergedServer, port: MergedPort, proxy: GatewayProxy, known: set[str]) -> Iterator[Chain]:
    """The chains of a server. `known`: names that tls routes have on this port already."""
    match server.kind:
        case ServerKind.HTTP | ServerKind.HTTPS:
            if server.kind is ServerKind.HTTP or normalise_sni(server.sni_hosts) is not None:
                yield _http_chain(server, _name(port, proxy.context), port.number, proxy.context, proxy.security)
        case ServerKind.TCP | ServerKind.TLS:
            yield from _tcp_chains(server, port.number, proxy)
        case ServerKind.PASSTHROUGH:
            yield from _passthrough_chains(server, port.number, proxy, known)
        case ServerKind.AUTO_PASSTHROUGH:
            yield from _auto_passthrough_chains(server, port.number, proxy)


def _quic_chains(port: MergedPort, proxy: GatewayProxy) -> Iterator[Chain]:
    """HTTP/3 for the servers that have it."""
    for server in port.servers:
        if server.quic and normalise_sni(server.sni_hosts) is not None:
            yield _http_chain(
                server, f"udp_{_name(port, proxy.context)}", port.number, proxy.context, proxy.security, True
            )


def _name(port: MergedPort, context: ProxyContext) -> str:
    bind = port.bind or wildcard_addresses(context.traits, context.features)[0]
    return listener_name(bind, port.number)


@memoized(size=16_384)
def _http_chain(
    server: MergedServer, name: str, port: int, context: ProxyContext, security: Security, quic: bool = False
) -> Chain:
    """Plain HTTP takes every connection; terminated TLS those for its hosts."""
    secure = server.kind is ServerKind.HTTPS
    declared = server.gateway.server
    prefix = declared.name if secure and declared.name else f"outbound_{name};"
    grpc_web = server.protocol is PortProtocol.GRPC_WEB
    guards = security_filters.http_filters(security, context.mesh, Side.GATEWAY)
    extra = wasm.with_plugins(guards, context.plugins, Side.GATEWAY, port)
    before = wasm.network_filters(context.plugins, Side.GATEWAY, port)
    manager = hcm.with_rds(context, Side.GATEWAY, prefix, server.route_name, grpc_web, False, extra, quic)
    return Chain(
        ChainMatch(sni=normalise_sni(server.sni_hosts) or ()) if secure else ChainMatch(),
        network_filters.before_manager(before, context.traits) + embed(FILTERS, manager),
        transport_socket=_socket(server, context, http=True, quic=quic) if secure else None,
        origins=(server.gateway.origin,),
    )


def _socket(server: MergedServer, context: ProxyContext, *, http: bool, quic: bool = False) -> Any | None:
    settings, traits = server.gateway.server.tls, context.traits
    if settings is None:
        return None
    return server_tls.build_server_tls(
        settings,
        http,
        context.mesh,
        context.features,
        traits.flavour,
        traits.file_credential_socket,
        traits.credential_socket,
        quic,
    )


def _tcp_chains(server: MergedServer, listening: int, proxy: GatewayProxy) -> Iterator[Chain]:
    """The first tcp route for the server's hosts and port takes all of its connections."""
    number, client = server.gateway.server.port.number, _client(server, proxy)
    for service in _bound(server, proxy):
        for route in service.tcp:
            fits = not route.match or any(tcp_routes.applies(each, client, number) for each in route.match)
            if route.route and fits:
                secure = server.kind is ServerKind.TLS
                sni = normalise_sni(server.sni_hosts) if secure else ()
                yield from _routed_chain(server, listening, service, route.route, sni, proxy)
                return


def _passthrough_chains(server: MergedServer, listening: int, proxy: GatewayProxy, known: set[str]) -> Iterator[Chain]:
    """One for each condition of the tls routes for the server's hosts and port; one with a known name is left out."""
    number, client = server.gateway.server.port.number, _client(server, proxy)
    for service in _bound(server, proxy):
        for route in service.tls:
            for match in route.match:
                if not (route.route and tcp_routes.applies(match, client, number)):
                    continue
                if known.isdisjoint(match.sni_hosts):
                    known.update(match.sni_hosts)
                    sni = normalise_sni(match.sni_hosts)
                    yield from _routed_chain(server, listening, service, route.route, sni, proxy)


def _client(server: MergedServer, proxy: GatewayProxy) -> Client:
    return Client(proxy.labels, proxy.context.traits.namespace, server.gateway.gateway)


def _bound(server: MergedServer, proxy: GatewayProxy) -> Iterator[ResolvedVirtualService]:
    for service in bound_services(proxy.scope, server.gateway.gateway):
        if (service.tcp or service.tls) and next(shared_hosts(server.gateway.hosts, service), None) is not None:
            yield service


def _routed_chain(
    server: MergedServer,
    listening: int,
    service: ResolvedVirtualService,
    route: tuple[RouteDestination, ...],
    sni: tuple[str, ...] | None,
    proxy: GatewayProxy,
) -> Iterator[Chain]:
    """The chain for these names; none where no connection can have one of them (None)."""
    if sni is None:
        return
    scope = proxy.scope
    hosts = tuple(dict.fromkeys(each.destination.host for each in route))
    found: list[Service | MergedRule | None] = []
    for host in hosts:
        found += [scope.by_host.get(Hostname(host)), scope.rules.get(Hostname(host))]
    known = same_tuple(tuple(found))
    yield _tcp_chain(server, listening, service, route, "\n".join(sni), known, proxy.context, proxy.security)


@memoized(size=16_384)
def _tcp_chain(
    server: MergedServer,
    listening: int,
    service: ResolvedVirtualService,
    route: tuple[RouteDestination, ...],
    sni: str,
    found: tuple[Service | MergedRule | None, ...],
    context: ProxyContext,
    security: Security,
) -> Chain:
    hosts = tuple(dict.fromkeys(each.destination.host for each in route))
    known = {host: (found[2 * n], found[2 * n + 1]) for n, host in enumerate(hosts)}

    def lookup(host: str) -> tuple[Service | None, MergedRule | None]:
        meant, rule = known[host]
        return meant if isinstance(meant, Service) else None, rule if isinstance(rule, MergedRule) else None

    number = server.gateway.server.port.number
    target, origins = tcp_routes.target_of(route, service, number, lookup, context)
    settings = server.gateway.server.tls
    from_mesh = settings is not None and settings.mode is ServerTLSMode.ISTIO_MUTUAL
    exchange = network_filters.metadata_exchange(context.features, context.traits.flavour) if from_mesh else None
    return Chain(
        ChainMatch(sni=tuple(sni.split("\n")) if sni else ()),
        _filters(target, server.protocol, listening, context, security, exchange),
        transport_socket=_socket(server, context, http=False) if server.kind is ServerKind.TLS else None,
        origins=(server.gateway.origin, service.origin, *origins),
    )


def _filters(
    target: TcpTarget,
    protocol: PortProtocol,
    listening: int,
    context: ProxyContext,
    security: Security,
    exchange: Any | None = None,
) -> bytes:
    asks, enforced = security_filters.tcp_filters(security, context.mesh)
    watchers = Watchers(
        metadata_exchange=exchange,
        security=wasm.guarded(context.plugins, Side.GATEWAY, listening, asks, enforced),
        stats=context.stats(Side.GATEWAY),
        logs=context.logs(Side.GATEWAY).tcp,
    )
    return network_filters.build_tcp_filters(
        target, watchers, context.traits.flavour, protocol=protocol, features=context.features
    )


def _auto_passthrough_chains(server: MergedServer, listening: int, proxy: GatewayProxy) -> Iterator[Chain]:
    """For each port and subset of each service in the mesh that the server has hosts for: clients name them by SNI."""
    hosts = server.sni_hosts
    for service in proxy.scope.services:
        if service.mesh_external or service.resolution is Resolution.ALIAS:
            continue
        if not any(covers(host, service.hostname) for host in hosts):
            continue
        rule = proxy.scope.rules.get(service.hostname)
        subsets = ("", *(each.name for each in rule.subsets)) if rule is not None else ("",)
        for port in service.ports:
            if port.protocol is not PortProtocol.UDP:
                for subset in subsets:
                    yield _sni_chain(service, port, rule, subset, listening, proxy.context, server.gateway.origin)


@memoized(size=65_536)
def _sni_chain(
    service: Service,
    port: ServicePort,
    rule: MergedRule | None,
    subset: str,
    listening: int,
    context: ProxyContext,
    gateway: Origin,
) -> Chain:
    """Without authorization: who may come is decided where the encryption ends, and only there it is known."""
    target = tcp_routes.sni_target(service, port, rule, subset, context)
    filters = _filters(target, port.protocol, listening, context, NO_SECURITY)
    match = ChainMatch(protocols=MESH_ALL, sni=(target.cluster,))
    return Chain(match, filters, origins=(gateway, service.origin, *(rule.origins if rule is not None else ())))


@memoized(size=16_384)
def _listener(
    bind: str, port: int, chains: tuple[Chain, ...], context: ProxyContext, policies: tuple[Origin, ...]
) -> Resource:
    binds = (bind,) if bind else wildcard_addresses(context.traits, context.features)
    name = listener_name(binds[0], port)
    base = Listener(
        name=name,
        address=listen_on(binds[0], port),
        additional_addresses=additional(binds[1:], port),
        traffic_direction=assemble.OUTBOUND,
        max_connections_to_accept_per_socket_event=assemble.sockets_per_event(context),
    )
    value = b"".join(
        (
            serialize(base),
            embed_all(listener_filters.FIELD, _inspectors(chains, context)),
            embed_all(CHAINS, (serialize_chain(chain, False) for chain in chains)),
            embed_all(ACCESS_LOG, context.logs(Side.GATEWAY).listener),
        )
    )
    origins = (*(origin for chain in chains for origin in chain.origins), *policies)
    return resource_of_bytes(LISTENER, name, value, origins)


@memoized(size=1024)
def _quic_listener(
    bind: str, port: int, chains: tuple[Chain, ...], context: ProxyContext, policies: tuple[Origin, ...]
) -> Resource:
    """The listener for datagrams beside that for connections. Without inspectors: QUIC says itself what it is."""
    binds = (bind,) if bind else wildcard_addresses(context.traits, context.features)
    name = f"udp_{listener_name(binds[0], port)}"
    base = Listener(
        name=name,
        address=datagrams_on(binds[0], port),
        additional_addresses=[AdditionalAddress(address=datagrams_on(each, port)) for each in binds[1:]],
        traffic_direction=assemble.OUTBOUND,
        udp_listener_config=UdpListenerConfig(
            quic_options=QuicProtocolOptions(), downstream_socket_config=UdpSocketConfig()
        ),
    )
    value = b"".join(
        (
            serialize(base),
            embed_all(CHAINS, (serialize_chain(chain, False) for chain in chains)),
            embed_all(ACCESS_LOG, context.logs(Side.GATEWAY).listener),
        )
    )
    origins = (*(origin for chain in chains for origin in chain.origins), *policies)
    return resource_of_bytes(LISTENER, name, value, origins)


def _inspectors(chains: Sequence[Chain], context: ProxyContext) -> Iterator[bytes]:
    topology = context.config.gateway_topology
    if topology is not None and topology.proxy_protocol is not None:
        yield listener_filters.PROXY_PROTOCOL
    if any(chain.match.sni or chain.transport_socket is not None for chain in chains):
        yield listener_filters.TLS_INSPECTOR
