"""Authorization policies as Envoy's RBAC filters: one for each action that there is, in the order AUDIT, DENY, ALLOW.

In: checked policies, trust domains, whether requests or connections are decided on. Out: filters. A policy that could
not be translated refuses. Policies with action CUSTOM are in `custom.py`. Source: xDS behaviour 7.7, A.12.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Final

from envoy.config.rbac.v3 import rbac_pb2
from envoy.config.rbac.v3.rbac_pb2 import Permission, Policy, Principal
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http_rbac_pb2
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as tcp_rbac_pb2

from pilot.generators.envoy.wire import Extension, extension
from pilot.generators.security.clauses import Trust, permission, principal
from pilot.memo import memoized
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.authorization_rules import Authorization, CheckedRule, Clauses

__all__ = ["Layer", "Trust", "build", "numbered_policies", "policies_of", "rbac_filter"]


class Layer(Enum):
    """What is decided on."""

    HTTP = "envoy.filters.http.rbac"
    TCP = "envoy.filters.network.rbac"


_ANY: Final = Permission(any=True)
_ANYBODY: Final = Principal(any=True)
_EVERYTHING: Final = Policy(
    permissions=[Permission(and_rules=Permission.Set(rules=[_ANY]))],
    principals=[Principal(and_ids=Principal.Set(ids=[_ANYBODY]))],
)
_NEVER: Final = Policy(permissions=[Permission(not_rule=_ANY)], principals=[Principal(not_id=_ANYBODY)])

_ORDER: Final = (
    (AuthorizationAction.AUDIT, rbac_pb2.RBAC.LOG),
    (AuthorizationAction.DENY, rbac_pb2.RBAC.DENY),
    (AuthorizationAction.ALLOW, rbac_pb2.RBAC.ALLOW),
)
_DRY_DENY: Final = "istio_dry_run_deny_"
_DRY_ALLOW: Final = "istio_dry_run_allow_"


@memoized(size=8192)
def build(
    policies: tuple[Authorization, ...], trust: Trust, layer: Layer, carrier: Layer | None = None
) -> tuple[Extension, ...]:
    """The filters, in order. `carrier`: what they are filters of, where connections are decided on as requests."""
    return tuple(
        _group(grouped, action, trust, layer, carrier or layer)
        for kind, action in _ORDER
        if (grouped := [each for each in policies if each.action is kind])
    )


def _group(policies: list[Authorization], action: int, trust: Trust, layer: Layer, carrier: Layer) -> Extension:
    enforced = [each for each in policies if not each.dry_run]
    dry = [each for each in policies if each.dry_run]
    return rbac_filter(
        carrier,
        rules=_rules(enforced, action, trust, layer) if enforced else None,
        shadow=_rules(dry, action, trust, layer) if dry else None,
        shadow_prefix=_DRY_DENY if dry and action == rbac_pb2.RBAC.DENY else _DRY_ALLOW,
    )


def _rules(policies: Iterable[Authorization], action: int, trust: Trust, layer: Layer) -> Any:
    return rbac_pb2.RBAC(
        action=action, policies={key: each for policy in policies for key, each in policies_of(policy, trust, layer)}
    )


def rbac_filter(layer: Layer, *, rules: Any | None, shadow: Any | None, shadow_prefix: str = "") -> Extension:
    """One filter: `rules` are enforced, `shadow` only noted."""
    given = {"rules": rules, "shadow_rules": shadow, "shadow_rules_stat_prefix": shadow_prefix}
    if layer is Layer.HTTP:
        return extension(layer.value, http_rbac_pb2.RBAC(**given), required=True)
    return extension(layer.value, tcp_rbac_pb2.RBAC(**given, stat_prefix="tcp."), required=True)


def policies_of(
    policy: Authorization, trust: Trust, layer: Layer, prefix: str = "", suffix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Envoy's policies for the rules of a policy, by key."""
    name = f"{prefix}ns[{policy.key.namespace}]-policy[{policy.key.name}]-rule"
    for index, built in numbered_policies(policy, trust, layer):
        yield f"{name}[{index}]{suffix}", built


def numbered_policies(policy: Authorization, trust: Trust, layer: Layer) -> Iterator[tuple[int, Any]]:
    """Envoy's policies for the rules of a policy, by the number of the rule."""
    if policy.broken:
        yield 0, _NEVER if policy.action is AuthorizationAction.ALLOW else _EVERYTHING
    elif not policy.rules:
        yield 0, _NEVER
    for index, rule in enumerate(policy.rules):
        built = _policy(rule, policy.action is AuthorizationAction.ALLOW, trust, layer)
        if built is not None:
            yield index, built


def _policy(rule: CheckedRule, allows: bool, trust: Trust, layer: Layer) -> Any | None:
    """The policy for a rule. None: it allows only requests, and this is a connection."""
    sources, operations = rule.sources, rule.operations
    if layer is Layer.TCP:
        if allows and any(clause.attribute.is_http for each in (*sources, *operations) for clause in each):
            return None
        # a rule that refuses, refuses more where less is known
        sources, operations = _without_http(sources), _without_http(operations)
    return Policy(
        permissions=[
            Permission(and_rules=Permission.Set(rules=[permission(each) for each in clauses] or [_ANY]))
            for clauses in operations
        ],
        principals=[
            Principal(and_ids=Principal.Set(ids=[principal(each, trust) for each in clauses] or [_ANYBODY]))
            for clauses in sources
        ],
    )


def _without_http(alternatives: tuple[Clauses, ...]) -> tuple[Clauses, ...]:
    return tuple(tuple(each for each in clauses if not each.attribute.is_http) for clauses in alternatives)
