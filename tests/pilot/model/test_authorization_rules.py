"""AuthorizationPolicies are checked: rules in one form, and what a mistake means."""

from typing import Any

import pytest

from pilot.model import authorization_rules
from pilot.model.authorization_policy import AuthorizationAction, AuthorizationPolicy, UnreadablePolicy
from pilot.model.authorization_rules import Authorization, Clause
from pilot.model.authorization_values import Attribute
from pilot.model.decoding import decode_value
from pilot.model.objects import Metadata
from pilot.model.problem import Severity


def checked(annotations: dict[str, str] | None = None, **spec: Any) -> Authorization:
    """A policy `shop/p`."""
    metadata = {"name": "p", "namespace": "shop", "annotations": annotations or {}}
    policy, faults = decode_value({"metadata": metadata, "spec": spec}, AuthorizationPolicy)
    assert policy is not None, faults
    return authorization_rules.check(policy)


def test_fields_are_clauses_in_the_order_of_the_filter_and_conditions_come_last() -> None:
    found = checked(
        rules=[
            {
                "from": [{"source": {"ipBlocks": ["10.0.0.1"], "principals": ["a"], "notPrincipals": ["b"]}}],
                "to": [{"operation": {"ports": ["80"], "hosts": ["h"]}}],
                "when": [{"key": "source.namespace", "values": ["n"]}, {"key": "connection.sni", "notValues": ["s"]}],
            }
        ]
    )
    (rule,) = found.rules
    assert rule.sources == (
        (
            Clause(Attribute.PRINCIPAL, ("a",)),
            Clause(Attribute.PRINCIPAL, ("b",), negated=True),
            Clause(Attribute.SOURCE_IP, ("10.0.0.1/32",)),
            Clause(Attribute.NAMESPACE, ("n",)),
        ),
    )
    assert rule.operations == (
        (
            Clause(Attribute.HOST, ("h",)),
            Clause(Attribute.PORT, ("80",)),
            Clause(Attribute.SNI, ("s",), negated=True),
        ),
    )


def test_an_empty_rule_has_one_alternative_without_clauses() -> None:
    (rule,) = checked(rules=[{}]).rules
    assert (rule.sources, rule.operations) == (((),), ((),))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"from": [{"source": {"ipBlocks": ["10.0.0.0/8", "x"]}}]}, "spec.rules[0].from[0].source.ipBlocks[1]"),
        ({"from": [{"source": {"notRemoteIpBlocks": ["x"]}}]}, "spec.rules[0].from[0].source.notRemoteIpBlocks[0]"),
        ({"from": [{}]}, "spec.rules[0].from[0].source"),
        ({"from": [{"source": {"principals": [""]}}]}, "spec.rules[0].from[0].source.principals[0]"),
        ({"to": [{"operation": {}}]}, "spec.rules[0].to[0].operation"),
        ({"to": [{"operation": {"paths": ["/{x}"]}}]}, "spec.rules[0].to[0].operation.paths[0]"),
        ({"when": [{"key": "nobody.knows", "values": ["x"]}]}, "spec.rules[0].when[0].key"),
        ({"when": [{"key": "source.ip"}]}, "spec.rules[0].when[0]"),
        ({"when": [{"key": "destination.port", "notValues": ["http"]}]}, "spec.rules[0].when[0].notValues[0]"),
    ],
)
def test_one_mistake_breaks_the_whole_policy(rule: dict[str, Any], field: str) -> None:
    found = checked(action="DENY", rules=[{}, rule][1:])
    assert found.broken
    assert found.rules == ()
    first, last = found.problems
    assert (first.field, first.key) == (field, found.key)
    assert "everything is denied" in last.message


@pytest.mark.parametrize("action", list(AuthorizationAction))
def test_what_a_broken_policy_does_is_said(action: AuthorizationAction) -> None:
    found = checked(action=action, rules=[{"when": [{"key": "x", "values": ["y"]}]}])
    assert "cannot be translated in full" in found.problems[-1].message
    assert found.problems[-1].severity is Severity.ERROR


def test_a_provider_is_for_custom_only() -> None:
    assert checked(action="ALLOW", provider={"name": "x"}).broken
    found = checked(action="CUSTOM", provider={"name": "x"}, rules=[{}])
    assert (found.provider, found.broken) == ("x", False)


@pytest.mark.parametrize(
    ("text", "action", "dry", "warned"),
    [
        ("true", "ALLOW", True, False),
        ("1", "DENY", True, False),
        ("false", "DENY", False, False),
        ("yes", "DENY", False, True),
        ("true", "AUDIT", False, True),
        ("true", "CUSTOM", False, True),
    ],
)
def test_only_allow_and_deny_can_be_tried(text: str, action: str, dry: bool, warned: bool) -> None:
    found = checked({"istio.io/dry-run": text}, action=action, rules=[{}])
    assert (found.dry_run, bool(found.problems), found.broken) == (dry, warned, False)


def test_a_stand_in_is_broken() -> None:
    found = authorization_rules.check(UnreadablePolicy(metadata=Metadata(name="p", namespace="shop")))
    assert found.broken


def test_the_same_policy_is_checked_once() -> None:
    policy = AuthorizationPolicy(metadata=Metadata(name="p", namespace="shop"))
    assert authorization_rules.check(policy) is authorization_rules.check(policy)
