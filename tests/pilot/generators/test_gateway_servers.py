import pytest

from pilot.generators.gateway_servers import MergedGateways, ServerKind, merge_servers, resolve_ports, server_kind
from pilot.model.gateway import GatewayServer, Port, Server, ServerTLSMode, ServerTLSSettings
from pilot.model.service import PortProtocol, ServicePort
from pilot.resources import Origin
from pilot.view.workload import ServiceTarget
from tests.pilot.generators.samples import service

SIMPLE = ServerTLSSettings(mode=ServerTLSMode.SIMPLE, credential_name="a")


def server(
    number: int = 80,
    protocol: str = "HTTP",
    *hosts: str,
    tls: ServerTLSSettings | None = None,
    bind: str = "",
    name: str = "gw",
    port: str = "p",
) -> GatewayServer:
    declared = Server(Port(number, protocol, port), bind, hosts or ("*",), tls)
    return GatewayServer(Origin("Gateway", "ns", name), "ns", name, declared, declared.hosts)


def merge(*servers: GatewayServer) -> MergedGateways:
    return merge_servers(servers, ())


def shape(made: MergedGateways) -> list[tuple[int, str, list[str]]]:
    return [(port.number, port.bind, [each.route_name for each in port.servers]) for port in made.ports]


@pytest.mark.parametrize(
    ("protocol", "tls", "kind"),
    [
        ("HTTP", None, ServerKind.HTTP),
        ("GRPC", None, ServerKind.HTTP),
        ("HTTP", ServerTLSSettings(https_redirect=True), ServerKind.HTTP),
        ("TCP", None, ServerKind.TCP),
        ("HTTPS", SIMPLE, ServerKind.HTTPS),
        ("TLS", SIMPLE, ServerKind.TLS),
        ("TLS", ServerTLSSettings(mode=ServerTLSMode.PASSTHROUGH), ServerKind.PASSTHROUGH),
        ("HTTPS", ServerTLSSettings(mode=ServerTLSMode.AUTO_PASSTHROUGH), ServerKind.AUTO_PASSTHROUGH),
    ],
)
def test_what_a_server_does_follows_from_protocol_and_tls(
    protocol: str, tls: ServerTLSSettings | None, kind: ServerKind
) -> None:
    assert server_kind(server(80, protocol, tls=tls))[0] is kind


def test_plain_http_servers_of_a_port_share_their_routes() -> None:
    made = merge(server(80, "HTTP", "a"), server(80, "HTTP2", "b", name="other"))

    assert shape(made) == [(80, "", ["http.80"])]
    assert [each.gateway.name for each in made.routes["http.80"]] == ["gw", "other"]


def test_the_first_plain_protocol_of_a_port_wins() -> None:
    assert shape(merge(server(80, "HTTP"), server(80, "TCP"))) == [(80, "", ["http.80"])]
    assert shape(merge(server(80, "TCP"), server(80, "HTTP"), server(80, "TCP"))) == [(80, "", [""])]


def test_another_address_is_another_listener() -> None:
    made = merge(server(80, "HTTP"), server(80, "HTTP", bind="127.0.0.2"))

    assert shape(made) == [(80, "", ["http.80"]), (80, "127.0.0.2", ["http.80.127.0.0.2"])]


def test_servers_that_terminate_tls_have_their_own_routes() -> None:
    made = merge(server(443, "HTTPS", "a", tls=SIMPLE, port="x"), server(443, "HTTPS", "b", tls=SIMPLE, port="y"))

    assert shape(made) == [(443, "", ["https.443.x.gw.ns", "https.443.y.gw.ns"])]


def test_a_host_has_one_certificate_on_a_port() -> None:
    first, second = server(443, "HTTPS", "a", tls=SIMPLE, port="x"), server(443, "TLS", "b", "a", tls=SIMPLE)

    assert [len(port.servers) for port in merge(first, second).ports] == [1]
    assert [len(port.servers) for port in merge(first, server(444, "TLS", "a", tls=SIMPLE)).ports] == [1, 1]


def test_two_servers_of_one_name_are_not_told_apart() -> None:
    made = merge(server(443, "HTTPS", "a", tls=SIMPLE), server(443, "HTTPS", "b", tls=SIMPLE))

    assert shape(made) == [(443, "", ["https.443.p.gw.ns"])]


def target(number: int, target_port: int, **labels: str) -> ServiceTarget:
    port = ServicePort("p", number, PortProtocol.HTTP)
    return ServiceTarget(service("gw", port, labels=labels), port, target_port)


def test_a_server_listens_behind_the_port_of_the_proxys_own_service() -> None:
    fixed = {"experimental.istio.io/disable-gateway-port-translation": "true"}

    assert resolve_ports(server(80), (target(443, 8443), target(80, 8080))) == (8080,)
    assert resolve_ports(server(80), (target(443, 8443),)) == (80,)
    assert resolve_ports(server(80), (target(80, 8080, **fixed),)) == (80,)


def test_names_for_sni_have_no_namespace() -> None:
    (port,) = merge(server(443, "TLS", "ns/b", "a", "other/b", tls=SIMPLE)).ports

    assert port.servers[0].sni_hosts == ("a", "b")
    assert port.servers[0].protocol is PortProtocol.TLS
