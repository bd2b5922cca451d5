"""Rules that are never used are told, in the words of istiod."""

import pytest

from pilot.model.virtual_service import VirtualService
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            "{hosts: [a], http: [{redirect: {uri: /}}, {match: [{port: 1}], redirect: {uri: /}}]}",
            "spec.http[1].match[0]",
        ),
        ("{hosts: [a], http: [{redirect: {uri: /}}, {redirect: {uri: /}}]}", "spec.http[1]"),
        (
            "{hosts: [a], tcp: [{match: [{port: 1}, {port: 1}], route: [{destination: {host: a}}]}]}",
            "spec.tcp[0].match[1]",
        ),
        (
            (
                "{hosts: [a], http: [{match: [{uri: {prefix: /a}}], redirect: {uri: /}}, {match: [{uri: "
                "{prefix: /ab}}, {port: 1}], redirect: {uri: /}}]}"
            ),
            "spec.http[1].match[0]",
        ),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        (
            "{hosts: [a], http: [{match: [{uri: {prefix: /a}}], redirect: {uri: /}}, {match: [{uri: "
            "{exact: /ab}}], redirect: {uri: /}}]}"
        ),
        (
            "{hosts: [a], http: [{match: [{uri: {prefix: /ab}}], redirect: {uri: /}}, {match: [{uri: "
            "{prefix: /a}}], redirect: {uri: /}}]}"
        ),
        (
            "{hosts: [a], http: [{match: [{uri: {prefix: /a}, port: 1}], redirect: {uri: /}}, {match: "
            "[{uri: {prefix: /a}}], redirect: {uri: /}}]}"
        ),
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(VirtualService, spec) == []
    assert warned(VirtualService, spec) == []


def test_a_prefix_is_covered_whatever_is_asked_of_callers() -> None:
    one = "{match: [{uri: {prefix: /a}, sourceLabels: {b: c}}], redirect: {uri: /}}"
    other = "{match: [{uri: {prefix: /ab}, method: {exact: GET}}, {uri: {prefix: /a}}], redirect: {uri: /}}"
    assert warned(VirtualService, f"{{hosts: [a], http: [{one}, {other}]}}") == ["spec.http[1].match[0]"]
    posts = other.replace("GET", "POST")
    assert warned(VirtualService, f"{{hosts: [a], http: [{one}, {posts}]}}") == []


def test_every_condition_after_a_route_without_one_is_told() -> None:
    spec = "{hosts: [a], http: [{redirect: {uri: /}}, {match: [{port: 1}, {port: 2}], redirect: {uri: /}}]}"
    assert warned(VirtualService, spec) == ["spec.http[1].match[0]", "spec.http[1].match[1]"]


def test_a_route_whose_conditions_all_were_there_before_is_told_as_well() -> None:
    spec = "{hosts: [a], http: [{match: [{port: 1}], redirect: {uri: /}}, {match: [{port: 1}], redirect: {uri: /}}]}"
    assert warned(VirtualService, spec) == ["spec.http[1].match[0]", "spec.http[1]"]
