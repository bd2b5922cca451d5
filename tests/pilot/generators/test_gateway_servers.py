from dataclasses import replace

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


def test_servers_that_redirect_to_tls_have_a_host_once_too() -> None:
    to_tls = ServerTLSSettings(https_redirect=True)
    made = merge(server(80, "HTTP", "a", tls=to_tls), server(80, "HTTP", "a", tls=to_tls, name="other"))

    assert [each.gateway.name for each in made.routes["http.80"]] == ["gw"]
    both = merge(server(80, "HTTP", "a", tls=to_tls), server(80, "HTTP", "a", name="other"))
    assert [each.gateway.name for each in both.routes["http.80"]] == ["gw", "other"]


def test_tls_does_not_follow_plain_http_and_goes_before_it_once() -> None:
    plain, secure = server(443, "HTTP"), server(443, "HTTPS", "a", tls=SIMPLE)
    more = server(443, "TLS", "b", tls=SIMPLE)

    assert shape(merge(plain, secure)) == [(443, "", ["http.443"])]
    assert shape(merge(secure, plain, plain)) == [(443, "", ["https.443.p.gw.ns", "http.443"])]
    assert shape(merge(secure, more, plain)) == [(443, "", ["https.443.p.gw.ns", ""])]
    assert shape(merge(plain, server(443, "HTTPS", "a", tls=SIMPLE, bind="127.0.0.2"))) == [
        (443, "", ["http.443"]),
        (443, "127.0.0.2", ["https.443.p.gw.ns.127.0.0.2"]),
    ]


def test_plain_and_secure_listeners_of_the_gateway_api_do_not_contradict_each_other() -> None:
    plain = replace(server(443, "HTTP"), is_converted=True)
    secure = replace(server(443, "HTTPS", "a", tls=SIMPLE), is_converted=True)

    assert shape(merge(plain, secure)) == [(443, "", ["http.443", "https.443.p.gw.ns"])]
    assert [len(each) for each in merge(secure, plain, plain).routes.values()] == [1, 2]


def test_servers_of_a_port_stand_by_protocol() -> None:
    made = merge(
        server(443, "HTTPS", "a", tls=SIMPLE, port="x"),
        server(443, "TLS", "b", tls=SIMPLE),
        server(443, "HTTPS", "c", tls=SIMPLE, port="y"),
    )

    assert [each.sni_hosts for each in made.ports[0].servers] == [("a",), ("c",), ("b",)]


def test_a_server_on_several_ports_has_its_routes_once() -> None:
    both = replace(server(443, "HTTPS", "a", tls=SIMPLE), resolved_ports=(8443, 9443))

    assert [len(each) for each in merge(both).routes.values()] == [1]


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
