"""HTTP connection managers: the network filter that makes requests out of bytes.

In: which side of the proxy, settings, filters. Out: a serialized network filter. What is the same for every listener
of a proxy class is serialized once; a listener only adds its name and its routes.
Source: xDS behaviour 4.5, appendix A.11.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from envoy.config.core.v3.config_source_pb2 import AggregatedConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    Http3ProtocolOptions,
    HttpProtocolOptions,
)
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    Rds,
    RequestIDExtension,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy import access_log, http_filters, telemetry, tracing
from pilot.generators.envoy.http_filters import NOTHING, Extra, HttpChain, Side
from pilot.generators.envoy.packing import PREFIX, pack
from pilot.generators.envoy.tracing import NO_TAGS, WorkloadTags
from pilot.generators.envoy.wire import Extension, embed, embed_all, serialize, text
from pilot.memo import memoized
from pilot.model.duration import parse_duration
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig, NormalizationType
from pilot.model.observation import ObservedSide
from pilot.model.proxy_config import ForwardClientCertDetails, MetadataExchangeMode, ProxyConfig, ProxyHeaders
from pilot.model.wasm_plugins import CheckedPlugin
from pilot.view.observed import Observed, unobserved
from pilot.view.proxy import ProxyKind, Traits

_URL: Final = PREFIX + str(HttpConnectionManager.DESCRIPTOR.full_name)
_NAME: Final = text(1, "envoy.filters.network.http_connection_manager")
_TYPED_CONFIG: Final = 4
# fields of HttpConnectionManager
_STAT_PREFIX, _RDS, _ROUTE_CONFIG, _HTTP_FILTERS, _TRACING, _ACCESS_LOG = 2, 3, 4, 5, 7, 13

_ADS: Final = ConfigSource(
    ads=AggregatedConfigSource(), initial_fetch_timeout=Duration(), resource_api_version=ApiVersion.V3
)
_WEBSOCKET: Final = (HttpConnectionManager.UpgradeConfig(upgrade_type="websocket"),)
_REQUEST_ID: Final = {
    by_id: RequestIDExtension(
        typed_config=pack(UuidRequestIdConfig(use_request_id_for_trace_sampling=BoolValue(value=by_id)))
    )
    for by_id in (True, False)
}
_CertDetails = HttpConnectionManager.SetCurrentClientCertDetails
_FORWARD: Final = {
    ForwardClientCertDetails.SANITIZE: HttpConnectionManager.SANITIZE,
    ForwardClientCertDetails.FORWARD_ONLY: HttpConnectionManager.FORWARD_ONLY,
    ForwardClientCertDetails.APPEND_FORWARD: HttpConnectionManager.APPEND_FORWARD,
    ForwardClientCertDetails.SANITIZE_SET: HttpConnectionManager.SANITIZE_SET,
    ForwardClientCertDetails.ALWAYS_FORWARD_ONLY: HttpConnectionManager.ALWAYS_FORWARD_ONLY,
}
_SERVER_NAME: Final = "istio-envoy"


@dataclass(frozen=True, slots=True, eq=False)
class ProxyContext:
    """What everything in the listeners of one class of proxies depends on; `proxy_context` makes it, once for each."""

    mesh: MeshConfig
    config: ProxyConfig
    features: Features
    traits: Traits
    tags: WorkloadTags
    observed: Observed
    plugins: tuple[CheckedPlugin, ...] = ()
    """In the order in which they stand."""

    @property
    def untagged(self) -> "ProxyContext":
        """The same without the workload: for what all workloads share."""
        return proxy_context(self.mesh, self.config, self.features, self.traits, NO_TAGS, self.observed, self.plugins)

    def observed_on(self, side: Side) -> ObservedSide:
        """What is observed on that side."""
        return self.observed.server if side.is_server else self.observed.client

    def logs(self, side: Side) -> access_log.AccessLogs:
        """The access logs of that side."""
        return access_log.build_access_logs(self.mesh, self.traits.flavour, self.observed, self.observed_on(side))

    def stats(self, side: Side) -> Extension | None:
        """istio.stats on that side, where it is wanted."""
        waypoint = self.traits.kind is ProxyKind.WAYPOINT
        return telemetry.stats_filter(self.observed_on(side), outbound=side is Side.OUTBOUND, waypoint=waypoint)


def proxy_context(
    mesh: MeshConfig,
    config: ProxyConfig,
    features: Features,
    traits: Traits,
    tags: WorkloadTags,
    observed: Observed | None = None,
    plugins: tuple[CheckedPlugin, ...] = (),
) -> ProxyContext:
    """The same object for the same parts; `observed` None: as MeshConfig says."""
    return _proxy_context(mesh, config, features, traits, tuple(tags), observed or unobserved(mesh), plugins)


@memoized(size=16_384)
def _proxy_context(
    mesh: MeshConfig,
    config: ProxyConfig,
    features: Features,
    traits: Traits,
    tags: tuple[str, ...],
    observed: Observed,
    plugins: tuple[CheckedPlugin, ...],
) -> ProxyContext:
    return ProxyContext(mesh, config, features, traits, WorkloadTags(*tags), observed, plugins)


@memoized(size=64)
def idle_timeout(traits: Traits) -> timedelta | None:
    """IDLE_TIMEOUT of the node; None where there is none or it is no duration."""
    try:
        return parse_duration(traits.idle_timeout) if traits.idle_timeout else None
    except ValueError:
        return None


def http_chain(context: ProxyContext, side: Side, *, grpc_web: bool, proxy: bool = False) -> HttpChain:
    """What the HTTP filters of a chain depend on; `proxy`: of a forward proxy's listener."""
    headers = context.config.proxy_headers or ProxyHeaders()
    exchange = headers.metadata_exchange_headers
    debug = headers.envoy_debug_headers
    return HttpChain(
        side=side,
        grpc_web=grpc_web,
        metadata_exchange=context.features.metadata_exchange,
        in_mesh_only=not proxy and exchange is not None and exchange.mode is MetadataExchangeMode.IN_MESH,
        alpn=context.features.alpn_filter,
        stats=context.stats(side),
        stateful_session=context.features.persistent_session_filter,
        suppress_debug_headers=debug is not None and bool(debug.disabled),
    )


