"""Services as workload discovery tells them."""

import pytest

from pilot.model.ambient.address import Balancing, Families
from tests.ambient_mesh import SHOP, WAYPOINT, ambient

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: app}
spec: {hosts: [a.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}]}
"""


def test_service_has_its_addresses_and_ports() -> None:
    made = ambient(SHOP).services["app/web.app.svc.cluster.local"]
    assert made.addresses == ("10.0.0.1",)
    assert [each[:2] for each in made.ports] == [(80, 8080)]
    assert made.families is Families.IPV4
    assert made.canonical
    assert made.waypoint is None


def test_named_target_port_is_zero() -> None:
    made = ambient(SHOP.replace("targetPort: 8080", "targetPort: web")).services["app/web.app.svc.cluster.local"]
    assert [each[:2] for each in made.ports] == [(80, 0)]


def test_namespace_label_sends_services_through_the_waypoint() -> None:
    labelled = SHOP.replace("metadata: {name: app}", "metadata: {name: app, labels: {istio.io/use-waypoint: wp}}")
    made = ambient(labelled, WAYPOINT).services["app/web.app.svc.cluster.local"]
    assert made.waypoint is not None
    assert made.waypoint.hostname == "wp.app.svc.cluster.local"


@pytest.mark.parametrize(
    ("field", "balancing"),
    [
        ("internalTrafficPolicy: Local", Balancing.SAME_NODE_ONLY),
        ("trafficDistribution: PreferClose", Balancing.NEAR_ZONE),
        ("trafficDistribution: PreferSameNode", Balancing.NEAR_NODE),
    ],
)
def test_preference_for_near_endpoints(field: str, balancing: Balancing) -> None:
    made = ambient(SHOP.replace("spec: {clusterIP", f"spec: {{{field}, clusterIP", 1))
    assert made.services["app/web.app.svc.cluster.local"].balancing is balancing


def test_entry_without_addresses_has_allocated_ones() -> None:
    assert ambient(ENTRY).services["app/a.example.com"].addresses[0].startswith("240.240.")


def test_entry_with_a_range_cannot_be_looked_up() -> None:
    assert not ambient(ENTRY.replace("resolution", "addresses: [10.5.0.0/24], resolution")).services


def test_entry_that_resolves_nothing_is_passed_through() -> None:
    made = ambient(ENTRY.replace("STATIC", "NONE")).services["app/a.example.com"]
    assert made.balancing is Balancing.PASSTHROUGH
    assert made.with_unhealthy


def test_oldest_entry_of_a_host_counts() -> None:
    first = ENTRY.replace("name: e,", "name: first, creationTimestamp: '2020-01-01T00:00:00Z',")
    later = ENTRY.replace("namespace: app", "namespace: other, creationTimestamp: '2021-01-01T00:00:00Z'")
    made = ambient(first, ENTRY.replace("name: e,", "name: e, creationTimestamp: '2022-01-01T00:00:00Z',"), later)
    assert made.services["app/a.example.com"].name == "first"
    assert made.services["app/a.example.com"].canonical
    assert not made.services["other/a.example.com"].canonical
