"""The filters that proxies get decide as the policies mean: random policies, random calls, two evaluators.

One reads the policies as people wrote them (`reference.py`), the other the protobuf messages (`envoy_rbac.py`).
"""

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pilot.generators.envoy.http_filters import Side, Slot
from pilot.generators.envoy.wire import Extension
from pilot.generators.security import http_filters, tcp_filters
from pilot.model import authorization_rules
from pilot.model.authorization_policy import AuthorizationPolicy
from pilot.model.decoding import decode_value
from pilot.model.mesh import MeshConfig
from pilot.view.security import Security
from tests.pilot.generators.security import envoy_rbac, random_policies, reference
from tests.pilot.generators.security.reference import Call, Http

MESH = MeshConfig(trust_domain=reference.TRUST_DOMAIN, trust_domain_aliases=reference.ALIASES)


def filters_of(policies: list[dict[str, Any]], *, http: bool) -> tuple[Extension, ...]:
    """The RBAC filters of a sidecar to which the policies belong."""
    checked = []
    for each in policies:
        policy, faults = decode_value(each, AuthorizationPolicy)
        assert policy is not None, faults
        found = authorization_rules.check(policy)
        assert not found.problems
        checked.append(found)
    security = Security(authorizations=tuple(checked))
    if http:
        return http_filters(security, MESH, Side.INBOUND)[Slot.AUTHORIZATION]
    asks, enforced = tcp_filters(security, MESH)
    return (*asks, *enforced)


@pytest.mark.parametrize("http", [True, False], ids=["requests", "connections"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_filters_decide_as_the_policies_mean(http: bool, data: st.DataObject) -> None:
    policies = data.draw(random_policies.policies())
    filters = filters_of(policies, http=http)
    for call in data.draw(st.lists(random_policies.calls(http=http), min_size=1, max_size=12)):
        wanted = reference.is_allowed(policies, call)
        event(f"allowed: {wanted}")
        assert envoy_rbac.passes(filters, call) is wanted, call


def policy(action: str, *rules: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A policy of namespace default."""
    return {"metadata": {"name": "p", "namespace": "default", **metadata}, "spec": {"action": action, "rules": rules}}


def decide(policies: list[dict[str, Any]], call: Call) -> bool:
    """What both evaluators say; they agree."""
    allowed = envoy_rbac.passes(filters_of(policies, http=call.http is not None), call)
    assert reference.is_allowed(policies, call) is allowed
    return allowed


REQUEST = Call(identity="example.td/ns/default/sa/web", http=Http(path="/a"))
CONNECTION = Call(identity="example.td/ns/default/sa/web")


def test_without_rules_nothing_is_allowed_and_nothing_denied() -> None:
    for call in (REQUEST, CONNECTION):
        assert not decide([policy("ALLOW")], call)
        assert decide([policy("DENY")], call)


def test_an_empty_rule_is_about_everything() -> None:
    for call in (REQUEST, CONNECTION):
        assert decide([policy("ALLOW", {})], call)
        assert not decide([policy("DENY", {}), policy("ALLOW", {})], call)


def test_what_only_requests_have_allows_no_connection_and_denies_every_one() -> None:
    rule = {"to": [{"operation": {"paths": ["/a"]}}]}
    assert decide([policy("ALLOW", rule)], REQUEST)
    assert not decide([policy("ALLOW", rule)], CONNECTION)
    assert not decide([policy("DENY", rule)], CONNECTION)


def test_an_identity_of_any_of_our_trust_domains_is_the_same() -> None:
    rule = {"from": [{"source": {"principals": ["cluster.local/ns/default/sa/web"]}}]}
    assert decide([policy("ALLOW", rule)], REQUEST)
    assert decide([policy("ALLOW", rule)], Call(identity="old.td/ns/default/sa/web", http=Http()))
    assert not decide([policy("ALLOW", rule)], Call(identity="other.td/ns/default/sa/web", http=Http()))


def test_a_pattern_of_namespaces_does_not_find_its_end_in_the_account() -> None:
    rule = {"from": [{"source": {"namespaces": ["*a"]}}]}
    assert not decide([policy("ALLOW", rule)], REQUEST)
    assert decide([policy("ALLOW", rule)], Call(identity="example.td/ns/team-a/sa/web", http=Http()))


def test_a_dot_in_an_account_is_a_dot() -> None:
    rule = {"from": [{"source": {"serviceAccounts": ["x.y"]}}]}
    assert decide([policy("ALLOW", rule)], Call(identity="example.td/ns/default/sa/x.y", http=Http()))
    assert not decide([policy("ALLOW", rule)], Call(identity="example.td/ns/default/sa/xzy", http=Http()))


def test_a_dry_run_decides_nothing() -> None:
    annotations = {"istio.io/dry-run": "true"}
    assert decide([policy("DENY", {}, annotations=annotations)], REQUEST)
    assert decide([policy("ALLOW", annotations=annotations)], REQUEST)
