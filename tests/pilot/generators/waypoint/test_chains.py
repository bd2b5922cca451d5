from typing import Any

from envoy.config.listener.v3.listener_components_pb2 import FilterChain

from pilot.generators.listeners import context_of
from pilot.generators.waypoint import chains
from tests.pilot.generators.samples import as_json
from tests.pilot.generators.worlds import TCP_PROXY, config_of, filters_of
from tests.waypoint_mesh import waypoint

MANAGER = "envoy.filters.network.http_connection_manager"


def direct() -> list[Any]:
    view = waypoint()
    return [as_json(FilterChain.FromString(each)) for each in chains.direct_chains(view.security, context_of(view))]


def test_traffic_to_a_workload_keeps_the_address_it_was_for() -> None:
    tcp, http = direct()

    assert (tcp["name"], http["name"]) == ("direct-tcp", "direct-http")
    assert filters_of(tcp)[0] == filters_of(http)[0] == "connect_authority"
    assert config_of(tcp, TCP_PROXY)["cluster"] == "encap"


def test_a_waypoint_tells_no_certificate_of_its_clients_on() -> None:
    manager = config_of(direct()[1], MANAGER)

    assert "forwardClientCertDetails" not in manager
    assert (manager["serverName"], manager["statPrefix"]) == ("istio-envoy", "inbound_0.0.0.0_0;")


def test_filters_have_a_waypoints_order() -> None:
    names = [each["name"] for each in config_of(direct()[1], MANAGER)["httpFilters"]]

    assert names == [
        "envoy.filters.http.grpc_stats",
        "envoy.filters.http.fault",
        "envoy.filters.http.cors",
        "waypoint_upstream_peer_metadata",
        "envoy.filters.http.router",
    ]


def test_what_is_observed_and_loaded_for_a_service_is_in_its_context() -> None:
    view = waypoint()
    (attached,) = view.attachments.services
    own = chains.context_for(attached, context_of(view))

    assert (own.observed, own.plugins) == (attached.observed, attached.plugins)
