from pilot.generators.endpoints.client import Place, client_of, place_of, placed
from pilot.generators.endpoints.preference import Preference
from pilot.model.traffic_policy import (
    LoadBalancerSettings,
    LocalityLoadBalancerSetting,
    OutlierDetection,
    TrafficPolicy,
)
from tests.pilot.generators.samples import rule, scope, service, traits, view, workload

SETTING = LocalityLoadBalancerSetting(failover_priority=("zone", "rack"))
NEAR = Preference(SETTING, failover=True)
AT = Place("n", "r/z", (("rack", ""), ("zone", "z")))


def test_proxies_of_other_namespaces_are_the_same_client() -> None:
    one = client_of(view(scope(), traits=traits(namespace="a", domain="a.svc.cluster.local")))
    two = client_of(view(scope(), traits=traits(namespace="b", domain="b.svc.cluster.local")))

    assert one is two


def test_a_proxyless_client_opens_no_tunnels() -> None:
    assert client_of(view(scope(), traits=traits(sends_hbone=True))).tunnels
    assert not client_of(view(scope(), traits=traits(sends_hbone=True, is_grpc=True))).tunnels


def test_where_a_client_is_counts_only_where_a_service_asks_for_it() -> None:
    base = client_of(view(scope()))

    assert placed(base, AT, None, False) is base
    assert placed(base, AT, Preference(SETTING, failover=False), False) is base
    assert placed(base, AT, None, True).node == "n"
    near = placed(base, AT, NEAR, False)
    assert (near.locality, near.labels, near.node) == ("r/z", (("zone", "z"), ("rack", "")), "")


def test_a_place_is_told_only_as_far_as_some_service_asks() -> None:
    at = workload(locality="r/z", labels={"zone": "z", "app": "a"}, node="n")
    near = TrafficPolicy(
        load_balancer=LoadBalancerSettings(locality_lb_setting=SETTING), outlier_detection=OutlierDetection()
    )
    ruled = scope(service(), rules=[(service(), rule(near))])

    assert place_of(view(scope(service()), workload=at)) == Place()
    assert place_of(view(scope(service(node_local=True)), workload=at)) == Place(node="n")
    assert place_of(view(ruled, workload=at)) == Place("", "r/z", (("rack", ""), ("zone", "z")))


def test_workloads_that_differ_in_what_nobody_asks_for_are_at_the_same_place() -> None:
    one = workload(locality="r/z", labels={"app": "a"}, node="n")
    other = workload(locality="r/y", labels={"app": "b"}, node="m")

    assert place_of(view(scope(service()), workload=one)) is place_of(view(scope(service()), workload=other))
