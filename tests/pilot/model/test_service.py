import pytest

from pilot.model.service import Hostname, Namespace, PortProtocol, Registry, Resolution, Service, ServicePort
from pilot.resources import Origin

DNS = ServicePort("dns", 53, PortProtocol.UDP)
DNS_TCP = ServicePort("dns-tcp", 53, PortProtocol.TCP)


def service(resolution: Resolution = Resolution.CLIENT_SIDE, registry: Registry = Registry.KUBERNETES) -> Service:
    return Service(
        Hostname("dns.a"), Namespace("a"), "dns", (DNS, DNS_TCP), resolution, registry, Origin("Service", "a", "dns")
    )


@pytest.mark.parametrize(
    ("protocol", "traits"),
    [
        (PortProtocol.HTTP, {"is_http"}),
        (PortProtocol.GRPC, {"is_http", "is_http2"}),
        (PortProtocol.HTTPS, {"is_tls", "is_tcp"}),
        (PortProtocol.MONGO, {"is_tcp"}),
        (PortProtocol.UDP, set()),
        (PortProtocol.UNKNOWN, {"is_sniffed"}),
    ],
)
def test_what_a_protocol_is(protocol: PortProtocol, traits: set[str]) -> None:
    names = {"is_http", "is_http2", "is_tls", "is_tcp", "is_sniffed"}
    assert {name for name in names if getattr(protocol, name)} == traits


def test_ports_are_found_by_number_but_not_those_of_udp() -> None:
    assert service().port(53) is DNS_TCP
    assert service().port(54) is None


def test_what_a_service_is() -> None:
    assert service().is_kubernetes
    assert not service(registry=Registry.EXTERNAL).is_kubernetes
    assert service(Resolution.PASSTHROUGH).is_headless
    assert not service().is_headless
