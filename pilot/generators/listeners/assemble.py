"""Listeners put together from their chains.

In: address, chains, what is special about the listener. Out: a `Resource`, made once for each set of chains.
Source: xDS behaviour 4, 4.1, 4.3.
"""

from dataclasses import dataclass
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy import listener_filters, network_filters
from pilot.generators.envoy.hcm import ProxyContext, idle_timeout
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import TcpTarget, Watchers
from pilot.generators.envoy.wire import embed, embed_all, serialize
from pilot.generators.listeners.address import additional, listen_on, listener_name
from pilot.generators.listeners.chain import ANYTHING, Chain, serialize_chain
from pilot.memo import memoized
from pilot.model.cluster_name import outbound
from pilot.resources import Origin, Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.scope import Scope

# fields of Listener
CHAINS: Final = 3
DEFAULT_CHAIN: Final = 25
ACCESS_LOG: Final = 22

BLACK_HOLE: Final = "BlackHoleCluster"
PASSTHROUGH: Final = "PassthroughCluster"

OUTBOUND: Final = TrafficDirection.OUTBOUND
INBOUND: Final = TrafficDirection.INBOUND


@dataclass(frozen=True, slots=True)
class Unknown:
    """Where bytes for no known destination go; a cache key by value."""

    cluster: str

    @classmethod
    def of(cls, scope: Scope) -> "Unknown":
        """By the outbound traffic policy of a scope."""
        if not scope.allow_any:
            return cls(BLACK_HOLE)
        if scope.egress_proxy is None:
            return cls(PASSTHROUGH)
        host, port, subset = scope.egress_proxy
        return cls(outbound(port, host, subset))


@memoized()
def unknown_filters(context: ProxyContext, cluster: str) -> bytes:
    """The filters of the chain for destinations that are not known."""
    return network_filters.build_tcp_filters(
        TcpTarget(cluster, idle_timeout=idle_timeout(context.traits)),
        Watchers(stats=context.stats(Side.OUTBOUND), logs=context.logs(Side.OUTBOUND).tcp),
        context.traits.flavour,
    )


@memoized()
def passthrough_chain(context: ProxyContext, cluster: str) -> bytes:
    """The default chain of a listener none of whose chains takes everything."""
    named = FilterChain(name="PassthroughFilterChain", filter_chain_match=FilterChainMatch())
    return serialize(named) + unknown_filters(context, cluster)


def sockets_per_event(context: ProxyContext) -> Any | None:
    """How many connections a listener accepts at once; only listeners that really bind say so."""
    limit = context.features.max_connections_per_socket_event
    return UInt32Value(value=limit) if limit else None


@memoized(size=65_536)
def build_outbound(
    binds: tuple[str, ...],
    port: int,
    bound: bool,
    chains: tuple[Chain, ...],
    unknown: str,
    context: ProxyContext,
    origins: tuple[Origin, ...],
) -> Resource:
    """A listener for services: `binds` are its address and additional ones; `bound`: it really listens.

    Not bound, it gets what virtualOutbound hands over by original destination.
    """
    name = listener_name(binds[0], port)
    sniffs_http = any(chain.match.protocols for chain in chains)
    timeout = context.mesh.protocol_detection_timeout if sniffs_http else Duration()
    base = Listener(
        name=name,
        address=listen_on(binds[0], port),
        additional_addresses=additional(binds[1:], port),
        traffic_direction=OUTBOUND,
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=timeout,
        bind_to_port=None if bound else BoolValue(value=False),
        max_connections_to_accept_per_socket_event=sockets_per_event(context) if bound else None,
    )
    if bound and context.traits.outbound_exact_balance:
        base.connection_balance_config.exact_balance.SetInParent()
    filters = []
    if any(chain.match.sni for chain in chains):
        filters.append(listener_filters.TLS_INSPECTOR)
    if sniffs_http:
        filters.append(listener_filters.HTTP_INSPECTOR)
    value = serialize(base) + embed_all(listener_filters.FIELD, filters) + _chains(chains, unknown, context)
    return resource_of_bytes(LISTENER, name, value, origins)


def _chains(chains: tuple[Chain, ...], unknown: str, context: ProxyContext) -> bytes:
    """The one that takes everything is the default, unless it is alone."""
    general = [chain for chain in chains if chain.match == ANYTHING]
    if general and len(chains) == 1:
        return embed(CHAINS, serialize_chain(general[0], False))
    specific = embed_all(CHAINS, (serialize_chain(chain, False) for chain in chains if chain.match != ANYTHING))
    last = serialize_chain(general[0], True) if general else passthrough_chain(context, unknown)
    return specific + embed(DEFAULT_CHAIN, last)
