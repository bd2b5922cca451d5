"""Clusters that do not lead to a service: the black hole, traffic as it came, tunnels, secrets.

In: a context and traits. Out: one resource each. Source: xDS behaviour 3.7.
"""

from datetime import timedelta
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import (
    Address,
    BindConfig,
    EnvoyInternalAddress,
    ExtraSourceAddress,
    Pipe,
    SocketAddress,
)
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.type.metadata.v3.metadata_pb2 import MetadataKey
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.clusters import connection_pool
from pilot.generators.clusters.context import Context
from pilot.generators.clusters.metadata_exchange import exchange_filters
from pilot.generators.envoy import sds, sockets, tls
from pilot.generators.envoy.http_protocol import Codec, HttpProtocol, extension_options
from pilot.generators.envoy.metadata import ORIGINAL_DST
from pilot.generators.stat_name import cluster_stat_name
from pilot.memo import memoized
from pilot.resources import Resource, resource
from pilot.type_urls import CLUSTER
from pilot.view.proxy import IpMode, ProxyKind, Traits

BLACK_HOLE = "BlackHoleCluster"
PASSTHROUGH = "PassthroughCluster"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"
CONNECT_ORIGINATE = "connect_originate"
MAIN_INTERNAL = "main_internal"
FORWARD_INNER = "forward_inner_connect"

HBONE_PORT = 15008
_PASSTHROUGH_IDLE = timedelta(minutes=5)
_TUNNEL_CLEANUP = timedelta(minutes=1)
_SECRET_SOCKET = "./var/run/secrets/credential-uds/socket"
_WAYPOINT = MetadataKey(key=ORIGINAL_DST, path=[MetadataKey.PathSegment(key="waypoint")])
_SOURCE_V4, _SOURCE_V6 = "127.0.0.6", "::6"


@memoized(size=256)
def black_hole(context: Context) -> Resource:
    """Where traffic that may not go anywhere ends."""
    return _resource(
        Cluster(
            name=BLACK_HOLE,
            alt_stat_name=cluster_stat_name(BLACK_HOLE),
            type=Cluster.STATIC,
            connect_timeout=context.mesh.connect_timeout,
        )
    )


@memoized(size=256)
def passthrough(context: Context) -> Resource:
    """Outbound traffic to where the client dialled."""
    return _resource(_passthrough(PASSTHROUGH, context, filters=exchange_filters(context.features, context.flavour)))


@memoized(size=256)
def inbound_passthrough(context: Context) -> Resource:
    """Inbound traffic for ports that no service has."""
    bind = inbound_source(context, extra=context.ip_mode is IpMode.DUAL)
    return _resource(_passthrough(INBOUND_PASSTHROUGH, context, upstream_bind_config=bind))


def _passthrough(name: str, context: Context, **more: Any) -> Any:
    return Cluster(
        name=name,
        alt_stat_name=cluster_stat_name(PASSTHROUGH),
        type=Cluster.ORIGINAL_DST,
        lb_policy=Cluster.CLUSTER_PROVIDED,
        connect_timeout=context.mesh.connect_timeout,
        circuit_breakers=_unlimited(context),
        typed_extension_protocol_options=_as_the_client_speaks(context),
        upstream_connection_options=connection_pool.keepalive(None, context.mesh),
        **more,
    )


def _unlimited(context: Context) -> Any:
    return connection_pool.circuit_breakers(None, track_remaining=context.features.track_remaining)


def _as_the_client_speaks(context: Context) -> Any:
    return extension_options(
        HttpProtocol(Codec.DOWNSTREAM, idle_timeout=_PASSTHROUGH_IDLE, preserve_case=context.preserve_case)
    )


def inbound_source(context: Context, *, extra: bool) -> Any:
    """The source address toward the workload, which interception knows not to catch; `extra`: of both families."""
    first = _SOURCE_V6 if context.ip_mode is IpMode.V6 else _SOURCE_V4
    addresses = [ExtraSourceAddress(address=_any_port(_SOURCE_V6))] if extra else []
    return BindConfig(source_address=_any_port(first), extra_source_addresses=addresses)


