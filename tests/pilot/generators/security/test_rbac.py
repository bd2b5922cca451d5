"""RBAC filters: which there are, and in which order. What they decide is tested with random policies."""

from typing import Any

import pytest

from pilot.generators.envoy.wire import Extension
from pilot.generators.security.rbac import Layer, Trust, build
from pilot.model.authorization_policy import AuthorizationAction
from pilot.model.authorization_rules import Authorization, CheckedRule, Clause
from pilot.model.authorization_values import Attribute
from pilot.model.objects import ObjectKey
from pilot.model.policy_attachment import Attachment
from tests.pilot.generators.samples import as_json
from tests.pilot.generators.security.envoy_rbac import configuration

TRUST = Trust("cluster.local")
ANY = CheckedRule(((),), ((),))
GET = CheckedRule(((),), ((Clause(Attribute.METHOD, ("GET",)),),))
EVERYTHING = {
    "permissions": [{"andRules": {"rules": [{"any": True}]}}],
    "principals": [{"andIds": {"ids": [{"any": True}]}}],
}
NEVER = {"permissions": [{"notRule": {"any": True}}], "principals": [{"notId": {"any": True}}]}


def policy(action: str, *rules: CheckedRule, name: str = "p", **more: Any) -> Authorization:
    key = ObjectKey("AuthorizationPolicy", "shop", name)
    return Authorization(key, "", Attachment("shop"), AuthorizationAction(action), rules=rules, **more)


def shown(extension: Extension) -> Any:
    return as_json(configuration(extension))


def test_filters_come_as_audit_deny_allow_and_only_where_there_are_policies() -> None:
    found = build((policy("ALLOW", ANY), policy("AUDIT", ANY), policy("DENY", ANY)), TRUST, Layer.HTTP)
    assert [shown(each)["rules"].get("action", "ALLOW") for each in found] == ["LOG", "DENY", "ALLOW"]
    assert {each.name for each in found} == {"envoy.filters.http.rbac"}
    assert build((policy("CUSTOM", ANY),), TRUST, Layer.HTTP) == ()


def test_a_proxy_must_have_the_filter() -> None:
    assert all(each.required for each in build((policy("DENY", ANY),), TRUST, Layer.TCP))


def test_keys_name_policy_and_rule() -> None:
    (found,) = build((policy("DENY", ANY, ANY, name="a"), policy("DENY", name="b")), TRUST, Layer.TCP)
    assert shown(found)["statPrefix"] == "tcp."
    assert shown(found)["rules"]["policies"] == {
        "ns[shop]-policy[a]-rule[0]": EVERYTHING,
        "ns[shop]-policy[a]-rule[1]": EVERYTHING,
        "ns[shop]-policy[b]-rule[0]": NEVER,
    }


def test_dry_runs_are_shadow_rules() -> None:
    (deny,) = build((policy("DENY", ANY, dry_run=True),), TRUST, Layer.HTTP)
    assert "rules" not in shown(deny)
    assert shown(deny)["shadowRulesStatPrefix"] == "istio_dry_run_deny_"
    (allow,) = build((policy("ALLOW", ANY), policy("ALLOW", ANY, name="q", dry_run=True)), TRUST, Layer.HTTP)
    assert list(shown(allow)["rules"]["policies"]) == ["ns[shop]-policy[p]-rule[0]"]
    assert list(shown(allow)["shadowRules"]["policies"]) == ["ns[shop]-policy[q]-rule[0]"]
    assert shown(allow)["shadowRulesStatPrefix"] == "istio_dry_run_allow_"


def test_an_allowing_rule_about_requests_is_left_out_for_connections() -> None:
    (found,) = build((policy("ALLOW", GET, ANY),), TRUST, Layer.TCP)
    assert shown(found)["rules"]["policies"] == {"ns[shop]-policy[p]-rule[1]": EVERYTHING}
    (nothing,) = build((policy("ALLOW", GET),), TRUST, Layer.TCP)
    assert shown(nothing)["rules"] == {}


@pytest.mark.parametrize(("action", "refuses"), [("ALLOW", NEVER), ("DENY", EVERYTHING), ("AUDIT", EVERYTHING)])
@pytest.mark.parametrize("layer", list(Layer))
def test_a_broken_policy_refuses(action: str, refuses: Any, layer: Layer) -> None:
    (found,) = build((policy(action, broken=True),), TRUST, layer)
    assert shown(found)["rules"]["policies"] == {"ns[shop]-policy[p]-rule[0]": refuses}
