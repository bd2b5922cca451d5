"""Which endpoints a client prefers: the locality setting that holds for a host.

In: a rule's load balancer, the service's traffic distribution, mesh defaults. Out: a `Preference`, or None where all
endpoints are alike. It is applied by `priorities.py`. Source: xDS behaviour 2.8, 3.4, 6.4.
"""

from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.locality import HOSTNAME, NETWORK, REGION, SUBZONE, ZONE
from pilot.model.mesh import MeshConfig
from pilot.model.service import TrafficDistribution
from pilot.model.traffic_policy import LoadBalancerSettings, LocalityLoadBalancerSetting, OutlierDetection


@dataclass(frozen=True, slots=True, eq=False)
class Preference:
    """A locality setting, and whether endpoints far away may wait until near ones fail."""

    setting: LocalityLoadBalancerSetting
    failover: bool
    """Envoy finds out about failing endpoints, or the service asks for it."""

    @property
    def weighs_localities(self) -> bool:
        """Whether Envoy has to choose a locality before an endpoint."""
        setting = self.setting
        return bool(setting.distribute or (self.failover and (setting.failover or setting.failover_priority)))

    @property
    def is_effective(self) -> bool:
        """Whether it changes what is sent."""
        return bool(self.setting.distribute or self.failover)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the client that matter."""
        if self.setting.distribute or not self.failover:
            return ()
        return tuple(entry for entry in self.setting.failover_priority if "=" not in entry)


_BY_DISTRIBUTION = {
    TrafficDistribution.SAME_ZONE: LocalityLoadBalancerSetting(enabled=True, failover_priority=(NETWORK, REGION, ZONE)),
    TrafficDistribution.SAME_NODE: LocalityLoadBalancerSetting(
        enabled=True, failover_priority=(NETWORK, REGION, ZONE, SUBZONE, HOSTNAME)
    ),
}


@memoized(size=16_384)
def preference(
    load_balancer: LoadBalancerSettings | None,
    outlier_detection: OutlierDetection | None,
    distribution: TrafficDistribution,
    mesh: MeshConfig,
) -> Preference | None:
    """The setting that holds: the rule's, else what the service's traffic distribution means, else the mesh's."""
    setting = load_balancer.locality_lb_setting if load_balancer else None
    forced = False
    if setting is None:
        setting = _BY_DISTRIBUTION.get(distribution)
        forced = setting is not None
    if setting is None:
        setting = mesh.locality_lb_setting
    if setting is None or setting.enabled is False:
        return None
    return Preference(setting, failover=forced or outlier_detection is not None)
