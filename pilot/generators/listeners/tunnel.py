"""The internal listener that opens HBONE tunnels for sidecars and gateways.

In: the proxy's context. Out: the listener resource, where the proxy sends into tunnels. Source: xDS behaviour 4.12
(connect_originate), appendix A.15.
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy import listener_filters, network_filters, sockets
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import TcpTarget, Watchers
from pilot.generators.envoy.wire import embed_all, serialize
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS
from pilot.memo import memoized
from pilot.resources import Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.proxy import ProxyKind

CONNECT_ORIGINATE: Final = "connect_originate"
FORWARD_INNER: Final = "forward_inner_connect"


def build_tunnel(context: ProxyContext) -> Iterator[Resource]:
    """connect_originate, if this proxy tunnels at all."""
    traits = context.traits
    sends = traits.sends_hbone or traits.kind is ProxyKind.WAYPOINT
    if sends and traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE):
        yield _connect_originate(context.untagged, _baggage(context) if context.features.baggage else "")


def _baggage(context: ProxyContext) -> str:
    """Who the proxy is, in the words in which ztunnels say who a workload is."""
    said = {
        "k8s.cluster.name": context.tags.cluster_id,
        "k8s.namespace.name": context.tags.namespace,
        "service.name": context.tags.canonical_service,
        "service.version": context.tags.canonical_revision,
    }
    return ",".join(f"{key}={value}" for key, value in said.items() if value not in ("", "unknown"))


def build_forward(context: ProxyContext) -> Iterator[Resource]:
    """forward_inner_connect, of a gateway that passes on what comes in tunnels from other networks."""
    if context.traits.flavour.has(sockets.INTERNAL_UPSTREAM_TYPE):
        yield _forward_inner(context.untagged)


@memoized()
def _connect_originate(context: ProxyContext, baggage: str) -> Resource:
    headers = (("baggage", baggage),) if baggage else ()
    target = TcpTarget(CONNECT_ORIGINATE, tunnel_to="%DOWNSTREAM_LOCAL_ADDRESS%", tunnel_headers=headers)
    return _listener(CONNECT_ORIGINATE, target, context)


@memoized()
def _forward_inner(context: ProxyContext) -> Resource:
    return _listener(FORWARD_INNER, TcpTarget(FORWARD_INNER), context)


def _listener(name: str, target: TcpTarget, context: ProxyContext) -> Resource:
    base = Listener(
        name=name,
        internal_listener=Listener.InternalListenerConfig(),
        use_original_dst=BoolValue(value=False),
    )
    filters = network_filters.build_tcp_filters(
        target, Watchers(logs=context.logs(Side.OUTBOUND).tunnel), context.traits.flavour
    )
    value = b"".join(
        (
            serialize(base),
            embed_all(listener_filters.FIELD, (listener_filters.ORIGINAL_DST,)),
            embed_all(CHAINS, (serialize(FilterChain()) + filters,)),
            embed_all(ACCESS_LOG, context.logs(Side.OUTBOUND).listener),
        )
    )
    return resource_of_bytes(LISTENER, name, value)
