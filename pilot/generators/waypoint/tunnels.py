"""The listeners through which a waypoint reaches other networks: a tunnel inside of a tunnel.

In: the proxy's context. Out: two listener resources. Source: xDS behaviour 4.12, appendix A.15.
"""

from collections.abc import Iterator
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.network.set_filter_state.v3.set_filter_state_pb2 import Config
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy import listener_filters, network_filters
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import Side
from pilot.generators.envoy.network_filters import TcpTarget, Watchers
from pilot.generators.envoy.wire import embed_all, extension, serialize
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS
from pilot.generators.listeners.terminate import ORIGINAL_ADDRESS, filter_state
from pilot.generators.waypoint.clusters import INNER, OUTER
from pilot.memo import memoized
from pilot.resources import Resource, resource_of_bytes
from pilot.type_urls import LISTENER
from pilot.view.proxy import ProxyKind

_TARGET: Final = "istio.double_hbone.hbone_target_address"
_TO_TARGET: Final = f"%FILTER_STATE({_TARGET}:PLAIN)%"
_TRANSITIVE: Final = FilterStateValue.TRANSITIVE
_PROPAGATE: Final = extension(
    "propagate_endpoint_metadata",
    Config(
        on_new_connection=[
            filter_state(
                ORIGINAL_ADDRESS,
                "%DYNAMIC_METADATA(envoy.filters.listener.original_dst:local)%",
                sharing=_TRANSITIVE,
            ),
            filter_state(
                _TARGET,
                "%DYNAMIC_METADATA(istio:double_hbone:hbone_target_address)%",
                "envoy.string",
                _TRANSITIVE,
            ),
        ]
    ),
    required=True,
)


def build_double(context: ProxyContext, network: str) -> Iterator[Resource]:
    """Both; `network` is the proxy's own."""
    context = context.untagged
    yield _inner(context, network)
    yield _outer(context)


@memoized(size=1024)
def _inner(context: ProxyContext, network: str) -> Resource:
    target = TcpTarget(INNER, tunnel_to=_TO_TARGET, tunnel_headers=(("x-forwarded-network", network),))
    first = network_filters.before_manager((_PROPAGATE,), context.traits)
    return _listener(INNER, first, target, (), context)


@memoized(size=1024)
def _outer(context: ProxyContext) -> Resource:
    handled = (("x-istio-source", "waypoint"),) if context.traits.kind is ProxyKind.WAYPOINT else ()
    target = TcpTarget(OUTER, tunnel_to=_TO_TARGET, tunnel_headers=handled)
    return _listener(OUTER, b"", target, (listener_filters.ORIGINAL_DST,), context)


def _listener(
    name: str, first: bytes, target: TcpTarget, inspectors: tuple[bytes, ...], context: ProxyContext
) -> Resource:
    logs = context.logs(Side.OUTBOUND)
    base = Listener(
        name=name, internal_listener=Listener.InternalListenerConfig(), use_original_dst=BoolValue(value=False)
    )
    filters = first + network_filters.build_tcp_filters(target, Watchers(logs=logs.tunnel), context.traits.flavour)
    value = b"".join(
        (
            serialize(base),
            embed_all(listener_filters.FIELD, inspectors),
            embed_all(CHAINS, (serialize(FilterChain()) + filters,)),
            embed_all(ACCESS_LOG, logs.listener),
        )
    )
    return resource_of_bytes(LISTENER, name, value)
