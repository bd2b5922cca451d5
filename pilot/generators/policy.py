"""The traffic policy that holds for one port and subset of a host.

In: a DestinationRule's policies. Out: one `Policy` without levels. Does not choose the rule (see `view/scope.py`) and
does not build anything. Source: xDS behaviour 3.5 (port level, subsets), 3.3 (4, retry budget).
"""

from dataclasses import dataclass, replace

from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule, Subset
from pilot.model.traffic_policy import (
    ClientTLSSettings,
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    ProxyProtocol,
    RetryBudget,
    TrafficPolicy,
    TunnelSettings,
)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What a rule says about traffic to one port of a host or subset; None: nothing."""

    connection_pool: ConnectionPoolSettings | None = None
    load_balancer: LoadBalancerSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None


NONE = Policy()


@memoized(size=16_384)
def for_port(rule: MergedRule | None, port: int) -> Policy:
    """The policy for one service port. A port level entry replaces everything, also what it does not say."""
    if rule is None or rule.traffic_policy is None:
        return NONE
    declared = rule.traffic_policy
    entry = _port_entry(declared, port)
    return _of_entry(entry) if entry is not None else _of_policy(declared)


def _of_policy(declared: TrafficPolicy) -> Policy:
    return Policy(
        connection_pool=declared.connection_pool,
        load_balancer=declared.load_balancer,
        outlier_detection=declared.outlier_detection,
        tls=declared.tls,
        tunnel=declared.tunnel,
        proxy_protocol=declared.proxy_protocol,
        retry_budget=declared.retry_budget,
    )


@memoized(size=32_768)
def for_subset(rule: MergedRule | None, port: int, subset: Subset) -> Policy:
    """The policy for one service port of a subset: the subset's parts over the host's.

    A port level entry of the subset replaces its four parts even where it says nothing, and its other parts are lost.
    istiod: so is every retry budget where host and subset both have a policy.
    """
    parent = for_port(rule, port)
    if subset.traffic_policy is None:
        return parent
    entry = _port_entry(subset.traffic_policy, port)
    own = _of_entry(entry) if entry is not None else _of_policy(subset.traffic_policy)
    if rule is None or rule.traffic_policy is None:
        return own
    if entry is not None:
        return replace(own, tunnel=parent.tunnel, proxy_protocol=parent.proxy_protocol)
    return Policy(
        connection_pool=own.connection_pool or parent.connection_pool,
        load_balancer=own.load_balancer or parent.load_balancer,
        outlier_detection=own.outlier_detection or parent.outlier_detection,
        tls=own.tls or parent.tls,
        tunnel=own.tunnel or parent.tunnel,
        proxy_protocol=own.proxy_protocol or parent.proxy_protocol,
    )


def find_subset(rule: MergedRule | None, name: str) -> Subset | None:
    """The subset of that name."""
    return next((each for each in rule.subsets if each.name == name), None) if rule else None


def _port_entry(declared: TrafficPolicy, port: int) -> PortTrafficPolicy | None:
    entries = declared.port_level_settings
    return next((each for each in entries if each.port is not None and each.port.number == port), None)


def _of_entry(entry: PortTrafficPolicy) -> Policy:
    return Policy(
        connection_pool=entry.connection_pool,
        load_balancer=entry.load_balancer,
        outlier_detection=entry.outlier_detection,
        tls=entry.tls,
    )
