"""Authorizations for ztunnel."""

from typing import Any

import pytest
from google.protobuf import json_format

from pilot.generators.ambient import authorizations
from pilot.view.ambient import AmbientView
from tests.ambient_mesh import SHOP, WAYPOINT, ambient
from tests.recordings import message_of


def _policy(spec: str, namespace: str = "app", annotations: str = "{}") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: {namespace}, annotations: {annotations}}}
spec: {spec}
"""


def _told(*parts: str, **environment: str) -> dict[str, Any]:
    found = authorizations.build(AmbientView(ambient(*parts, **environment)), None)
    return {name: json_format.MessageToDict(message_of(found[name])) for name in found}


def _groups(spec: str) -> Any:
    return _told(_policy(spec))["app/p"].get("groups")


def test_scope_says_whom_it_holds_for() -> None:
    assert _told(_policy("{}"))["app/p"]["scope"] == "NAMESPACE"
    assert "scope" not in _told(_policy("{}", "istio-system"))["istio-system/p"]
    assert _told(_policy("{selector: {matchLabels: {a: b}}}"))["app/p"]["scope"] == "WORKLOAD_SELECTOR"


def test_parts_of_a_rule_all_hold() -> None:
    groups = _groups("{rules: [{from: [{source: {namespaces: [a, 'b*']}}], to: [{operation: {ports: ['80']}}]}]}")
    names = [{"exact": "a"}, {"prefix": "b"}]
    assert groups == [{"rules": [{"matches": [{"destinationPorts": [80]}]}, {"matches": [{"namespaces": names}]}]}]


def test_rule_that_allows_by_http_allows_nothing() -> None:
    assert _groups("{rules: [{to: [{operation: {methods: [GET]}}]}]}") is None
    assert _groups("{rules: [{when: [{key: 'request.headers[x]', values: [y]}]}]}") is None


def test_rule_that_denies_by_http_denies_the_rest() -> None:
    denied = _groups("{action: DENY, rules: [{to: [{operation: {methods: [POST], ports: ['80']}}]}]}")
    assert denied == [{"rules": [{"matches": [{"destinationPorts": [80]}]}]}]


def test_empty_rule_holds_for_everything() -> None:
    assert _groups("{rules: [{}]}") == [{}]


@pytest.mark.parametrize("spec", ["{action: AUDIT, rules: [{}]}", "{action: CUSTOM, provider: {name: x}, rules: [{}]}"])
def test_what_ztunnel_cannot_do_is_not_told(spec: str) -> None:
    assert _told(_policy(spec)) == {}


def test_dry_run_is_told_where_it_is_switched_on() -> None:
    dry = _policy("{action: DENY, rules: [{}]}", annotations="{istio.io/dry-run: 'true'}")
    assert _told(dry) == {}
    assert _told(dry, AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY="true")["app/p"]["dryRun"] is True


def test_broken_policy_refuses_everything() -> None:
    assert _groups("{action: DENY, rules: [{from: [{source: {ipBlocks: [nonsense]}}]}]}") == [{}]
    assert _groups("{rules: [{from: [{source: {ipBlocks: [nonsense]}}]}]}") is None


def test_waypoint_is_let_in() -> None:
    pod = SHOP.split("---")[2].replace("{app: web}", "{gateway.networking.k8s.io/gateway-name: wp}")
    made = _told(pod, WAYPOINT, PILOT_AUTO_ALLOW_WAYPOINT_POLICY="true")["app/istio_allow_waypoint_app_wp"]
    assert made["groups"][0]["rules"][0]["matches"][0]["principals"] == [{"exact": "cluster.local/ns/app/sa/web"}]


def test_only_what_is_named_is_told() -> None:
    view = AmbientView(ambient(_policy("{}")))
    assert set(authorizations.build(view, frozenset({"app/p", "app/q"}))) == {"app/p"}
