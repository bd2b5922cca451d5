"""Tokens of end users."""

import pytest

from pilot.model.request_authentication import RequestAuthentication
from tests.pilot.validation.samples import refused, warned


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("{jwtRules: [{}]}", "spec.jwtRules[0].issuer"),
        ('{jwtRules: [{issuer: i, jwksUri: "ftp://x"}]}', "spec.jwtRules[0].jwksUri"),
        ('{jwtRules: [{issuer: i, jwks: "[]"}]}', "spec.jwtRules[0].jwks"),
        ('{jwtRules: [{issuer: i, jwks: "{\\"keys\\": [{\\"kty\\": \\"RSA\\"}]}"}]}', "spec.jwtRules[0].jwks"),
        ('{jwtRules: [{issuer: i, fromCookies: [""]}]}', "spec.jwtRules[0].fromCookies[0]"),
        (
            "{jwtRules: [{issuer: i, outputClaimToHeaders: [{header: a_b, claim: c}]}]}",
            "spec.jwtRules[0].outputClaimToHeaders[0].header",
        ),
        (
            "{jwtRules: [{issuer: i, outputClaimToHeaders: [{header: a.b, claim: c}]}]}",
            "spec.jwtRules[0].outputClaimToHeaders[0].header",
        ),
        ("{jwtRules: [{issuer: i, timeout: 0s}]}", "spec.jwtRules[0].timeout"),
    ],
)
def test_what_is_wrong_is_refused_by_field(spec: str, field: str) -> None:
    assert refused(RequestAuthentication, spec) == [field]


@pytest.mark.parametrize(
    "spec",
    [
        '{jwtRules: [{issuer: i, jwks: "{\\"keys\\": []}"}, {jwksUri: "https://i/k"}]}',
    ],
)
def test_what_is_right_is_taken(spec: str) -> None:
    assert refused(RequestAuthentication, spec) == []
    assert warned(RequestAuthentication, spec) == []
