from typing import Any

from pilot.generators.listeners.wishes import Kind, Wish, service_wishes
from pilot.model.features import Features
from pilot.model.service import Resolution, Service
from pilot.model.sidecar import CaptureMode, SidecarEgressListener, SidecarPort
from pilot.view.proxy import Interception, IpMode
from tests.pilot.generators.samples import GRPC, HTTP, SNIFFED, TCP, UDP, entry, service
from tests.pilot.generators.worlds import mesh_config, traits

FEATURES, MESH = Features(), mesh_config()


def wishes(made: Service, declared: SidecarEgressListener | None = None, **more: Any) -> tuple[Wish, ...]:
    return service_wishes(made, declared, traits(**more), FEATURES, MESH)


def shape(made: Service, declared: SidecarEgressListener | None = None, **more: Any) -> list[tuple[Any, ...]]:
    return [
        (*each.binds, each.port.number, each.kind.value, each.route_name) for each in wishes(made, declared, **more)
    ]


def declared(number: int, protocol: str, **more: Any) -> SidecarEgressListener:
    return SidecarEgressListener(port=SidecarPort(number, protocol, "x"), **more)


def test_http_is_taken_for_every_address_and_bytes_for_the_services() -> None:
    assert shape(service("reviews", HTTP, GRPC, TCP, SNIFFED, UDP)) == [
        ("0.0.0.0", 80, "http", "80"),
        ("0.0.0.0", 7070, "http", "7070"),
        ("10.0.0.1", 9000, "tcp", "reviews.default.svc.cluster.local:9000"),
        ("10.0.0.1", 6000, "auto", "reviews.default.svc.cluster.local:6000"),
    ]


def test_an_alias_wants_nothing() -> None:
    assert wishes(service(resolution=Resolution.ALIAS)) == ()


def test_a_service_without_address_shares_its_port() -> None:
    (tcp,) = wishes(entry("a.com", TCP))

    assert (tcp.binds, tcp.needs_sni, tcp.fallback) == (("0.0.0.0",), True, False)
    assert shape(entry("a.com", SNIFFED)) == [("0.0.0.0", 6000, "auto", "6000")]


def test_a_range_is_a_condition_on_every_address() -> None:
    (made,) = wishes(entry("a.com", TCP, address="192.0.2.0/24"))

    assert (made.binds, made.cidr, made.needs_sni) == (("0.0.0.0",), "192.0.2.0/24", True)


def test_endpoints_of_a_headless_service_are_dialled_themselves() -> None:
    headless: dict[str, Any] = {"resolution": Resolution.PASSTHROUGH, "address": "0.0.0.0"}
    (kubernetes,) = wishes(service("db", TCP, **headless))
    each, fallback = wishes(entry("a.com", TCP, **headless))

    assert kubernetes.binds == each.binds == ()
    assert (fallback.binds, fallback.fallback) == (("0.0.0.0",), True)
    assert shape(service("web", HTTP, **headless)) == [("0.0.0.0", 80, "http", "80")]


def test_a_port_of_the_egress_listener_stands_for_those_of_the_service() -> None:
    assert shape(service("a", TCP, HTTP), declared(81, "HTTP")) == [("0.0.0.0", 81, "http", "81")]
    assert shape(service("a", TCP, HTTP), declared(82, "TCP"))[0][:3] == ("10.0.0.1", 82, "tcp")


def test_endpoints_are_not_dialled_one_by_one_where_the_egress_listener_has_a_port() -> None:
    headless = service("db", TCP, resolution=Resolution.PASSTHROUGH, address="0.0.0.0")

    assert shape(headless, declared(9000, "TCP"))[0][:3] == ("0.0.0.0", 9000, "tcp")


def test_an_address_of_the_egress_listener_is_taken() -> None:
    made = wishes(service(), declared(81, "TCP", bind="10.5.5.5"))

    assert [(each.binds, each.bound) for each in made] == [(("10.5.5.5",), False)]


def test_what_is_not_intercepted_listens_on_loopback() -> None:
    uncaptured = wishes(service(), declared(81, "HTTP", capture_mode=CaptureMode.NONE))
    never = wishes(service("a", TCP), interception=Interception.NONE)
    v6 = wishes(service("a", TCP), interception=Interception.NONE, ip_mode=IpMode.V6)

    assert [(each.binds, each.bound) for each in (*uncaptured, *never)] == [(("127.0.0.1",), True)] * 2
    assert v6[0].binds == ("::1",)


def test_a_socket_in_the_file_system_is_really_there() -> None:
    (made,) = wishes(service(), declared(0, "HTTP", bind="unix:///a"))

    assert (made.binds, made.bound, made.route_name) == (("unix:///a",), True, "unix:///a")


def test_ports_of_the_proxy_are_not_taken_away() -> None:
    def taken(number: int, protocol: str = "HTTP", **more: Any) -> bool:
        return not wishes(service(), declared(number, protocol, **more))

    assert [number for number in (80, 15001, 15006, 15021, 15090) if taken(number)] == [15001, 15006, 15021, 15090]
    assert not taken(15090, "TCP")
    assert taken(15090, "TCP", bind="0.0.0.0")
    assert not taken(15090, bind="127.0.0.1")


def test_a_proxy_without_privileges_opens_no_low_ports() -> None:
    bound: dict[str, Any] = {"interception": Interception.NONE, "unprivileged": True}

    assert wishes(service("a", HTTP), **bound) == ()
    assert len(wishes(service("a", GRPC), **bound)) == 1
    assert len(wishes(service("a", HTTP), unprivileged=True)) == 1


def test_wishes_are_made_once() -> None:
    made, here = service(), traits()

    assert service_wishes(made, None, here, FEATURES, MESH) is service_wishes(made, None, here, FEATURES, MESH)
    assert wishes(made)[0].kind is Kind.HTTP
