"""Transport sockets other than TLS, and the list from which Envoy picks one for each endpoint.

In: sockets. Out: sockets around them, or the match list of a cluster. The constants are shared: never change them.
Source: xDS behaviour 3.3 (7), 3.8 (placement), 6.3.
"""

from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.core.v3.proxy_protocol_pb2 import ProxyProtocolConfig
from envoy.extensions.transport_sockets.internal_upstream.v3.internal_upstream_pb2 import InternalUpstreamTransport
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.type.metadata.v3.metadata_pb2 import MetadataKind
from google.protobuf.struct_pb2 import Struct

from pilot.generators.envoy.metadata import ISTIO, ORIGINAL_DST
from pilot.generators.envoy.packing import pack, struct

INTERNAL_UPSTREAM_TYPE = "type.googleapis.com/" + InternalUpstreamTransport.DESCRIPTOR.full_name
PROXY_PROTOCOL_TYPE = "type.googleapis.com/" + ProxyProtocolUpstreamTransport.DESCRIPTOR.full_name

RAW = TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(RawBuffer()))

RAW_BUFFER = TransportSocket(name="raw_buffer", typed_config=RAW.typed_config)
"""The same under the name that it has inside of the proxy."""

_HOST = MetadataKind(host=MetadataKind.Host())
_CLUSTER = MetadataKind(cluster=MetadataKind.Cluster())
_Passthrough = InternalUpstreamTransport.MetadataValueSource
_TUNNEL_METADATA = (
    _Passthrough(name=ORIGINAL_DST, kind=_HOST),
    _Passthrough(name=ISTIO, kind=_CLUSTER),
    _Passthrough(name=ISTIO, kind=_HOST),
)

_ENDPOINT_METADATA = (_Passthrough(name=ORIGINAL_DST, kind=_HOST), _Passthrough(name=ISTIO, kind=_HOST))


def to_tunnel(inner: Any) -> Any:
    """A socket into the internal listener that opens a tunnel; `inner` is what goes through the tunnel."""
    return _internal_upstream("envoy.transport_sockets.internal_upstream", inner, _TUNNEL_METADATA)


def behind_waypoint(inner: Any) -> Any:
    """A socket toward what a waypoint stands in front of: through a tunnel or not, as each endpoint says."""
    return _internal_upstream("internal_upstream", inner, _ENDPOINT_METADATA)


def behind_entrance(inner: Any) -> Any:
    """A socket toward what a gateway between networks stands in front of."""
    return _internal_upstream("internal_upstream", inner, _TUNNEL_METADATA)


def to_internal_listener(inner: Any, name: str = "internal_upstream") -> Any:
    """A socket into an internal listener that needs to know nothing of where it came from."""
    return _internal_upstream(name, inner, ())


def _internal_upstream(name: str, inner: Any, metadata: tuple[Any, ...]) -> Any:
    transport = InternalUpstreamTransport(passthrough_metadata=metadata, transport_socket=inner)
    return TransportSocket(name=name, typed_config=pack(transport))


def with_proxy_protocol(inner: Any, version: int) -> Any:
    """A socket that tells the upstream the client's address first. `version`: 1 or 2."""
    number = ProxyProtocolConfig.V2 if version == 2 else ProxyProtocolConfig.V1
    transport = ProxyProtocolUpstreamTransport(config=ProxyProtocolConfig(version=number), transport_socket=inner)
    return TransportSocket(name="envoy.transport_sockets.upstream_proxy_protocol", typed_config=pack(transport))


def tunnel_match(inner: Any) -> Any:
    """The entry for endpoints that are reached through a tunnel."""
    return Cluster.TransportSocketMatch(name="hbone", match=_TUNNEL, transport_socket=to_tunnel(inner))


def mtls_match(tls: Any) -> Any:
    """The entry for endpoints that have a sidecar."""
    return Cluster.TransportSocketMatch(name="tlsMode-istio", match=_MTLS, transport_socket=tls)


def any_match(name: str, socket: Any) -> Any:
    """An entry that takes every endpoint; the match is left out."""
    return Cluster.TransportSocketMatch(name=name, transport_socket=socket)


_TUNNEL = struct({"tunnel": "http"})
_MTLS = struct({"tlsMode": "istio"})
TUNNEL_RAW = tunnel_match(RAW)
PLAINTEXT = Cluster.TransportSocketMatch(name="tlsMode-disabled", match=Struct(), transport_socket=RAW)
"""The entry for endpoints without a sidecar: an empty match takes every endpoint."""