def _any_port(address: str) -> Any:
    return SocketAddress(address=address, port_value=0)


def connect_originate(context: Context, traits: Traits) -> Resource:
    """Opens HBONE tunnels to workloads, or to the waypoint that an endpoint names."""
    namespace = traits.namespace if traits.kind is ProxyKind.WAYPOINT else ""
    socket = tls.hbone_upstream(mesh=context.mesh, features=context.features, traits=traits, peer_namespace=namespace)
    return _connect_originate(context, socket)


@memoized(size=256)
def _connect_originate(context: Context, socket: Any) -> Resource:
    protocol = HttpProtocol(Codec.HTTP2, idle_timeout=context.mesh.hbone_idle_timeout, allow_connect=True)
    options = extension_options(protocol)
    return _to_tunnels(CONNECT_ORIGINATE, context, typed_extension_protocol_options=options, transport_socket=socket)


@memoized(size=256)
def main_internal(context: Context) -> Resource:
    """Leads from the end of a tunnel to the listener that handles what was in it."""
    return _to_listener(MAIN_INTERNAL, MAIN_INTERNAL, context)


@memoized(size=256)
def encap(context: Context) -> Resource:
    """Leads traffic for a single workload to the listener that opens tunnels, or passes inner ones on."""
    if context.is_entrance:
        return _to_listener("encap", FORWARD_INNER, context, speaks=False)
    return _to_listener("encap", CONNECT_ORIGINATE, context)


@memoized(size=256)
def forward_inner(context: Context) -> Resource:
    """Passes on to a workload the tunnel that came inside of another network's."""
    return _to_tunnels(FORWARD_INNER, context)


def _to_tunnels(name: str, context: Context, **more: Any) -> Resource:
    """A cluster that leads to where a workload takes tunnels, or to the waypoint that an endpoint names."""
    return _resource(
        Cluster(
            name=name,
            alt_stat_name=cluster_stat_name(name),
            type=Cluster.ORIGINAL_DST,
            lb_policy=Cluster.CLUSTER_PROVIDED,
            connect_timeout=context.mesh.connect_timeout,
            cleanup_interval=_TUNNEL_CLEANUP,
            circuit_breakers=_unlimited(context),
            original_dst_lb_config=Cluster.OriginalDstLbConfig(
                upstream_port_override=UInt32Value(value=HBONE_PORT), metadata_key=_WAYPOINT
            ),
            **more,
        )
    )


def _to_listener(name: str, listener: str, context: Context, *, speaks: bool = True) -> Resource:
    return _resource(
        Cluster(
            name=name,
            alt_stat_name=cluster_stat_name(name),
            type=Cluster.STATIC,
            circuit_breakers=_unlimited(context),
            typed_extension_protocol_options=_as_the_client_speaks(context) if speaks else None,
            load_assignment=static_assignment(name, internal_address(listener)),
            transport_socket=sockets.to_internal_listener(sockets.RAW_BUFFER),
        )
    )


def internal_address(listener: str) -> Any:
    """The address of a listener of the proxy itself."""
    return Address(envoy_internal_address=EnvoyInternalAddress(server_listener_name=listener))


@memoized(size=256)
def external_secrets(context: Context) -> Resource:
    """The workload's own SDS server, on its socket."""
    return _resource(
        Cluster(
            name=sds.EXTERNAL_CLUSTER,
            type=Cluster.STATIC,
            connect_timeout=context.mesh.connect_timeout,
            typed_extension_protocol_options=extension_options(HttpProtocol(Codec.HTTP2)),
            load_assignment=static_assignment(sds.EXTERNAL_CLUSTER, Address(pipe=Pipe(path=_SECRET_SOCKET))),
        )
    )


def static_assignment(cluster: str, address: Any) -> Any:
    """A load assignment of one address and nothing else."""
    endpoint = LbEndpoint(endpoint=Endpoint(address=address))
    return ClusterLoadAssignment(cluster_name=cluster, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])])


def _resource(message: Any) -> Resource:
    return resource(CLUSTER, message.name, message)
