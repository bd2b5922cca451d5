"""Hosts, subsets and selectors of DestinationRules."""

import pytest

from pilot.model.destination_rule import DestinationRule
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{host: a_b}", "spec.host"),
        ("{host: a, subsets: [{name: v.1}]}", "spec.subsets[0].name"),
        ("{host: a, subsets: [{name: v}, {name: v}]}", "spec.subsets[1].name"),
        ('{host: a, subsets: [{name: v, labels: {a: "b c"}}]}', "spec.subsets[0].labels.a"),
        ("{host: a, subsets: [{name: v, trafficPolicy: {}}]}", "spec.subsets[0].trafficPolicy"),
        ('{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: ["*"]}', "spec.exportTo"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(DestinationRule, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{host: a, workloadSelector: {}}", "spec.workloadSelector.matchLabels"),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(DestinationRule, spec) == []
    assert warned(DestinationRule, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        '{host: "*.a", exportTo: ["."], workloadSelector: {matchLabels: {a: b}}}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(DestinationRule, spec) == []
    assert warned(DestinationRule, spec) == []
