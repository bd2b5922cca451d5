"""Which part of a request picks the endpoint, where a DestinationRule wants consistent hashing.

In: the rule of a destination. Out: Envoy `HashPolicy` messages. Source: xDS behaviour 5.7.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import RouteAction

from pilot.generators.routes.header_operations import is_one_line
from pilot.memo import memoized
from pilot.model.destination_rule import MergedRule
from pilot.model.traffic_policy import ConsistentHashLB, HTTPCookie, LoadBalancerSettings, TrafficPolicy

_Policy = RouteAction.HashPolicy
_SOURCE_IP: Final = _Policy(connection_properties=_Policy.ConnectionProperties(source_ip=True))


@memoized(size=16_384)
def build_hash_policy(rule: MergedRule | None, subset: str, port: int | None) -> Any | None:
    """The hash policy of a destination; `port` None: no port-level settings apply to it."""
    settings = _consistent_hash(rule, subset, port) if rule is not None else None
    return _hash(settings) if settings is not None else None


def _consistent_hash(rule: MergedRule, subset: str, port: int | None) -> ConsistentHashLB | None:
    """The most specific settings: of the subset's port, the subset, the rule's port, the rule.

    istiod: a load balancer without hashing does not end the search.
    """
    policies = [each.traffic_policy for each in rule.subsets if subset and each.name == subset][:1]
    for policy in (*policies, rule.traffic_policy):
        for balancer in _load_balancers(policy, port):
            if balancer is not None and balancer.consistent_hash is not None:
                return balancer.consistent_hash
    return None


def _load_balancers(policy: TrafficPolicy | None, port: int | None) -> Iterator[LoadBalancerSettings | None]:
    if policy is None:
        return
    entries = (each for each in policy.port_level_settings if each.port is not None and each.port.number == port)
    yield from (each.load_balancer for each in islice(entries, 1))
    yield policy.load_balancer


def _hash(settings: ConsistentHashLB) -> Any | None:
    if settings.http_header_name and is_one_line(settings.http_header_name):
        return _Policy(header=_Policy.Header(header_name=settings.http_header_name))
    if settings.http_cookie is not None:
        return _cookie(settings.http_cookie)
    if settings.use_source_ip:
        return _SOURCE_IP
    if settings.http_query_parameter_name:
        return _Policy(query_parameter=_Policy.QueryParameter(name=settings.http_query_parameter_name))
    return None


def _cookie(cookie: HTTPCookie) -> Any | None:
    if not cookie.name:
        return None  # Envoy refuses a cookie without a name
    attributes = [_Policy.CookieAttribute(name=each.name, value=each.value) for each in cookie.attributes]
    return _Policy(cookie=_Policy.Cookie(name=cookie.name, path=cookie.path, ttl=cookie.ttl, attributes=attributes))
