from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.generators import endpoints
from pilot.generators.endpoints.priorities import group_by_locality
from pilot.generators.endpoints.split_horizon import is_gateway, route_by_network
from pilot.model.endpoint import Endpoint
from pilot.model.network_gateways import NetworkGateway, NetworkGateways
from tests.pilot.generators.samples import behind, client, endpoint, keyed, scope, service, traits, view

ONE = NetworkGateway("203.0.113.1", 15443, "far", "c1")
TWO = NetworkGateway("203.0.113.2", 16443, "far", "c1")
OTHER = NetworkGateway("203.0.113.9", 15443, "farther", "c2")
GATEWAYS = NetworkGateways(
    {"far": (ONE, TWO), "farther": (OTHER,)}, {("far", "c1"): (ONE, TWO), ("farther", "c2"): (OTHER,)}, scale=2
)
AT_HOME = client(network="home")


def routed(*found: Endpoint, to: Any = AT_HOME, encrypted: bool = True) -> list[tuple[str, int]]:
    groups = group_by_locality((each, each.weight or 1) for each in found)
    made = route_by_network(groups, to, GATEWAYS, lambda each: encrypted)
    return [(each.address, weight) for group in made for each, weight in group.endpoints]


def test_near_endpoints_are_dialled_and_their_weights_scaled() -> None:
    near = (endpoint("10.0.0.1", network="home"), endpoint("10.0.0.2", weight=3))

    assert routed(*near) == [("10.0.0.1", 2), ("10.0.0.2", 6)]


def test_far_endpoints_are_shared_by_the_gateways_of_their_network() -> None:
    far = (endpoint("10.0.0.1", network="far", weight=4), endpoint("10.0.0.2", network="far"))

    assert routed(*far) == [("203.0.113.1", 5), ("203.0.113.2", 5)]


def test_gateways_come_after_direct_endpoints_of_the_same_locality() -> None:
    made = routed(
        endpoint("10.0.0.1", network="farther", locality="r"),
        endpoint("10.0.0.2", network="home", locality="r"),
        endpoint("10.0.0.3", network="farther"),
    )

    assert made == [("203.0.113.9", 2), ("10.0.0.2", 2), ("203.0.113.9", 2)]


def test_a_client_of_no_network_dials_all_and_so_does_one_without_a_gateway_to_take() -> None:
    far = endpoint("10.0.0.1", network="far")

    assert routed(far, to=client()) == [("10.0.0.1", 2)]
    assert routed(replace(far, network="unknown")) == [("10.0.0.1", 2)]


def test_what_is_not_encrypted_cannot_pass_a_gateway_and_leaves_its_locality_empty() -> None:
    groups = group_by_locality([(endpoint(network="far", locality="r"), 1)])
    (made,) = route_by_network(groups, AT_HOME, GATEWAYS, lambda each: False)

    assert (made.locality, made.endpoints, made.weight) == ("r", (), 0)


def test_an_endpoint_without_address_is_reached_only_through_a_gateway() -> None:
    hidden = replace(endpoint(network="far"), addresses=())

    assert routed(hidden) == [("203.0.113.1", 1), ("203.0.113.2", 1)]
    assert routed(replace(hidden, network="home")) == []


@given(st.lists(st.tuples(st.sampled_from(["", "home", "far", "farther"]), st.integers(1, 2**32 - 1)), max_size=6))
def test_weights_are_positive_and_fit_their_field(declared: list[tuple[str, int]]) -> None:
    found = [endpoint(f"10.0.0.{i}", network=network, weight=weight) for i, (network, weight) in enumerate(declared)]

    assert all(0 < weight < 2**32 for _, weight in routed(*found))


@pytest.mark.parametrize(("network", "address"), [("home", "203.0.113.1"), ("far", "10.0.0.1")])
def test_a_gateway_stands_in_the_assignment_of_clients_elsewhere(network: str, address: str) -> None:
    of = service()
    found = keyed((of, behind(endpoint("10.0.0.1", network="far"))))
    single = NetworkGateways({"far": (ONE,)}, {("far", "c1"): (ONE,)}, scale=1)
    made = endpoints.build(
        view(scope(of), found, traits=traits(network=network), network_gateways=single),
        frozenset({f"outbound|80||{of.hostname}"}),
    )
    body = made[f"outbound|80||{of.hostname}"].body

    assert address.encode() in body
    assert b"tlsMode" in body
    assert (b";;;;c1" in body) is (network == "home")


def test_a_gateway_is_told_apart_from_workloads() -> None:
    groups = group_by_locality([(endpoint(network="farther"), 1)])
    (made,) = route_by_network(groups, AT_HOME, GATEWAYS, lambda each: True)

    assert is_gateway(made.endpoints[0][0])
    assert not is_gateway(endpoint())
    assert made.endpoints[0][0].port == 15443
