import pytest

from pilot.model.protocol import parse_protocol, select_protocol
from pilot.model.service import PortProtocol


@pytest.mark.parametrize(
    ("number", "transport", "app_protocol", "name", "expected"),
    [
        (80, "TCP", "", "http", PortProtocol.HTTP),
        (80, "TCP", "", "http-web", PortProtocol.HTTP),
        (80, "TCP", "", "HTTP2-x", PortProtocol.HTTP2),
        (80, "TCP", "", "grpc-web-x", PortProtocol.GRPC_WEB),
        (80, "TCP", "", "grpc-x", PortProtocol.GRPC),
        (80, "TCP", "", "httpx", PortProtocol.UNKNOWN),
        (80, "TCP", "", "", PortProtocol.UNKNOWN),
        (3306, "TCP", "", "", PortProtocol.TCP),
        (3306, "TCP", "", "mysql", PortProtocol.MYSQL),
        (53, "UDP", "http", "http", PortProtocol.UDP),
        (80, "TCP", "kubernetes.io/h2c", "tcp", PortProtocol.HTTP2),
        (80, "TCP", "kubernetes.io/ws", "", PortProtocol.HTTP),
        (80, "TCP", "kubernetes.io/wss", "", PortProtocol.HTTPS),
        (80, "TCP", "tls", "http", PortProtocol.TLS),
        (80, "TCP", "example.com/own", "http", PortProtocol.UNKNOWN),
    ],
)
def test_kubernetes_port_protocol(
    number: int, transport: str, app_protocol: str, name: str, expected: PortProtocol
) -> None:
    assert select_protocol(number, transport, app_protocol, name) is expected


def test_declared_protocol_is_read_in_any_case() -> None:
    assert parse_protocol("Http_Proxy") is PortProtocol.HTTP_PROXY
    assert parse_protocol("GRPC-WEB") is PortProtocol.GRPC_WEB
    assert parse_protocol("MONGO") is PortProtocol.MONGO


def test_unknown_declared_protocol_is_sniffed_even_on_a_well_known_port() -> None:
    assert parse_protocol("gopher") is PortProtocol.UNKNOWN
    assert parse_protocol("http-web") is PortProtocol.UNKNOWN
