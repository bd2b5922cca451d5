"""Outbound listeners of sidecars: those of services, the forward proxy, and the one that traffic is redirected to.

In: a plan, and what tells the workload apart. Out: listener resources. Source: xDS behaviour 4.1, 4.3.
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy import hcm, network_filters
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import NOTHING, Side
from pilot.generators.envoy.network_filters import FILTERS, TcpTarget, Watchers
from pilot.generators.envoy.wire import embed, embed_all, serialize
from pilot.generators.listeners import assemble
from pilot.generators.listeners.address import additional, listen_on, listener_name
from pilot.generators.listeners.assemble import ACCESS_LOG, BLACK_HOLE, CHAINS
from pilot.generators.listeners.chain import ANYTHING, Chain
from pilot.generators.listeners.plan import HttpChain, PlannedListener
from pilot.generators.service_address import localhost, wildcard_addresses
from pilot.generators.wasm import filters as wasm
from pilot.memo import Work, memoized, sliced
from pilot.model.interning import same_tuple
from pilot.model.service import UNSPECIFIED_ADDRESS
from pilot.resources import Origin, Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.proxy import Interception, IpMode

VIRTUAL_OUTBOUND: Final = "virtualOutbound"
HTTP_PROXY_ROUTES: Final = "http_proxy"


PIECE: Final = 16
"""Listeners that are made in one piece. Arbitrary: a millisecond or so."""


def planned_steps(
    planned: tuple[PlannedListener, ...], unknown: str, context: ProxyContext
) -> Work[tuple[Resource, ...]]:
    """The planned listeners for one class of workloads, in pieces.

    `unknown` is the cluster for destinations that are not known.
    """
    shared, own = _split(planned)
    same = yield from _shared.steps(shared, unknown, context.untagged)
    yield
    return (*same, *(yield from _built(own, unknown, context)))


@memoized()
def _split(
    planned: tuple[PlannedListener, ...],
) -> tuple[tuple[PlannedListener, ...], tuple[PlannedListener, ...]]:
    """Listeners that are the same for all workloads, and those that are not."""
    own = tuple(each for each in planned if any(isinstance(chain, HttpChain) for chain in each.chains))
    mine = frozenset(map(id, own))
    return same_tuple(tuple(each for each in planned if id(each) not in mine)), own


@sliced(memoized())
def _shared(planned: tuple[PlannedListener, ...], unknown: str, context: ProxyContext) -> Work[tuple[Resource, ...]]:
    return (yield from _built(planned, unknown, context))


def _built(planned: tuple[PlannedListener, ...], unknown: str, context: ProxyContext) -> Work[tuple[Resource, ...]]:
    made = []
    for start in range(0, len(planned), PIECE):
        made += [_build(each, unknown, context) for each in planned[start : start + PIECE]]
        yield
    return tuple(made)


@memoized(size=131_072)
def _build(planned: PlannedListener, unknown: str, context: ProxyContext) -> Resource:
    chains = same_tuple(
        tuple(
            _http_chain(each, planned.port, context) if isinstance(each, HttpChain) else each for each in planned.chains
        )
    )
    return assemble.build_outbound(
        planned.binds, planned.port, planned.bound, chains, unknown, context, planned.origins
    )


@memoized(size=131_072)
def _http_chain(chain: HttpChain, port: int, context: ProxyContext) -> Chain:
    extra = wasm.with_plugins(NOTHING, context.plugins, Side.OUTBOUND, port)
    manager = hcm.with_rds(context, Side.OUTBOUND, chain.stat_prefix, chain.route_name, chain.grpc_web, False, extra)
    filters = network_filters.before_manager(wasm.network_filters(context.plugins, Side.OUTBOUND, port), context.traits)
    return Chain(chain.match, filters + embed(FILTERS, manager), origins=chain.origins)


def build_proxy(context: ProxyContext, unknown: str) -> Iterator[Resource]:
    """The listener for applications that use the sidecar as an HTTP proxy, where the mesh or the node wants it."""
    port = context.traits.http_proxy_port or context.mesh.proxy_http_port
    if port:
        yield _proxy(context, unknown, localhost(context.traits), port)


@memoized()
def _proxy(context: ProxyContext, unknown: str, bind: str, port: int) -> Resource:
    prefix = f"outbound_{listener_name(bind, port)};"
    extra = wasm.with_plugins(NOTHING, context.plugins, Side.OUTBOUND, port)
    manager = hcm.with_rds(context, Side.OUTBOUND, prefix, HTTP_PROXY_ROUTES, False, True, extra)
    chain = Chain(ANYTHING, embed(FILTERS, manager))
    return assemble.build_outbound((bind,), port, True, (chain,), unknown, context, ())


def build_virtual_outbound(context: ProxyContext, unknown: str, sidecar: Origin | None) -> Iterator[Resource]:
    """The listener that outbound traffic is redirected to; none where traffic is not intercepted."""
    if context.traits.interception is not Interception.NONE:
        yield _virtual_outbound(context.untagged, unknown, sidecar)


@memoized()
def _virtual_outbound(context: ProxyContext, unknown: str, sidecar: Origin | None) -> Resource:
    port = context.mesh.proxy_listen_port
    binds = wildcard_addresses(context.traits, context.features)
    if context.features.v4_outbound_for_v6 and context.traits.ip_mode is IpMode.V6:
        binds = (*binds, UNSPECIFIED_ADDRESS)
    base = Listener(
        name=VIRTUAL_OUTBOUND,
        address=listen_on(binds[0], port),
        additional_addresses=additional(binds[1:], port),
        use_original_dst=BoolValue(value=True),
        transparent=BoolValue(value=True) if context.traits.interception is Interception.TPROXY else None,
        traffic_direction=assemble.OUTBOUND,
        max_connections_to_accept_per_socket_event=assemble.sockets_per_event(context),
    )
    if context.traits.outbound_exact_balance:
        base.connection_balance_config.exact_balance.SetInParent()
    black_hole = network_filters.build_tcp_filters(
        TcpTarget(BLACK_HOLE),
        Watchers(stats=context.stats(Side.OUTBOUND)),
        context.traits.flavour,
    )
    # what dials the proxy's own port would come back to it for ever
    own_port = FilterChain(
        name="virtualOutbound-blackhole", filter_chain_match=FilterChainMatch(destination_port=UInt32Value(value=port))
    )
    everything = FilterChain(name="virtualOutbound-catchall-tcp")
    chains = (
        serialize(own_port) + black_hole,
        serialize(everything) + assemble.unknown_filters(context, unknown),
    )
    value = serialize(base) + embed_all(CHAINS, chains) + embed_all(ACCESS_LOG, context.logs(Side.OUTBOUND).listener)
    return resource_of_bytes(LISTENER, VIRTUAL_OUTBOUND, value, (sidecar,) if sidecar is not None else ())
