"""Connection pool settings of a cluster: timeouts, circuit breakers, HTTP protocol, TCP keepalive.

In: a policy's connection pool, a port's protocol, mesh defaults. Out: the values of cluster fields.
Source: xDS behaviour 3.3 (1, 3, 4).
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import TcpKeepalive as EnvoyKeepalive
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.http_protocol import Codec, HttpProtocol
from pilot.model.mesh import MeshConfig, MeshH2UpgradePolicy
from pilot.model.service import PortProtocol
from pilot.model.traffic_policy import ConnectionPoolSettings, H2UpgradePolicy, RetryBudget, TcpKeepalive

UNLIMITED = 2**32 - 1
_DEFAULT_BUDGET_PERCENT = 0.2  # istiod: a fifth of a percent, although the API's text means 20
_DEFAULT_BUDGET_RETRIES = 3


def connect_timeout(pool: ConnectionPoolSettings | None, mesh: MeshConfig) -> timedelta:
    """How long a connection may take."""
    if pool and pool.tcp and pool.tcp.connect_timeout:
        return pool.tcp.connect_timeout
    return mesh.connect_timeout


def circuit_breakers(
    pool: ConnectionPoolSettings | None, budget: RetryBudget | None = None, *, track_remaining: bool = False
) -> Any:
    """Limits of connections, requests and retries; what is not limited is said to be so, since Envoy's own are low."""
    tcp, http = (pool.tcp, pool.http) if pool else (None, None)
    limits = (
        tcp.max_connections if tcp else 0,
        http.http1_max_pending_requests if http else 0,
        http.http2_max_requests if http else 0,
        http.max_retries if http else 0,
    )
    if budget is None:
        return _circuit_breakers(*limits, track_remaining=track_remaining)
    made = CircuitBreakers()
    made.CopyFrom(_circuit_breakers(*limits, track_remaining=track_remaining))
    percent = _DEFAULT_BUDGET_PERCENT if budget.percent is None else budget.percent
    made.thresholds[0].retry_budget.CopyFrom(
        CircuitBreakers.Thresholds.RetryBudget(
            budget_percent=Percent(value=percent),
            min_retry_concurrency=UInt32Value(value=budget.min_retry_concurrency or _DEFAULT_BUDGET_RETRIES),
        )
    )
    return made


@lru_cache(maxsize=1024)
def _circuit_breakers(connections: int, pending: int, requests: int, retries: int, *, track_remaining: bool) -> Any:
    thresholds = CircuitBreakers.Thresholds(
        max_connections=_limit(connections),
        max_pending_requests=_limit(pending),
        max_requests=_limit(requests),
        max_retries=_limit(retries),
        track_remaining=track_remaining,
    )
    return CircuitBreakers(thresholds=[thresholds])


def _limit(number: int) -> Any:
    return UInt32Value(value=number if number > 0 else UNLIMITED)


def port_codec(protocol: PortProtocol, *, sniffs: bool, preserve_case: bool) -> Codec:
    """What a port speaks by its declaration. `sniffs`: this kind of proxy finds out about unknown ports."""
    if protocol.is_http2:
        return Codec.HTTP2
    if protocol.is_sniffed:
        return Codec.DOWNSTREAM if sniffs else Codec.UNSET
    return Codec.HTTP1 if preserve_case and protocol.is_http else Codec.UNSET


def upgraded(codec: Codec, protocol: PortProtocol, pool: ConnectionPoolSettings | None, mesh: MeshConfig) -> Codec:
    """The codec after the upgrade of HTTP/1.1 to HTTP/2 that a rule or the mesh asks for. Not for inbound clusters."""
    if codec is not Codec.UNSET:
        return codec
    http = pool.http if pool else None
    policy = http.h2_upgrade_policy if http else H2UpgradePolicy.DEFAULT
    if (http and http.use_client_protocol) or policy is H2UpgradePolicy.DO_NOT_UPGRADE:
        return codec
    by_mesh = protocol.is_http and mesh.h2_upgrade_policy is MeshH2UpgradePolicy.UPGRADE
    return Codec.HTTP2 if policy is H2UpgradePolicy.UPGRADE or by_mesh else codec


def http_protocol(codec: Codec, pool: ConnectionPoolSettings | None, *, preserve_case: bool = False) -> HttpProtocol:
    """The HTTP protocol options that pool and codec make."""
    preserve_case = preserve_case and codec in (Codec.HTTP1, Codec.DOWNSTREAM)
    if pool is None:
        return HttpProtocol(codec, preserve_case=preserve_case)
    tcp, http = pool.tcp, pool.http
    streams = max(http.max_concurrent_streams, 0) if http else 0
    if http and http.use_client_protocol:
        codec = Codec.DOWNSTREAM
    return HttpProtocol(
        codec,
        idle_timeout=_idle_timeout(pool),
        max_requests_per_connection=max(http.max_requests_per_connection, 0) if http else 0,
        max_connection_duration=tcp.max_connection_duration if tcp else None,
        max_concurrent_streams=streams,
        preserve_case=preserve_case,
    )


def _idle_timeout(pool: ConnectionPoolSettings) -> timedelta | None:
    for settings in (pool.http, pool.tcp):
        if settings is not None and settings.idle_timeout is not None:
            return settings.idle_timeout
    return None


def keepalive(pool: ConnectionPoolSettings | None, mesh: MeshConfig) -> Any | None:
    """TCP keepalive: the rule's parts over the mesh's."""
    own = pool.tcp.tcp_keepalive if pool and pool.tcp else None
    if own is None and mesh.tcp_keepalive is None:
        return None
    made = EnvoyKeepalive()
    for settings in (mesh.tcp_keepalive, own):
        if settings is not None:
            made.MergeFrom(_keepalive(settings))
    return UpstreamConnectionOptions(tcp_keepalive=made)


def _keepalive(settings: TcpKeepalive) -> Any:
    return EnvoyKeepalive(
        keepalive_probes=UInt32Value(value=settings.probes) if settings.probes else None,
        keepalive_time=_seconds(settings.time),
        keepalive_interval=_seconds(settings.interval),
    )


def _seconds(duration: timedelta | None) -> Any | None:
    return UInt32Value(value=int(duration.total_seconds())) if duration else None
