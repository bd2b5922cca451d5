from envoy.extensions.transport_sockets.internal_upstream.v3.internal_upstream_pb2 import InternalUpstreamTransport
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from google.protobuf import json_format

from pilot.generators.envoy import sockets


def test_a_tunnel_carries_the_original_destination_and_istios_metadata() -> None:
    made = sockets.TUNNEL_RAW
    transport = InternalUpstreamTransport.FromString(made.transport_socket.typed_config.value)

    assert made.name == "hbone"
    assert json_format.MessageToDict(made.match) == {"tunnel": "http"}
    assert [(each.name, each.kind.WhichOneof("kind")) for each in transport.passthrough_metadata] == [
        ("envoy.filters.listener.original_dst", "host"),
        ("istio", "cluster"),
        ("istio", "host"),
    ]
    assert transport.transport_socket == sockets.RAW


def test_the_plaintext_entry_has_an_empty_match_and_a_catch_all_has_none() -> None:
    assert sockets.PLAINTEXT.HasField("match")
    assert not sockets.any_match("user", sockets.RAW).HasField("match")
    assert json_format.MessageToDict(sockets.mtls_match(sockets.RAW).match) == {"tlsMode": "istio"}


def test_an_internal_listener_gets_no_metadata() -> None:
    made = sockets.to_internal_listener(sockets.RAW)
    transport = InternalUpstreamTransport.FromString(made.typed_config.value)

    assert made.name == "internal_upstream"
    assert not transport.passthrough_metadata


def test_proxy_protocol_wraps_a_socket_and_says_its_version() -> None:
    second = ProxyProtocolUpstreamTransport.FromString(sockets.with_proxy_protocol(sockets.RAW, 2).typed_config.value)
    first = ProxyProtocolUpstreamTransport.FromString(sockets.with_proxy_protocol(sockets.RAW, 1).typed_config.value)

    assert second.transport_socket == sockets.RAW
    assert (first.config.version, second.config.version) == (0, 1)
