"""Which waypoint an object's traffic goes through."""

from dataclasses import replace

from pilot.model.waypoint import MANAGED, HboneGateway, Refusal, Traffic, TunnelAddress, Waypoint, Waypoints

PLACE = TunnelAddress("wp.app.svc.cluster.local", "app")
USES = {"istio.io/use-waypoint": "wp"}


def _waypoints(**kwargs: object) -> Waypoints:
    made = Waypoint("app", "wp", **{"address": PLACE, **kwargs})  # type: ignore[arg-type]
    return Waypoints({("app", "wp"): made}, namespaces={"app": {}})


def test_label_of_the_object_names_the_waypoint() -> None:
    found = _waypoints().bound("app", USES, Traffic.SERVICE)
    assert isinstance(found, Waypoint)
    assert found.address == PLACE


def test_namespace_counts_where_the_object_says_nothing() -> None:
    known = replace(_waypoints(), namespaces={"app": USES})
    assert isinstance(known.bound("app", {}, Traffic.SERVICE), Waypoint)
    assert known.bound("app", {"istio.io/use-waypoint": "none"}, Traffic.SERVICE) is None
    assert _waypoints().bound("app", {}, Traffic.SERVICE) is None


def test_waypoint_serves_what_it_is_for() -> None:
    assert _waypoints().bound("app", USES, Traffic.WORKLOAD) is Refusal.UNSUPPORTED
    assert isinstance(_waypoints(traffic=Traffic.ALL).bound("app", USES, Traffic.WORKLOAD), Waypoint)
    assert _waypoints(traffic=Traffic.NONE).bound("app", USES, Traffic.SERVICE) is Refusal.UNSUPPORTED


def test_waypoint_without_address_is_not_ready_and_an_unknown_one_neither() -> None:
    assert _waypoints(address=None).bound("app", USES, Traffic.SERVICE) is Refusal.NOT_READY
    assert Waypoints().bound("app", USES, Traffic.SERVICE) is Refusal.NOT_READY


def test_other_namespaces_need_to_be_allowed() -> None:
    elsewhere = {**USES, "istio.io/use-waypoint-namespace": "app"}
    assert _waypoints().bound("other", elsewhere, Traffic.SERVICE) is Refusal.DENIED
    assert isinstance(_waypoints(allowed="All").bound("other", elsewhere, Traffic.SERVICE), Waypoint)
    assert _waypoints(allowed="None").bound("app", USES, Traffic.SERVICE) is Refusal.DENIED


def test_pods_of_a_waypoint_have_none() -> None:
    own = {**USES, MANAGED: "istio.io-mesh-controller"}
    assert _waypoints(traffic=Traffic.ALL).bound("app", own, Traffic.WORKLOAD) is None


def test_first_gateway_into_a_network_is_used() -> None:
    way = HboneGateway("istio-system", "net-b", TunnelAddress(ip="1.2.3.4", network="net-b"), "gw")
    known = Waypoints(gateways=(way,))
    assert known.into("net-b") is way
    assert known.into("net-c") is None
    assert way.uid == "NetworkGateway/net-b/1.2.3.4/15008"


def test_gateways_reach_a_service_as_it_says_else_as_its_namespace_does() -> None:
    through = "istio.io/ingress-use-waypoint"
    known = Waypoints(namespaces={"app": {through: "true"}, "other": {}})
    assert known.takes_ingress("app", {})
    assert not known.takes_ingress("app", {through: "false"})
    assert known.takes_ingress("other", {through: "true"})
    assert not known.takes_ingress("other", {})