@memoized()
def _base(
    context: ProxyContext,
    side: Side,
    grpc_web: bool,
    http2: bool,
    proxy: bool,
    extra: Extra = NOTHING,
    http3: bool = False,
) -> bytes:
    """Everything but name and routes. `http2`: the server expects HTTP/2; `proxy`: of a forward proxy's listener."""
    features, traits = context.features, context.traits
    manager = HttpConnectionManager(
        proxy_100_continue=features.continue_headers_100,
        stream_idle_timeout=Duration(),
        upgrade_configs=_WEBSOCKET,
        use_remote_address=BoolValue(value=side is Side.GATEWAY or features.sidecar_use_remote_address),
        request_id_extension=_request_id(context.observed_on(side)),
    )
    timeout = idle_timeout(traits)
    if timeout is not None:
        manager.common_http_protocol_options.CopyFrom(HttpProtocolOptions(idle_timeout=timeout))
    _set_path_normalization(manager, context.mesh)
    _set_headers(manager, context, side)
    if side is Side.GATEWAY or proxy or traits.http10 or features.http10:
        manager.http_protocol_options.CopyFrom(
            Http1ProtocolOptions(
                allow_absolute_url=BoolValue(value=True) if proxy else None,
                accept_http_10=traits.http10 or features.http10,
            )
        )
    if http2:
        manager.http2_protocol_options.CopyFrom(Http2ProtocolOptions())
    if http3:
        manager.codec_type = HttpConnectionManager.HTTP3
        manager.http3_protocol_options.CopyFrom(Http3ProtocolOptions())
    chain = http_chain(context, side, grpc_web=grpc_web, proxy=proxy)
    filters = http_filters.build_http_filters(chain, traits.flavour, extra)
    trace = context.observed_on(side).trace
    traces = tracing.build_tracing(
        context.tags, context.observed, trace, context.mesh, context.config, features, traits
    )
    return b"".join(
        (
            serialize(manager),
            embed_all(_HTTP_FILTERS, (each.body for each in filters)),
            embed(_TRACING, traces) if traces else b"",
            embed_all(_ACCESS_LOG, context.logs(side).http),
        )
    )


def _request_id(observed: ObservedSide) -> Any:
    trace = observed.trace
    return _REQUEST_ID[trace is None or trace.provider is None or trace.use_request_id]


