"""Labels that tell replicas of a workload apart, and whether anything in the mesh asks for them.

In: a snapshot. Out: names of labels. What nobody asks for is left out of views, so that replicas share them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pilot.memo import memoized
from pilot.model.destination_rules import DestinationRules
from pilot.model.interning import Interner
from pilot.model.locality import HOSTNAME
from pilot.model.mesh import MeshConfig
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Service, TrafficDistribution
from pilot.model.snapshot import Snapshot
from pilot.model.traffic_policy import LoadBalancerSettings, LocalityLoadBalancerSetting, TrafficPolicy

_MENTIONS: "Interner[Mentions]" = Interner(64)
PER_INSTANCE = frozenset(
    {
        HOSTNAME,
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
    }
)


@dataclass(frozen=True, slots=True)
class Mentions:
    """What somebody asks for."""

    labels: frozenset[str]
    """Labels of single instances that some route or policy names."""
    node: bool
    """The endpoints of some service depend on the node of the client."""


@memoized(size=64)
def mentions_of(snapshot: Snapshot) -> Mentions:
    """What the routes and policies of a mesh ask for; the same object while that is the same."""
    node = _prefers_node(snapshot.services)
    labels = _mentioned(snapshot.mesh, snapshot.rules, snapshot.routing.ordered, node)
    return _MENTIONS.same((labels, node), Mentions(labels, node))


@memoized(size=64)
def _prefers_node(services: tuple[Service, ...]) -> bool:
    return any(each.node_local or each.traffic_distribution is TrafficDistribution.SAME_NODE for each in services)


@memoized(size=64)
def _mentioned(
    mesh: MeshConfig, rules: DestinationRules, routes: tuple[ResolvedVirtualService, ...], node: bool
) -> frozenset[str]:
    found = {HOSTNAME} if node else set()
    found.update(_failover_labels(mesh.locality_lb_setting))
    for namespace in rules.namespaces.values():
        for group in namespace.rules:
            for rule in group:
                for policy in (rule.traffic_policy, *(each.traffic_policy for each in rule.subsets)):
                    found.update(_policy_labels(policy))
    for each in routes:
        found.update(_source_labels(each))
    return frozenset(found & PER_INSTANCE)


def _policy_labels(policy: TrafficPolicy | None) -> Iterator[str]:
    if policy is None:
        return
    balancers: list[LoadBalancerSettings | None] = [policy.load_balancer]
    balancers.extend(each.load_balancer for each in policy.port_level_settings)
    for balancer in balancers:
        yield from _failover_labels(balancer.locality_lb_setting if balancer else None)


def _failover_labels(setting: LocalityLoadBalancerSetting | None) -> Iterator[str]:
    for each in setting.failover_priority if setting else ():
        yield each.partition("=")[0]


@memoized(size=65536)
def _source_labels(routes: ResolvedVirtualService) -> frozenset[str]:
    matches = [
        *(match.source_labels for route in routes.http for match in route.match),
        *(match.source_labels for route in routes.tcp for match in route.match),
        *(match.source_labels for route in routes.tls for match in route.match),
    ]
    return frozenset(key for labels in matches for key in labels)
