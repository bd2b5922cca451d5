from pilot.generators.routes.importing import (
    ALL_PORTS,
    Imported,
    attach,
    imported_services,
    routed_hosts,
    select_virtual_services,
)
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Resolution, Service
from pilot.model.virtual_service import HTTPRoute
from pilot.resources import Origin
from pilot.view.scope import EgressListener
from tests.pilot.generators.samples import GRPC, HTTP, TCP, UDP, entry, service

REVIEWS = "reviews.default.svc.cluster.local"


def routes(name: str, *hosts: str, namespace: str = "default", gateway: bool = False) -> ResolvedVirtualService:
    origin = Origin("VirtualService", namespace, name)
    return ResolvedVirtualService(origin, namespace, name, hosts, ("mesh",), (HTTPRoute(),), gateway_semantics=gateway)


def listener(*services: Service, routing: tuple[ResolvedVirtualService, ...] = ()) -> EgressListener:
    return EgressListener(None, services, routing)


def registry(*services: Service) -> dict[str, Imported]:
    return dict(imported_services(listener(*services)).by_port[ALL_PORTS])


def test_services_are_found_by_port_and_udp_is_none() -> None:
    by_port = imported_services(listener(service("reviews", HTTP, GRPC, UDP), service("other", GRPC))).by_port

    assert sorted(by_port) == [ALL_PORTS, 80, 7070]
    assert list(by_port[80]) == [REVIEWS]
    assert by_port[80][REVIEWS].ports == (HTTP,)
    assert len(by_port[7070]) == 2
    assert by_port[ALL_PORTS][REVIEWS].ports == (HTTP, GRPC)


def test_a_later_service_of_the_same_name_counts() -> None:
    first, second = entry("API.example.com", address="1.1.1.1"), entry("api.example.com", address="2.2.2.2")

    assert registry(first, second)["api.example.com"].service is second


def test_aliases_have_no_place_of_their_own() -> None:
    assert registry(service(resolution=Resolution.ALIAS)) == {}


def test_a_port_whose_services_stay_keeps_its_registry() -> None:
    kept = service("kept", GRPC)
    before = imported_services(listener(kept, service("a"))).by_port
    after = imported_services(listener(kept, service("a"), service("b"))).by_port

    assert after[7070] is before[7070]
    assert after[80] is not before[80]


def test_only_ports_that_may_speak_http_have_routes() -> None:
    assert [port.number for port in Imported(service(), (HTTP, TCP)).http_ports] == [80]


def test_virtual_services_are_chosen_by_host_in_order() -> None:
    one, two, three = routes("one", REVIEWS), routes("two", "*.cluster.local"), routes("three", "else.com")
    routed = routed_hosts(listener(routing=(one, two, three)))
    known = registry(service())

    assert list(select_virtual_services(routed, known, every=False)) == [one, two]
    assert list(select_virtual_services(routed, known, every=True)) == [one, two, three]
    assert list(select_virtual_services(routed, registry(entry("*.com")), every=False)) == [three]


def test_hosts_are_services_or_stand_alone() -> None:
    made = routes("a", REVIEWS, "else.com", "*.nowhere.com")
    routed, known = routed_hosts(listener(routing=(made,))), registry(service())
    alone, found = attach(made, routed, known, "default")

    assert alone == ("else.com", "*.nowhere.com")
    assert [each.service.hostname for each in found] == [REVIEWS]


def test_a_wildcard_speaks_for_services_that_nobody_names_more_closely() -> None:
    wide, close = routes("wide", "*.cluster.local"), routes("close", REVIEWS)
    routed, known = routed_hosts(listener(routing=(wide, close))), registry(service(), service("other"))

    assert [each.service.name for each in attach(wide, routed, known, "default")[1]] == ["other"]
    assert attach(wide, routed, known, "default")[0] == ()


def test_a_consumers_route_is_for_its_own_namespace_and_a_producers_for_all() -> None:
    consumer = routes("c", REVIEWS, namespace="client", gateway=True)
    producer = routes("p", REVIEWS, gateway=True)
    known = registry(service())

    for made, namespace, reached in ((consumer, "client", 1), (consumer, "other", 0), (producer, "other", 1)):
        routed = routed_hosts(listener(routing=(made,)))
        assert len(attach(made, routed, known, namespace)[1]) == reached