def _set_path_normalization(manager: Any, mesh: MeshConfig) -> None:
    kind = mesh.path_normalization.normalization
    manager.normalize_path.CopyFrom(BoolValue(value=kind is not NormalizationType.NONE))
    manager.merge_slashes = kind in (NormalizationType.MERGE_SLASHES, NormalizationType.DECODE_AND_MERGE_SLASHES)
    manager.path_with_escaped_slashes_action = (
        HttpConnectionManager.UNESCAPE_AND_FORWARD
        if kind is NormalizationType.DECODE_AND_MERGE_SLASHES
        else HttpConnectionManager.KEEP_UNCHANGED
    )


def _set_headers(manager: Any, context: ProxyContext, side: Side) -> None:
    headers = context.config.proxy_headers or ProxyHeaders()
    server = headers.server
    if server is not None and server.disabled:
        manager.server_header_transformation = HttpConnectionManager.PASS_THROUGH
    elif server is not None and server.value:
        manager.server_name = server.value
    elif side is not Side.OUTBOUND:
        manager.server_name = _SERVER_NAME
    if headers.request_id is not None and headers.request_id.disabled:
        manager.generate_request_id.CopyFrom(BoolValue(value=False))
    manager.append_x_forwarded_port = headers.x_forwarded_port is not None and bool(headers.x_forwarded_port.enabled)
    if side is Side.INBOUND:
        _set_inbound_client_certificate(manager, headers)
    elif side is Side.GATEWAY:
        _set_gateway_topology(manager, context.config)


def _set_inbound_client_certificate(manager: Any, headers: ProxyHeaders) -> None:
    manager.forward_client_cert_details = _FORWARD.get(
        headers.forwarded_client_cert, HttpConnectionManager.APPEND_FORWARD
    )
    said = headers.set_current_client_cert_details
    manager.set_current_client_cert_details.CopyFrom(
        _CertDetails(
            subject=BoolValue(value=said is None or said.subject is not False),
            uri=said is None or said.uri is not False,
            dns=said is None or said.dns is not False,
            cert=said is not None and said.cert is True,
            chain=said is not None and said.chain is True,
        )
    )


def _set_gateway_topology(manager: Any, config: ProxyConfig) -> None:
    """What a gateway says of clients; `proxyHeaders` has no say in it."""
    topology = config.gateway_topology
    wanted = topology.forward_client_cert_details if topology else ForwardClientCertDetails.UNDEFINED
    forward = _FORWARD.get(wanted, HttpConnectionManager.SANITIZE_SET)
    manager.forward_client_cert_details = forward
    if forward in (HttpConnectionManager.APPEND_FORWARD, HttpConnectionManager.SANITIZE_SET):
        manager.set_current_client_cert_details.CopyFrom(
            _CertDetails(subject=BoolValue(value=True), cert=True, dns=True, uri=True)
        )
    if topology is not None:
        manager.xff_num_trusted_hops = topology.num_trusted_proxies


def put_together(manager: Any, http_filters: Iterable[bytes], logs: Iterable[bytes]) -> bytes:
    """The network filter of a connection manager that is like no other; filters and logs are serialized."""
    value = serialize(manager) + embed_all(_HTTP_FILTERS, http_filters) + embed_all(_ACCESS_LOG, logs)
    return _NAME + embed(_TYPED_CONFIG, text(1, _URL) + embed(2, value))


def _filter(base: bytes, stat_prefix: str, routes: bytes) -> bytes:
    value = b"".join((base, text(_STAT_PREFIX, stat_prefix), routes))
    return _NAME + embed(_TYPED_CONFIG, text(1, _URL) + embed(2, value))


@memoized(size=16_384)
def with_rds(
    context: ProxyContext,
    side: Side,
    stat_prefix: str,
    route_name: str,
    grpc_web: bool = False,
    proxy: bool = False,
    extra: Extra = NOTHING,
    http3: bool = False,
) -> bytes:
    """A connection manager (serialized network filter) that asks for its routes by name."""
    rds = embed(_RDS, serialize(Rds(config_source=_ADS, route_config_name=route_name)))
    return _filter(_base(context, side, grpc_web, False, proxy, extra, http3), stat_prefix, rds)


def with_routes(
    context: ProxyContext,
    side: Side,
    stat_prefix: str,
    route_config: bytes,
    *,
    grpc_web: bool,
    http2: bool,
    extra: Extra = NOTHING,
) -> bytes:
    """A connection manager with its routes inside; `route_config` is a serialized RouteConfiguration."""
    return _filter(_base(context, side, grpc_web, http2, False, extra), stat_prefix, embed(_ROUTE_CONFIG, route_config))
