from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pilot.generators.endpoints.selection import is_draining, select_endpoints
from pilot.model.endpoint import Endpoint, Health
from pilot.model.features import Features
from pilot.model.service import Service, TrafficDistribution
from tests.pilot.generators.samples import HTTP, client, endpoint, service

FEATURES = Features()


def selected(
    endpoints: Sequence[Endpoint],
    of: Service | None = None,
    labels: dict[str, str] | None = None,
    features: Features = FEATURES,
    **more: Any,
) -> list[str]:
    switches = {key: more.pop(key) for key in ("own_cluster_only", "names", "has_ways") if key in more}
    found = select_endpoints(endpoints, of or service(), HTTP, labels or {}, client(**more), features, **switches)
    return [each.address for each in found]


def test_only_endpoints_of_the_port_count() -> None:
    assert selected([endpoint("10.0.0.1"), endpoint("10.0.0.2", port_name="other")]) == ["10.0.0.1"]


def test_a_subset_keeps_endpoints_with_all_its_labels() -> None:
    old, new = endpoint("10.0.0.1"), endpoint("10.0.0.2", labels={"version": "v2"})

    assert selected([old, new], labels={"version": "v2"}) == ["10.0.0.2"]
    assert selected([old, new], labels={"version": "v2", "x": "y"}) == []


def test_names_are_for_clusters_that_resolve_them() -> None:
    named = [endpoint("api.example.com"), endpoint("unix:///run/a.sock"), endpoint("fd00::1")]

    assert selected(named) == ["unix:///run/a.sock", "fd00::1"]
    assert selected(named, names=True)[0] == "api.example.com"


@pytest.mark.parametrize("health", [Health.UNHEALTHY, Health.TERMINATING, Health.DRAINING])
def test_endpoints_that_are_not_ready_are_left_out(health: Health) -> None:
    assert selected([endpoint(health=health)]) == []


def test_endpoints_of_unknown_health_stay() -> None:
    assert selected([endpoint(health=Health.UNKNOWN)]) == ["10.1.0.1"]


def test_unhealthy_endpoints_are_sent_where_asked_for() -> None:
    unhealthy = [endpoint(health=Health.UNHEALTHY), endpoint(health=Health.TERMINATING)]
    near = service(traffic_distribution=TrafficDistribution.SAME_ZONE)

    assert len(selected(unhealthy, near)) == 1
    assert len(selected(unhealthy, features=replace(FEATURES, send_unhealthy_endpoints=True))) == 1


def test_draining_endpoints_stay_where_sessions_stick() -> None:
    sticky = service(labels={"istio.io/persistent-session": "cookie"})
    draining = [endpoint(health=Health.DRAINING), endpoint("10.0.0.2", labels={"istio.io/draining": "true"})]

    assert selected(draining) == []
    assert selected(draining, sticky) == ["10.1.0.1", "10.0.0.2"]
    assert all(is_draining(each, FEATURES) for each in draining)
    assert not is_draining(draining[1], replace(FEATURES, draining_label=""))


def test_a_node_local_service_has_endpoints_of_the_clients_node_only() -> None:
    both = [endpoint("10.0.0.1", node="a"), endpoint("10.0.0.2", node="b")]

    assert selected(both, service(node_local=True), node="b") == ["10.0.0.2"]


def test_a_cluster_local_service_has_endpoints_of_the_clients_cluster_only() -> None:
    both = [endpoint("10.0.0.1"), endpoint("10.0.0.2", cluster_id="other")]

    assert selected(both) == ["10.0.0.1", "10.0.0.2"]
    assert selected(both, own_cluster_only=True) == ["10.0.0.1"]


def test_a_client_sees_the_networks_that_it_asks_for() -> None:
    both = [endpoint("10.0.0.1", network="a"), endpoint("10.0.0.2", network="b"), endpoint("10.0.0.3")]

    assert selected(both, requested_networks=frozenset({"b"})) == ["10.0.0.2", "10.0.0.3"]


def test_an_endpoint_without_address_is_for_clients_of_other_networks() -> None:
    hidden = [replace(endpoint(network="a"), addresses=())]

    assert selected(hidden, network="a") == []
    assert selected(hidden, network="b") == [""]
    assert selected(hidden, network="b", has_ways=False) == [], "nobody can dial it"
    assert selected([replace(hidden[0], network="")], network="b") == []
