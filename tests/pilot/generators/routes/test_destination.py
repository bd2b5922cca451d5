from pilot.generators.routes.destination import UNKNOWN_CLUSTER, cluster_of
from pilot.model.service import Resolution
from pilot.model.virtual_service import Destination, PortSelector
from tests.pilot.generators.samples import GRPC, HTTP, service

HOST = "reviews.default.svc.cluster.local"


def test_a_port_of_the_destination_is_taken() -> None:
    assert cluster_of(Destination(HOST, "v1", PortSelector(7)), service(), 80, keep_listener_port=False) == (
        f"outbound|7|v1|{HOST}"
    )


def test_without_a_port_the_only_one_of_the_service_is_meant() -> None:
    assert cluster_of(Destination(HOST), service("reviews", GRPC), 80, keep_listener_port=False).startswith(
        "outbound|7070|"
    )
    assert cluster_of(Destination(HOST), service("reviews", GRPC), 80, keep_listener_port=True).startswith(
        "outbound|80|"
    )
    several = service("reviews", GRPC, HTTP)
    assert cluster_of(Destination(HOST), several, 81, keep_listener_port=False).startswith("outbound|81|")


def test_an_unknown_host_still_has_a_name() -> None:
    assert cluster_of(Destination("nowhere"), None, 80, keep_listener_port=False) == "outbound|80||nowhere"
    assert cluster_of(Destination(""), None, 80, keep_listener_port=False) == UNKNOWN_CLUSTER


def test_an_alias_stands_for_its_external_name() -> None:
    alias = service("alias", resolution=Resolution.ALIAS, external_name="ext.example.com")

    assert cluster_of(Destination("alias"), alias, 80, keep_listener_port=False) == "outbound|80||ext.example.com"
