import msgspec

from pilot.generators.endpoints.preference import preference
from pilot.model.mesh import MeshConfig
from pilot.model.service import TrafficDistribution
from pilot.model.traffic_policy import (
    LoadBalancerSettings,
    LocalityDistribute,
    LocalityFailover,
    LocalityLoadBalancerSetting,
    OutlierDetection,
)

ANY = TrafficDistribution.ANY
MESH = MeshConfig()
OUTLIERS = OutlierDetection()


def balancer(**setting: object) -> LoadBalancerSettings:
    made = LocalityLoadBalancerSetting(**setting)  # type: ignore[arg-type]  # fields of any type
    return LoadBalancerSettings(locality_lb_setting=made)


def test_the_mesh_prefers_near_endpoints_as_soon_as_failures_are_found_out() -> None:
    without = preference(None, None, ANY, MESH)
    found_out = preference(None, OUTLIERS, ANY, MESH)

    assert without is not None
    assert not without.is_effective
    assert found_out is not None
    assert found_out.is_effective
    assert not found_out.weighs_localities


def test_a_rule_comes_before_the_service_and_that_before_the_mesh() -> None:
    mine = balancer(failover=(LocalityFailover(from_="a", to="b"),))
    by_rule = preference(mine, None, TrafficDistribution.SAME_ZONE, MESH)
    by_service = preference(None, None, TrafficDistribution.SAME_ZONE, MESH)

    assert by_rule is not None
    assert by_rule.setting is mine.locality_lb_setting
    assert not by_rule.failover
    assert by_service is not None
    assert by_service.failover
    assert by_service.labels == (
        "topology.istio.io/network",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    )


def test_same_node_also_looks_at_subzone_and_node() -> None:
    made = preference(None, None, TrafficDistribution.SAME_NODE, MESH)

    assert made is not None
    assert made.labels[3:] == ("topology.istio.io/subzone", "kubernetes.io/hostname")


def test_it_can_be_switched_off() -> None:
    off = msgspec.structs.replace(MESH, locality_lb_setting=LocalityLoadBalancerSetting(enabled=False))
    none = msgspec.structs.replace(MESH, locality_lb_setting=None)

    assert preference(balancer(enabled=False), OUTLIERS, TrafficDistribution.SAME_ZONE, MESH) is None
    assert preference(None, OUTLIERS, ANY, off) is None
    assert preference(None, OUTLIERS, ANY, none) is None
    assert preference(balancer(), OUTLIERS, ANY, off) is not None


def test_localities_are_weighed_where_traffic_is_shared_or_fails_over_as_told() -> None:
    shared = preference(balancer(distribute=(LocalityDistribute(from_="*", to={"*": 100}),)), None, ANY, MESH)
    told = balancer(failover=(LocalityFailover(from_="a", to="b"),))
    blind, seeing = preference(told, None, ANY, MESH), preference(told, OUTLIERS, ANY, MESH)

    assert shared is not None
    assert blind is not None
    assert seeing is not None
    assert (shared.weighs_localities, blind.weighs_localities, seeing.weighs_localities) == (True, False, True)


def test_labels_with_a_value_of_their_own_are_not_asked_of_the_client() -> None:
    made = preference(balancer(failover_priority=("version=v2", "zone")), OUTLIERS, ANY, MESH)

    assert made is not None
    assert made.labels == ("zone",)
