"""Where connections of one service port go: the chains that VirtualServices want, and the one to the service itself.

In: a service port, the VirtualServices with tcp and tls routes, rules. Out: `Chain`s. Source: xDS behaviour 4.3.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pilot.generators.envoy import alpn, network_filters
from pilot.generators.envoy.hcm import ProxyContext, idle_timeout
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import TcpTarget, Watchers
from pilot.generators.listeners.assemble import BLACK_HOLE
from pilot.generators.listeners.chain import Chain, ChainMatch, normalise_cidrs, normalise_sni
from pilot.generators.routes.destination import cluster_of
from pilot.generators.routes.domains import short_names
from pilot.generators.routes.validity import carries_bytes
from pilot.generators.stat_name import stat_name
from pilot.generators.wasm import filters as wasm
from pilot.model.cluster_name import ClusterName, outbound, outbound_sni
from pilot.model.destination_rule import MergedRule, Subset
from pilot.model.routing import MESH, ResolvedVirtualService
from pilot.model.service import PortProtocol, Service, ServicePort
from pilot.model.traffic_policy import TrafficPolicy
from pilot.model.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes
from pilot.resources import Origin

Lookup = Callable[[str], tuple[Service | None, MergedRule | None]]
"""The service and the rule of a host."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who connects, as conditions of tcp and tls routes mean it."""

    labels: Mapping[str, str]
    namespace: str
    gateway: str = MESH


def applies(match: TLSMatchAttributes | L4MatchAttributes, client: Client, port: int) -> bool:
    """Whether a condition can hold for connections of this client to this port at all."""
    if match.port and match.port != port:
        return False
    if match.gateways and client.gateway not in match.gateways:
        return False
    if client.gateway != MESH:
        return True
    if match.source_namespace and match.source_namespace != client.namespace:
        return False
    return match.source_labels.items() <= client.labels.items()


def target_of(
    route: tuple[RouteDestination, ...],
    service: ResolvedVirtualService,
    port: int,
    lookup: Lookup,
    context: ProxyContext,
) -> tuple[TcpTarget, tuple[Origin, ...]]:
    """Where a tcp or tls route leads, and the objects that say so besides the VirtualService.

    Nowhere if no destination has a weight: Envoy would refuse the listener, and with it every port's traffic.
    """
    if not carries_bytes(route):
        return TcpTarget(BLACK_HOLE), ()
    found = [lookup(each.destination.host) for each in route]
    clusters = [
        cluster_of(each.destination, known, port, keep_listener_port=False)
        for each, (known, _) in zip(route, found, strict=True)
    ]
    rule = found[0][1]
    subset = route[0].destination.subset
    origins = (rule.origin,) if rule is not None else ()
    if len(route) == 1:
        known = found[0][0]
        name = ClusterName.parse(clusters[0])
        named = known.port(name.port) if known is not None and name is not None else None
        prefix = ""
        if known is not None and named is not None:
            prefix = stat_name(context.mesh.outbound_cluster_stat_name, "", known, named, subset=subset)
        return _with_rule(TcpTarget(clusters[0], stat_prefix=prefix), rule, subset, context), origins
    weighted = tuple((cluster, each.weight) for cluster, each in zip(clusters, route, strict=True) if each.weight > 0)
    split = TcpTarget(weighted=weighted, stat_prefix=f"{service.name}.{service.namespace}")
    return _with_rule(split, rule, "", context), origins  # istiod: subsets of a split do not say how it is made


def own_target(service: Service, port: ServicePort, rule: MergedRule | None, context: ProxyContext) -> TcpTarget:
    """The service itself; a service with one port is reached on that whatever port was dialled."""
    only = service.ports[0] if len(service.ports) == 1 else port
    prefix = stat_name(context.mesh.outbound_cluster_stat_name, "", service, only)
    return _with_rule(TcpTarget(outbound(only.number, service.hostname), stat_prefix=prefix), rule, "", context)


def sni_target(
    service: Service, port: ServicePort, rule: MergedRule | None, subset: str, context: ProxyContext
) -> TcpTarget:
    """The cluster that takes bytes as they are, encrypted: nothing is put around them."""
    prefix = stat_name(context.mesh.outbound_cluster_stat_name, "", service, port, subset=subset)
    target = TcpTarget(outbound_sni(port.number, service.hostname, subset), stat_prefix=prefix)
    return replace(_with_rule(target, rule, subset, context), tunnel_to="", tunnel_by_post=False)


def _with_rule(target: TcpTarget, rule: MergedRule | None, subset: str, context: ProxyContext) -> TcpTarget:
    policy = (rule.traffic_policy if rule is not None else None) or _NO_POLICY
    of_subset = _subset_policy(rule, subset) or _NO_POLICY
    tcp = policy.connection_pool.tcp if policy.connection_pool is not None else None
    balancer = of_subset.load_balancer or policy.load_balancer
    hashing = balancer.consistent_hash if balancer is not None else None
    tunnel = of_subset.tunnel if subset else policy.tunnel
    idle = tcp.idle_timeout if tcp is not None and tcp.idle_timeout is not None else idle_timeout(context.traits)
    return TcpTarget(
        cluster=target.cluster,
        weighted=target.weighted,
        stat_prefix=target.stat_prefix,
        idle_timeout=idle,
        max_duration=tcp.max_connection_duration if tcp is not None else None,
        hash_source_ip=hashing is not None and hashing.use_source_ip,
        tunnel_to=f"{tunnel.target_host}:{tunnel.target_port}" if tunnel is not None else "",
        tunnel_by_post=tunnel is not None and tunnel.protocol.upper() == "POST",
    )


