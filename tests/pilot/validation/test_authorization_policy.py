"""Who may do what: rules that cannot work are refused."""

import pytest

from pilot.model.authorization_policy import AuthorizationPolicy
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{action: DENY}", "spec.rules"),
        ("{action: CUSTOM, provider: {name: p}}", "spec.rules"),
        ("{action: CUSTOM, rules: [{}]}", "spec.provider.name"),
        ("{provider: {name: p}}", "spec.provider"),
        ("{rules: [{from: [{}]}]}", "spec.rules[0].from[0].source"),
        ('{rules: [{from: [{source: {principals: [""]}}]}]}', "spec.rules[0].from[0].source.principals[0]"),
        ("{rules: [{from: [{source: {ipBlocks: [1.1.1.1/33]}}]}]}", "spec.rules[0].from[0].source.ipBlocks[0]"),
        (
            "{rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}",
            "spec.rules[0].from[0].source.serviceAccounts",
        ),
        (
            "{rules: [{from: [{source: {notServiceAccounts: [a/b/c]}}]}]}",
            "spec.rules[0].from[0].source.notServiceAccounts[0]",
        ),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{from: [{source: {principals: [a]}}]}]}",
            "spec.rules[0].from[0].source.principals",
        ),
        (
            "{action: CUSTOM, provider: {name: p}, rules: [{when: [{key: source.namespace, values: [a]}]}]}",
            "spec.rules[0].when[0].key",
        ),
        ('{rules: [{to: [{operation: {ports: ["65536"]}}]}]}', "spec.rules[0].to[0].operation.ports[0]"),
        ('{rules: [{to: [{operation: {paths: ["/{**}/{*}"]}}]}]}', "spec.rules[0].to[0].operation.paths[0]"),
        ('{rules: [{to: [{operation: {paths: ["/{name}"]}}]}]}', "spec.rules[0].to[0].operation.paths[0]"),
        ('{rules: [{when: [{key: "", values: [a]}]}]}', "spec.rules[0].when[0].key"),
        ("{rules: [{when: [{key: source.ip}]}]}", "spec.rules[0].when[0]"),
        ("{rules: [{when: [{key: source.namespace, values: ['']}]}]}", "spec.rules[0].when[0].values[0]"),
        ("{rules: [{when: [{key: destination.port, notValues: [x]}]}]}", "spec.rules[0].when[0].notValues[0]"),
        ("{targetRef: {kind: Pod, name: p}}", "spec.targetRef"),
        ("{targetRefs: [{kind: Service, name: p, namespace: other}]}", "spec.targetRefs[0].namespace"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(AuthorizationPolicy, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}", "spec.rules[0]"),
        ("{action: DENY, rules: [{}, {from: [{source: {notRequestPrincipals: ['*']}}]}]}", "spec.rules[1]"),
        (
            "{action: DENY, rules: [{from: [{source: {principals: [a]}}], to: [{operation: {methods: [GET]}}]}]}",
            "spec.rules[0]",
        ),
        ("{selector: {}}", "spec.selector.matchLabels"),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(AuthorizationPolicy, spec) == []
    assert warned(AuthorizationPolicy, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        "{action: DENY, rules: [{}]}",
        "{action: DENY, rules: [{from: [{source: {requestPrincipals: [a], namespaces: [b]}}]}]}",
        '{action: DENY, rules: [{when: [{key: "request.headers[x]", values: [a]}]}]}',
        "{action: CUSTOM, provider: {name: p}, rules: [{when: [{key: source.ip, values: [10.0.0.1]}]}]}",
        '{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ["80"]}}]}]}',
        '{rules: [{to: [{operation: {paths: ["a/{*}", "/b*"]}}]}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(AuthorizationPolicy, spec) == []
    assert warned(AuthorizationPolicy, spec) == []


@pytest.mark.parametrize(("spec", "value"), [("{action: AUDIT}", "'true'"), ("{}", "'perhaps'")])
def test_only_rules_that_allow_or_deny_are_tried_out(spec: str, value: str) -> None:
    metadata = f"annotations: {{istio.io/dry-run: {value}}}"
    assert refused(AuthorizationPolicy, spec, metadata) == ['metadata.annotations["istio.io/dry-run"]']
