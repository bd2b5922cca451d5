"""Rules that are never used are told, in the words of istiod."""

import pytest

from pilot.model.virtual_service import VirtualService
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{hosts: [a], http: [{redirect: {uri: /}}, {match: [{port: 1}], redirect: {uri: /}}]}", "spec.http[1]"),
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
