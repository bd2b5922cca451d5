from pilot.generators import policy
from pilot.model.destination_rule import Subset
from pilot.model.traffic_policy import (
    ClientTLSMode,
    ClientTLSSettings,
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    ProxyProtocol,
    RetryBudget,
    SimpleLB,
    TCPSettings,
    TrafficPolicy,
    TunnelSettings,
)
from pilot.model.virtual_service import PortSelector
from tests.pilot.generators.samples import rule

RANDOM = LoadBalancerSettings(simple=SimpleLB.RANDOM)
ROUND_ROBIN = LoadBalancerSettings(simple=SimpleLB.ROUND_ROBIN)
POOL = ConnectionPoolSettings(tcp=TCPSettings(max_connections=1))
OTHER_POOL = ConnectionPoolSettings(tcp=TCPSettings(max_connections=2))
OUTLIERS = OutlierDetection(consecutive_5xx_errors=3)
MUTUAL = ClientTLSSettings(mode=ClientTLSMode.ISTIO_MUTUAL)
SIMPLE = ClientTLSSettings(mode=ClientTLSMode.SIMPLE)
BUDGET = RetryBudget(percent=20.0)


def entry(port: int, **parts: object) -> PortTrafficPolicy:
    return PortTrafficPolicy(port=PortSelector(number=port), **parts)  # type: ignore[arg-type]  # parts of any type


WHOLE = TrafficPolicy(
    load_balancer=RANDOM,
    connection_pool=POOL,
    outlier_detection=OUTLIERS,
    tls=MUTUAL,
    tunnel=TunnelSettings(target_host="far", target_port=1),
    proxy_protocol=ProxyProtocol(),
    retry_budget=BUDGET,
    port_level_settings=(entry(80, load_balancer=ROUND_ROBIN),),
)


def test_no_rule_says_nothing() -> None:
    assert policy.for_port(None, 80) is policy.NONE
    assert policy.for_port(rule(), 80) is policy.NONE


def test_the_hosts_policy_holds_for_ports_without_an_entry() -> None:
    made = policy.for_port(rule(WHOLE), 9000)

    assert (made.load_balancer, made.connection_pool, made.tls, made.retry_budget) == (RANDOM, POOL, MUTUAL, BUDGET)


def test_a_port_entry_replaces_also_what_it_does_not_say() -> None:
    made = policy.for_port(rule(WHOLE), 80)

    assert made.load_balancer == ROUND_ROBIN
    assert (made.connection_pool, made.outlier_detection, made.tls, made.tunnel, made.retry_budget) == (None,) * 5


def test_a_subset_without_a_policy_has_that_of_the_host() -> None:
    whole = rule(WHOLE)

    assert policy.for_subset(whole, 9000, Subset(name="v1")) is policy.for_port(whole, 9000)


def test_a_subset_replaces_the_parts_that_it_says_and_loses_the_retry_budget() -> None:
    subset = Subset(name="v1", traffic_policy=TrafficPolicy(connection_pool=OTHER_POOL))
    made = policy.for_subset(rule(WHOLE), 9000, subset)

    assert (made.connection_pool, made.load_balancer, made.tls) == (OTHER_POOL, RANDOM, MUTUAL)
    assert made.proxy_protocol == ProxyProtocol()
    assert made.retry_budget is None


def test_a_subset_of_a_host_without_a_policy_keeps_its_own_whole() -> None:
    subset = Subset(name="v1", traffic_policy=WHOLE)
    made = policy.for_subset(rule(), 9000, subset)

    assert (made.retry_budget, made.tunnel, made.load_balancer) == (BUDGET, WHOLE.tunnel, RANDOM)
    assert policy.for_subset(rule(), 80, subset).retry_budget is None


def test_a_port_entry_of_a_subset_replaces_four_parts_even_where_it_is_silent() -> None:
    subset = Subset(
        name="v1",
        traffic_policy=TrafficPolicy(
            outlier_detection=OUTLIERS, port_level_settings=(entry(9000, tls=SIMPLE), entry(80))
        ),
    )
    made = policy.for_subset(rule(WHOLE), 9000, subset)

    assert made.tls == SIMPLE
    assert (made.connection_pool, made.load_balancer, made.outlier_detection) == (None, None, None)
    assert made.tunnel is not None


def test_a_subset_of_a_rule_without_policy_has_only_its_own() -> None:
    subset = Subset(name="v1", traffic_policy=TrafficPolicy(load_balancer=RANDOM))

    assert policy.for_subset(rule(None, subset), 80, subset).load_balancer == RANDOM


def test_a_subset_is_found_by_name() -> None:
    subset = Subset(name="v1")

    assert policy.find_subset(rule(None, subset), "v1") is subset
    assert policy.find_subset(rule(None, subset), "v2") is None
    assert policy.find_subset(None, "v1") is None


def test_the_same_rule_and_port_give_the_same_policy() -> None:
    whole = rule(WHOLE)

    assert policy.for_port(whole, 9000) is policy.for_port(whole, 9000)
