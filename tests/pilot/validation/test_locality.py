"""Locality preference."""

import pytest

from pilot.model.destination_rule import DestinationRule
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            (
                "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: "
                "{b/*: 0, c/*: 100}}]}}}}"
            ),
            'spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to["b/*"]',
        ),
        (
            "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/*, to: {b/*: 99}}]}}}}",
            "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
        ),
        (
            (
                '{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: "*", to: '
                "{b: 50, b/c: 50}}]}}}}"
            ),
            "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to",
        ),
        (
            (
                '{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: "*", '
                "to: {b: 100}}, {from: a, to: {b: 100}}]}}}}"
            ),
            "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute",
        ),
        (
            (
                '{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: "*/b", '
                "to: {b: 100}}]}}}}"
            ),
            "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute",
        ),
        (
            (
                "{host: a, trafficPolicy: {outlierDetection: {}, loadBalancer: {localityLbSetting: "
                "{failover: [{from: a, to: b/c}]}}}}"
            ),
            "spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0].to",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(DestinationRule, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}}",
            "spec.trafficPolicy.loadBalancer.localityLbSetting",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(DestinationRule, spec) == []
    assert warned(DestinationRule, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        (
            "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/b/*, "
            "to: {a/b/*: 60, a/c: 40}}]}}}}"
        ),
        (
            "{host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a/b/*, "
            'to: {"*": 10, a/*: 40, a/b/*: 50}}, {from: a/*, to: {a: 100}}, {from: "*", to: {b: 100}}]}}}}'
        ),
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(DestinationRule, spec) == []
    assert warned(DestinationRule, spec) == []