_NO_POLICY = TrafficPolicy()


def _subset_policy(rule: MergedRule | None, name: str) -> TrafficPolicy | None:
    found: list[Subset] = [each for each in rule.subsets if each.name == name] if rule is not None and name else []
    return found[0].traffic_policy if found else None


@dataclass(frozen=True, slots=True)
class PortTraffic:
    """Connections to one service port."""

    service: Service
    port: ServicePort
    """As clients see it: number and protocol of an egress listener win over the service's."""
    cidr: str
    """The service's address range, where it has one instead of an address."""
    needs_sni: bool
    """The listener is shared with other services: only the name tells them apart."""


def build_chains(
    traffic: PortTraffic,
    services: tuple[ResolvedVirtualService, ...],
    client: Client,
    lookup: Lookup,
    context: ProxyContext,
) -> tuple[Chain, ...]:
    """The chains of a service port that carries bytes; the last takes everything where nothing keeps it from that.

    `services` are the VirtualServices that speak of the service, in order.
    """
    routed = _tls_chains if traffic.port.protocol.is_tls else _tcp_chains
    return tuple(routed(traffic, services, client, lookup, context))


def _tls_chains(
    traffic: PortTraffic,
    services: tuple[ResolvedVirtualService, ...],
    client: Client,
    lookup: Lookup,
    context: ProxyContext,
) -> Iterator[Chain]:
    seen: set[ChainMatch] = set()
    for service in services:
        for route in service.tls:
            for match in route.match:
                if not route.route or not applies(match, client, traffic.port.number):
                    continue
                sni = normalise_sni(match.sni_hosts)
                cidrs = normalise_cidrs(match.destination_subnets or (traffic.cidr,))
                chosen = ChainMatch(sni=sni or (), cidrs=cidrs)
                if sni is None or chosen in seen:
                    continue
                seen.add(chosen)
                target, origins = target_of(route.route, service, traffic.port.number, lookup, context)
                yield _chain(traffic, chosen, target, context, (service.origin, *origins), service.origin)
    sni = normalise_sni(_own_names(traffic.service, context)) if traffic.needs_sni else ()
    if not seen and sni is not None:
        yield _own_chain(traffic, ChainMatch(sni=sni, cidrs=normalise_cidrs((traffic.cidr,))), lookup, context)


def _own_names(service: Service, context: ProxyContext) -> tuple[str, ...]:
    names: list[str] = [service.hostname]
    for alias in service.aliases:
        names.append(alias.hostname)
        names.extend(short_names(alias.hostname, context.traits.domain))
    return tuple(names)


def _tcp_chains(
    traffic: PortTraffic,
    services: tuple[ResolvedVirtualService, ...],
    client: Client,
    lookup: Lookup,
    context: ProxyContext,
) -> Iterator[Chain]:
    own_range = ChainMatch(cidrs=normalise_cidrs((traffic.cidr,)))
    for service in services:
        for route in service.tcp:
            if not route.route:
                continue
            matches = [
                each for each in route.match or (L4MatchAttributes(),) if applies(each, client, traffic.port.number)
            ]
            if not matches:
                continue
            target, origins = target_of(route.route, service, traffic.port.number, lookup, context)
            origins = (service.origin, *origins)
            if not all(each.destination_subnets for each in matches) or not traffic.port.number:
                yield _chain(traffic, own_range, target, context, origins, service.origin)
                return
            subnets = tuple(subnet for each in matches for subnet in each.destination_subnets)
            yield _chain(traffic, ChainMatch(cidrs=normalise_cidrs(subnets)), target, context, origins, None)
    yield _own_chain(traffic, own_range, lookup, context)


def _own_chain(traffic: PortTraffic, match: ChainMatch, lookup: Lookup, context: ProxyContext) -> Chain:
    _, rule = lookup(traffic.service.hostname)
    target = own_target(traffic.service, traffic.port, rule, context)
    return _chain(traffic, match, target, context, (rule.origin,) if rule is not None else (), None)


def _chain(
    traffic: PortTraffic,
    match: ChainMatch,
    target: TcpTarget,
    context: ProxyContext,
    origins: tuple[Origin, ...],
    config: Origin | None,
) -> Chain:
    flavour = context.traits.flavour
    sniffed = traffic.port.protocol is PortProtocol.UNKNOWN
    filters = network_filters.build_tcp_filters(
        target,
        Watchers(
            security=wasm.network_filters(context.plugins, Side.OUTBOUND, traffic.port.number),
            stats=context.stats(Side.OUTBOUND),
            logs=context.logs(Side.OUTBOUND).tcp,
        ),
        flavour,
        protocol=traffic.port.protocol,
        features=context.features,
        before_proxy=alpn.overrides_tcp(alpn.Speaks.ANY if sniffed else alpn.Speaks.TCP, flavour),
    )
    return Chain(match, filters, config=config, origins=(traffic.service.origin, *origins))
