from pilot.generators.waypoint.parts import Layer, parts_of
from pilot.model.features import Features
from pilot.model.service import PortProtocol, Resolution, ServicePort
from tests.pilot.generators.samples import HTTP, SNIFFED, TCP, UDP, service

ALL = (HTTP, TCP, ServicePort("tls", 443, PortProtocol.TLS), SNIFFED, UDP)


def test_a_port_is_requests_or_bytes_or_both_where_only_traffic_can_tell() -> None:
    found = [(each.port.number, each.layer) for each in parts_of(service("a", *ALL), Features())]

    assert found == [
        (80, Layer.HTTP),
        (9000, Layer.TCP),
        (443, Layer.TCP),
        (6000, Layer.TCP),
        (6000, Layer.HTTP),
    ]


def test_names_are_those_of_clusters() -> None:
    web = service("a", ALL[0])
    (part,) = parts_of(web, Features())

    assert part.name == f"inbound-vip|80|http|{web.hostname}"
    assert part.cluster("v1") == f"inbound-vip|80|http/v1|{web.hostname}"


def test_names_are_found_at_run_time_in_requests_and_where_allowed_in_tls() -> None:
    wild = service("a", *ALL, resolution=Resolution.DYNAMIC_DNS)

    assert [each.port.number for each in parts_of(wild, Features())] == [80]
    assert [each.port.number for each in parts_of(wild, Features(wildcard_tls_entries=True))] == [80, 443]
