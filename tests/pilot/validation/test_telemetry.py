"""What proxies log, trace and count."""

import pytest

from pilot.model.telemetry import Telemetry
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{metrics: [{providers: [{}]}]}", "spec.metrics[0].providers[0].name"),
        ("{tracing: [{randomSamplingPercentage: 100.5}]}", "spec.tracing[0].randomSamplingPercentage"),
        ("{tracing: [{customTags: {a: {header: {}}}}]}", "spec.tracing[0].customTags.a.header.name"),
        ("{tracing: [{customTags: {a: {formatter: {}}}}]}", "spec.tracing[0].customTags.a.formatter.value"),
        (
            "{metrics: [{overrides: [{tagOverrides: {a: {}}}]}]}",
            "spec.metrics[0].overrides[0].tagOverrides.a.value",
        ),
        (
            "{metrics: [{overrides: [{match: {customMetric: ''}}]}]}",
            "spec.metrics[0].overrides[0].match.customMetric",
        ),
        ("{accessLogging: [{filter: {expression: 'a ='}}]}", "spec.accessLogging[0].filter.expression"),
        ("{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: s}]}", "spec"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(Telemetry, spec) == [field]


def test_what_is_not_supported_yet_is_allowed_with_a_warning() -> None:
    spec = "{tracing: [{providers: [{name: a}, {name: b}]}, {}]}"
    assert refused(Telemetry, spec) == []
    assert warned(Telemetry, spec) == ["spec.tracing", "spec.tracing[0].providers"]


def test_a_tag_without_name_is_allowed_with_a_warning() -> None:
    spec = "{metrics: [{overrides: [{tagOverrides: {'': {value: a}}}]}]}"
    assert (refused(Telemetry, spec), warned(Telemetry, spec)) == (
        [],
        ['spec.metrics[0].overrides[0].tagOverrides[""]'],
    )
