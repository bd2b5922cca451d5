"""Ports of PeerAuthentications."""

import pytest

from pilot.model.peer_authentication import PeerAuthentication
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ('{portLevelMtls: {"80": {mode: STRICT}}}', "spec.portLevelMtls"),
        ("{selector: {matchLabels: {a: b}}, portLevelMtls: {}}", "spec.portLevelMtls"),
        ('{selector: {matchLabels: {a: b}}, portLevelMtls: {"0": {}}}', 'spec.portLevelMtls["0"]'),
        ('{selector: {matchLabels: {a: "b*"}}}', "spec.selector.matchLabels.a"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(PeerAuthentication, spec) == [field]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{selector: {}}", "spec.selector.matchLabels"),
    ],
)
def test_what_is_doubtful_is_allowed_with_a_warning(spec: str, field: str) -> None:
    assert refused(PeerAuthentication, spec) == []
    assert warned(PeerAuthentication, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        "{mtls: {mode: STRICT}}",
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(PeerAuthentication, spec) == []
    assert warned(PeerAuthentication, spec) == []
