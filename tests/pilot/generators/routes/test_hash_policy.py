from typing import Any

from google.protobuf import json_format

from pilot.generators.routes.hash_policy import build_hash_policy
from pilot.model.destination_rule import MergedRule, Subset
from pilot.model.duration import Duration
from pilot.model.traffic_policy import (
    ConsistentHashLB,
    HTTPCookie,
    HTTPCookieAttribute,
    LoadBalancerSettings,
    PortTrafficPolicy,
    SimpleLB,
    TrafficPolicy,
)
from pilot.model.virtual_service import PortSelector
from tests.pilot.generators.samples import rule


def by_header(name: str) -> LoadBalancerSettings:
    return LoadBalancerSettings(consistent_hash=ConsistentHashLB(http_header_name=name))


def on_port(number: int, balancer: LoadBalancerSettings) -> PortTrafficPolicy:
    return PortTrafficPolicy(port=PortSelector(number), load_balancer=balancer)


def hashed(made: MergedRule | None, subset: str = "", port: int | None = None) -> Any:
    policy = build_hash_policy(made, subset, port)
    return None if policy is None else json_format.MessageToDict(policy)


def of(settings: ConsistentHashLB) -> Any:
    return hashed(rule(TrafficPolicy(load_balancer=LoadBalancerSettings(consistent_hash=settings))))


def test_the_key_is_what_the_rule_says() -> None:
    assert of(ConsistentHashLB(http_header_name="x")) == {"header": {"headerName": "x"}}
    assert of(ConsistentHashLB(use_source_ip=True)) == {"connectionProperties": {"sourceIp": True}}
    assert of(ConsistentHashLB(http_query_parameter_name="q")) == {"queryParameter": {"name": "q"}}
    assert of(ConsistentHashLB()) is None
    assert hashed(None) is None


def test_a_cookie_may_be_made_for_the_session() -> None:
    cookie = HTTPCookie("c", "/p", Duration(), (HTTPCookieAttribute("SameSite", "Strict"),))

    assert of(ConsistentHashLB(http_cookie=cookie)) == {
        "cookie": {"name": "c", "path": "/p", "ttl": "0s", "attributes": [{"name": "SameSite", "value": "Strict"}]}
    }
    assert of(ConsistentHashLB(http_cookie=HTTPCookie("c"))) == {"cookie": {"name": "c"}}


def test_what_envoy_would_refuse_is_no_key() -> None:
    assert of(ConsistentHashLB(http_cookie=HTTPCookie(""))) is None
    assert of(ConsistentHashLB(http_header_name="a\nb")) is None


def test_the_most_specific_policy_wins() -> None:
    subset_policy = TrafficPolicy(
        load_balancer=by_header("subset"), port_level_settings=(on_port(80, by_header("both")),)
    )
    made = rule(
        TrafficPolicy(load_balancer=by_header("rule"), port_level_settings=(on_port(80, by_header("port")),)),
        Subset("v1", {}, subset_policy),
        Subset("v2"),
    )

    assert hashed(made) == {"header": {"headerName": "rule"}}
    assert hashed(made, port=80) == {"header": {"headerName": "port"}}
    assert hashed(made, port=81) == {"header": {"headerName": "rule"}}
    assert hashed(made, "v1") == {"header": {"headerName": "subset"}}
    assert hashed(made, "v1", 80) == {"header": {"headerName": "both"}}
    assert hashed(made, "v2", 80) == {"header": {"headerName": "port"}}
    assert hashed(made, "v3") == {"header": {"headerName": "rule"}}


def test_another_algorithm_does_not_end_hashing() -> None:
    simple = LoadBalancerSettings(simple=SimpleLB.RANDOM)
    host = TrafficPolicy(load_balancer=by_header("x"), port_level_settings=(on_port(80, simple),))

    assert hashed(rule(host), port=80) == {"header": {"headerName": "x"}}
    assert hashed(rule(host, Subset("v1", {}, TrafficPolicy(load_balancer=simple))), "v1") == {
        "header": {"headerName": "x"}
    }
