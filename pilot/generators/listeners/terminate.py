"""The listener at which HBONE tunnels end, of waypoints and of sidecars that take them.

In: the proxy's context, filters that decide on tunnels. Out: the listener resource. What comes out of a tunnel goes to
the internal listener `main_internal`, with who sent it and where to as filter state.
Source: xDS behaviour 4.12 (connect_terminate), appendix A.15.
"""

from datetime import timedelta
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions, KeepaliveSettings
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from pilot.generators.envoy import hcm, tls
from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.envoy.http_filters import PEER_METADATA_TYPE, Side
from pilot.generators.envoy.network_filters import FILTERS
from pilot.generators.envoy.packing import typed_struct
from pilot.generators.envoy.wire import Extension, embed, embed_all, extension, packed, serialize, supported
from pilot.generators.listeners.address import listen_on
from pilot.generators.listeners.assemble import ACCESS_LOG, CHAINS
from pilot.generators.service_address import wildcard_addresses
from pilot.memo import memoized
from pilot.model.waypoint import HBONE_PORT
from pilot.resources import Resource, resource_of_bytes
from pilot.type_urls import LISTENER

CONNECT_TERMINATE: Final = "connect_terminate"
MAIN_INTERNAL: Final = "main_internal"
ORIGINAL_ADDRESS: Final = "envoy.filters.listener.original_dst.local_ip"
"""Filter state that says which address a connection is for."""
_STREAMS: Final = 100
_TEXT: Final = "envoy.string"


def filter_state(key: str, text: str, factory: str = "", sharing: int = FilterStateValue.ONCE) -> Any:
    """A value for `set_filter_state`: a format, under a key; `factory`: what makes an object of it."""
    return FilterStateValue(
        object_key=key,
        factory_key=factory,
        format_string=SubstitutionFormatString(text_format_source=DataSource(inline_string=text)),
        shared_with_upstream=sharing,
    )


_PEER: Final = packed(
    "waypoint_downstream_peer_metadata",
    PEER_METADATA_TYPE,
    typed_struct(
        PEER_METADATA_TYPE, {"downstream_discovery": [{"workload_discovery": {}}], "shared_with_upstream": True}
    ),
)
_AUTHORITY: Final = extension(
    "connect_authority",
    Config(
        on_request_headers=[
            filter_state(ORIGINAL_ADDRESS, "%REQ(:AUTHORITY)%"),
            filter_state("io.istio.connect_authority", "%REQ(:AUTHORITY)%", _TEXT),
            filter_state("envoy.filters.listener.original_dst.remote_ip", "%DOWNSTREAM_REMOTE_ADDRESS%"),
            filter_state("io.istio.peer_principal", "%DOWNSTREAM_PEER_URI_SAN%", _TEXT),
            filter_state("io.istio.local_principal", "%DOWNSTREAM_LOCAL_URI_SAN%", _TEXT),
        ]
    ),
    required=True,
)
_SOURCE: Final = extension(
    "request_source",
    Config(on_request_headers=[filter_state("io.istio.request_source", "%REQ(X-ISTIO-SOURCE)%", _TEXT)]),
)
"""Keeps what a client says of itself: whether a waypoint of its network has handled the traffic."""
_ROUTER: Final = extension("envoy.filters.http.router", Router())
_CONNECT: Final = "CONNECT"
_ROUTES: Final = RouteConfiguration(
    name="default",
    virtual_hosts=[
        VirtualHost(
            name="default",
            domains=["*"],
            routes=[
                Route(
                    match=RouteMatch(connect_matcher=RouteMatch.ConnectMatcher()),
                    route=RouteAction(
                        cluster=MAIN_INTERNAL,
                        upgrade_configs=[
                            RouteAction.UpgradeConfig(
                                upgrade_type=_CONNECT, connect_config=RouteAction.UpgradeConfig.ConnectConfig()
                            )
                        ],
                    ),
                )
            ],
        )
    ],
)
_Upgrade = HttpConnectionManager.UpgradeConfig
_CertDetails = HttpConnectionManager.SetCurrentClientCertDetails
_MANAGER: Final = HttpConnectionManager(
    stat_prefix=CONNECT_TERMINATE,
    route_config=_ROUTES,
    use_remote_address=BoolValue(value=False),
    server_name="istio-envoy",
    forward_client_cert_details=HttpConnectionManager.APPEND_FORWARD,
    set_current_client_cert_details=_CertDetails(subject=BoolValue(value=True), dns=True, uri=True),
    stream_idle_timeout=Duration(),
    upgrade_configs=[_Upgrade(upgrade_type=_CONNECT)],
    http2_protocol_options=Http2ProtocolOptions(
        allow_connect=True,
        max_concurrent_streams=UInt32Value(value=_STREAMS),
        connection_keepalive=KeepaliveSettings(interval=timedelta(seconds=10), timeout=timedelta(seconds=20)),
    ),
)


@memoized(size=4096)
def build_terminate(
    context: ProxyContext, guards: tuple[Extension, ...] = (), *, is_entrance: bool = False
) -> Resource:
    """The listener; `guards`: HTTP filters that decide who may open tunnels; `is_entrance`: for other networks."""
    traits, logs = context.traits, context.logs(Side.INBOUND)
    base = Listener(
        name=CONNECT_TERMINATE,
        address=listen_on(wildcard_addresses(traits, context.features)[0], HBONE_PORT),
        connection_balance_config=Listener.ConnectionBalanceConfig(
            exact_balance=Listener.ConnectionBalanceConfig.ExactBalance()
        ),
    )
    socket = tls.hbone_downstream(mesh=context.mesh, features=context.features, traits=traits)
    filters = supported((*guards, _PEER, _AUTHORITY, *((_SOURCE,) if is_entrance else ()), _ROUTER), traits.flavour)
    manager = hcm.put_together(_MANAGER, (each.body for each in filters), logs.terminated)
    chain = serialize(FilterChain(name="default", transport_socket=socket)) + embed(FILTERS, manager)
    value = serialize(base) + embed_all(CHAINS, (chain,)) + embed_all(ACCESS_LOG, logs.listener)
    return resource_of_bytes(LISTENER, CONNECT_TERMINATE, value)
