"""What a cluster speaks to its endpoints: the HttpProtocolOptions extension.

In: the codec and the settings of a connection pool. Out: the value for `typed_extension_protocol_options`, or None
where Envoy's defaults are meant. Source: xDS behaviour 3.3 (1, 4), 3.7, 3.8 (auto SNI).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from envoy.config.core.v3 import extension_pb2, protocol_pb2
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import PreserveCaseFormatterConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.wrappers_pb2 import UInt32Value

from pilot.generators.envoy.packing import pack

KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Codec(Enum):
    """The HTTP version of a cluster."""

    UNSET = "unset"
    """HTTP/1.1 by Envoy's default; nothing is said."""
    HTTP1 = "http1"
    HTTP2 = "http2"
    DOWNSTREAM = "downstream"
    """As the client speaks it."""


@dataclass(frozen=True, slots=True)
class HttpProtocol:
    """Everything in the extension. Zero and None mean: not set."""

    codec: Codec = Codec.UNSET
    idle_timeout: timedelta | None = None
    max_requests_per_connection: int = 0
    max_connection_duration: timedelta | None = None
    max_concurrent_streams: int = 0
    preserve_case: bool = False
    auto_sni: bool = False
    auto_san_validation: bool = False
    allow_connect: bool = False


_NOTHING = HttpProtocol()


@lru_cache(maxsize=1024)
def _build(protocol: HttpProtocol) -> Any:
    options = HttpProtocolOptions()
    if _limits_connections(protocol):
        options.common_http_protocol_options.CopyFrom(_common(protocol))
    if protocol.auto_sni or protocol.auto_san_validation:
        options.upstream_http_protocol_options.CopyFrom(
            protocol_pb2.UpstreamHttpProtocolOptions(
                auto_sni=protocol.auto_sni, auto_san_validation=protocol.auto_san_validation
            )
        )
    http1 = protocol_pb2.Http1ProtocolOptions(header_key_format=_PRESERVE_CASE if protocol.preserve_case else None)
    streams = protocol.max_concurrent_streams if protocol.codec is Codec.HTTP2 else 0
    http2 = protocol_pb2.Http2ProtocolOptions(
        allow_connect=protocol.allow_connect, max_concurrent_streams=_number(streams)
    )
    match protocol.codec:
        case Codec.HTTP2:
            options.explicit_http_config.http2_protocol_options.CopyFrom(http2)
        case Codec.DOWNSTREAM:
            options.use_downstream_protocol_config.http_protocol_options.CopyFrom(http1)
            options.use_downstream_protocol_config.http2_protocol_options.CopyFrom(http2)
        case Codec.HTTP1 | Codec.UNSET:
            options.explicit_http_config.http_protocol_options.CopyFrom(http1)
    return {KEY: pack(options)}


def extension_options(protocol: HttpProtocol) -> Any | None:
    """The map for `Cluster.typed_extension_protocol_options`; None if there is nothing to say."""
    return None if protocol == _NOTHING else _build(protocol)


_PRESERVE_CASE = protocol_pb2.Http1ProtocolOptions.HeaderKeyFormat(
    stateful_formatter=extension_pb2.TypedExtensionConfig(
        name="preserve_case", typed_config=pack(PreserveCaseFormatterConfig())
    )
)


def _limits_connections(protocol: HttpProtocol) -> bool:
    """Whether connections have limits at all, be it one that only HTTP/2 knows: istiod: says so by an empty message."""
    return (
        protocol.idle_timeout is not None
        or protocol.max_connection_duration is not None
        or bool(protocol.max_requests_per_connection or protocol.max_concurrent_streams)
    )


def _common(protocol: HttpProtocol) -> Any:
    return protocol_pb2.HttpProtocolOptions(
        idle_timeout=protocol.idle_timeout,
        max_requests_per_connection=_number(protocol.max_requests_per_connection),
        max_connection_duration=protocol.max_connection_duration,
    )


def _number(number: int) -> Any | None:
    return UInt32Value(value=number) if number else None
