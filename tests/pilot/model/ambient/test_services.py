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


@pytest.mark.parametrize(
    ("spec", "families", "addresses"),
    [
        ("{clusterIP: 'fd00::1', ", Families.IPV6, ("fd00::1",)),
        ("{clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 'fd00::1'], ", Families.DUAL, ("10.0.0.1", "fd00::1")),
        ("{clusterIP: 'fd00::1', ipFamilies: [IPv6, IPv4], ", Families.DUAL, ("fd00::1",)),
        ("{clusterIP: None, ", Families.IPV4, ()),
        ("{type: ExternalName, externalName: a.example.com, ", Families.AUTOMATIC, ()),
    ],
)
def test_families_and_addresses(spec: str, families: Families, addresses: tuple[str, ...]) -> None:
    made = ambient(SHOP.replace("{clusterIP: 10.0.0.1, ", spec)).services["app/web.app.svc.cluster.local"]
    assert (made.families, made.addresses) == (families, addresses)


def test_endpoints_that_are_not_ready_count_where_they_are_published() -> None:
    made = ambient(SHOP.replace("spec: {clusterIP", "spec: {publishNotReadyAddresses: true, clusterIP", 1))
    found = made.services["app/web.app.svc.cluster.local"]
    assert (found.with_unhealthy, found.balancing) == (True, Balancing.ANY)


@pytest.mark.parametrize(
    ("labels", "hostname"),
    [
        ("istio.io/use-waypoint: wp", "wp.app.svc.cluster.local"),
        ("istio.io/use-waypoint: wp, istio.io/use-waypoint-namespace: other", None),
        ("istio.io/use-waypoint: none", None),
        ("istio.io/use-waypoint: gone", None),
    ],
)
def test_what_a_service_says_of_waypoints_counts_before_its_namespace(labels: str, hostname: str | None) -> None:
    labelled = SHOP.replace("metadata: {name: app}", "metadata: {name: app, labels: {istio.io/use-waypoint: wp}}")
    own = labelled.replace("{name: web, namespace: app}", f"{{name: web, namespace: app, labels: {{{labels}}}}}", 1)
    found = ambient(own, WAYPOINT).services["app/web.app.svc.cluster.local"].waypoint
    assert (found.hostname if found is not None else None) == hostname


def test_a_kubernetes_service_counts_before_entries_of_its_host() -> None:
    entry = ENTRY.replace("a.example.com", "web.app.svc.cluster.local")
    made = ambient(SHOP, entry.replace("name: e,", "name: e, creationTimestamp: '2001-01-01T00:00:00Z',"))
    assert made.services["app/web.app.svc.cluster.local"].origin.kind == "Service"
    elsewhere = ambient(SHOP, entry.replace("namespace: app", "namespace: other")).services
    assert not elsewhere["other/web.app.svc.cluster.local"].canonical


def test_an_entry_may_name_one_address_as_a_range() -> None:
    made = ambient(ENTRY.replace("resolution", "addresses: [10.5.0.9/32, 'fd00::9/128'], resolution"))
    assert made.services["app/a.example.com"].addresses == ("10.5.0.9", "fd00::9")
