from typing import Any

import pytest

from pilot.generators.listeners.chain import RAW, TLS
from pilot.generators.listeners.inbound_chains import MESH_ALL, InboundPort, Owner, blackhole_chain, build_port_chains
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import PortProtocol
from tests.pilot.generators.worlds import context

HTTP, TCP, SNIFFED = PortProtocol.HTTP, PortProtocol.TCP, PortProtocol.UNKNOWN
MESH_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_TCP = ("istio-peer-exchange", "istio")
PLAIN_HTTP = ("http/1.1", "h2c")
MANAGER = b"envoy.filters.network.http_connection_manager"
PROXY = b"envoy.filters.network.tcp_proxy"
SOCKET = object()


def port(protocol: PortProtocol = HTTP, bind: str = "0.0.0.0") -> InboundPort:
    return InboundPort(8080, 80, protocol, "inbound|8080||", "", bind)


def chains(protocol: PortProtocol, mode: MtlsMode, **more: Any) -> list[tuple[str, tuple[str, ...], str, bool]]:
    """Transport, ALPN, what is inside, whether TLS is terminated."""
    return [
        (
            each.match.transport,
            each.match.protocols,
            "http" if MANAGER in each.filters else "bytes",
            each.transport_socket is not None,
        )
        for each in build_port_chains(port(protocol), mode, Owner(context()), **more)
    ]


@pytest.mark.parametrize("protocol", [HTTP, PortProtocol.HTTP2, PortProtocol.GRPC, PortProtocol.GRPC_WEB])
def test_a_strict_http_port_takes_only_tls_of_the_mesh(protocol: PortProtocol) -> None:
    assert chains(protocol, MtlsMode.STRICT) == [(TLS, (), "http", True)]


def test_a_strict_port_that_is_sniffed_tells_http_by_alpn() -> None:
    assert chains(SNIFFED, MtlsMode.STRICT) == [(TLS, MESH_HTTP, "http", True), (TLS, (), "bytes", True)]


@pytest.mark.parametrize("protocol", [TCP, PortProtocol.MONGO, PortProtocol.HTTPS, PortProtocol.TLS])
def test_a_strict_port_of_bytes_takes_only_tls_of_the_mesh(protocol: PortProtocol) -> None:
    assert chains(protocol, MtlsMode.STRICT) == [(TLS, (), "bytes", True)]


def test_a_permissive_http_port_takes_tls_of_the_mesh_and_plain_http() -> None:
    assert chains(HTTP, MtlsMode.PERMISSIVE) == [(TLS, MESH_ALL, "http", True), (RAW, (), "http", False)]


def test_a_permissive_port_that_is_sniffed_takes_everything() -> None:
    assert chains(SNIFFED, MtlsMode.PERMISSIVE) == [
        (TLS, MESH_HTTP, "http", True),
        (RAW, PLAIN_HTTP, "http", False),
        (TLS, MESH_TCP, "bytes", True),
        (RAW, (), "bytes", False),
        (TLS, (), "bytes", False),
    ]


def test_a_permissive_port_of_bytes_passes_other_tls_through() -> None:
    assert chains(TCP, MtlsMode.PERMISSIVE) == [
        (TLS, MESH_ALL, "bytes", True),
        (TLS, (), "bytes", False),
        (RAW, (), "bytes", False),
    ]


def test_without_mtls_everything_is_as_it_comes() -> None:
    assert chains(HTTP, MtlsMode.DISABLE) == [(RAW, (), "http", False)]
    assert chains(SNIFFED, MtlsMode.DISABLE) == [(RAW, PLAIN_HTTP, "http", False), (RAW, (), "bytes", False)]
    assert chains(TCP, MtlsMode.DISABLE) == [(RAW, (), "bytes", False)]


def test_a_port_that_terminates_tls_of_its_own_has_one_chain() -> None:
    assert chains(PortProtocol.HTTPS, MtlsMode.DISABLE, server_tls=SOCKET) == [(TLS, (), "http", True)]
    assert chains(PortProtocol.TLS, MtlsMode.DISABLE, server_tls=SOCKET) == [(TLS, (), "bytes", True)]


def test_chains_are_named_for_the_port_they_serve() -> None:
    def names(bind: str) -> list[str]:
        return [each.name for each in build_port_chains(port(SNIFFED, bind), MtlsMode.DISABLE, Owner(context()))]

    assert names("0.0.0.0") == ["0.0.0.0_8080", "0.0.0.0_8080"]
    assert names("") == ["virtualInbound-catchall-http", "virtualInbound"]


def test_bytes_are_counted_under_the_name_that_statistics_ask_for() -> None:
    named = InboundPort(8080, 80, TCP, "inbound|8080||", "db.statistics", "0.0.0.0")
    (chain,) = build_port_chains(named, MtlsMode.DISABLE, Owner(context()))

    assert PROXY in chain.filters
    assert b"db.statistics" in chain.filters


def test_what_comes_to_the_proxys_own_port_is_dropped_unlogged() -> None:
    chain = blackhole_chain(15006, context("accessLogFile: /dev/stdout"))

    assert chain.match.port == 15006
    assert b"BlackHoleCluster" in chain.filters
    assert b"/dev/stdout" not in chain.filters
