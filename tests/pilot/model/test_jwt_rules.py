"""RequestAuthentications are checked: what Envoy would refuse is left out, and then no token is good."""

from typing import Any

import pytest

from pilot.model import jwt_rules
from pilot.model.decoding import decode_value
from pilot.model.jwt_rules import Authentication, keys_of, missing_keys
from pilot.model.key_sets import UNUSABLE, KeySets, KeySource
from pilot.model.request_authentication import RequestAuthentication

KEYS = '{"keys":[{"kty":"EC"}]}'
NOTHING = KeySets({}, {})


def checked(**rule: Any) -> Authentication:
    """A policy `shop/p` with one rule."""
    value = {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"jwtRules": [{"issuer": "i", **rule}]}}
    policy, faults = decode_value(value, RequestAuthentication)
    assert policy is not None, faults
    return jwt_rules.check(policy)


def test_given_keys_are_used_as_they_are() -> None:
    found = checked(jwks=KEYS, jwksUri="https://a/keys")
    assert keys_of(found.rules[0], NOTHING) == KEYS
    assert found.problems == ()


def test_without_keys_the_uri_and_then_the_issuer_say_where_they_are() -> None:
    assert checked(jwksUri="https://a/keys").rules[0].source == KeySource("https://a/keys")
    discovered = checked(issuer="https://a/").rules[0].source
    assert discovered == KeySource("https://a/.well-known/openid-configuration", is_discovery=True)


def test_keys_that_are_not_here_refuse_every_token() -> None:
    (rule,) = checked(jwksUri="https://a/keys").rules
    assert keys_of(rule, NOTHING) == UNUSABLE
    assert keys_of(rule, KeySets({"https://a/keys": KEYS}, {})) == KEYS


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"jwks": "no keys"}, "jwks"),
        ({"issuer": "me@example.com"}, "issuer"),
        ({"jwksUri": "file:///etc/keys"}, "jwksUri"),
        ({"jwks": KEYS, "fromHeaders": [{"name": "a b"}]}, "fromHeaders[0]"),
        ({"jwks": KEYS, "fromHeaders": [{"name": "a", "prefix": "x\ny"}]}, "fromHeaders[0]"),
        ({"jwks": KEYS, "fromParams": ["a", ""]}, "fromParams[1]"),
        ({"jwks": KEYS, "fromCookies": [""]}, "fromCookies[0]"),
        ({"jwks": KEYS, "audiences": [""]}, "audiences[0]"),
        ({"jwks": KEYS, "outputPayloadToHeader": ":x y"}, "outputPayloadToHeader"),
        ({"jwks": KEYS, "outputClaimToHeaders": [{"header": "x"}]}, "outputClaimToHeaders[0]"),
    ],
)
def test_with_a_mistake_no_token_of_the_issuer_is_good(rule: dict[str, Any], field: str) -> None:
    found = checked(**rule)
    assert keys_of(found.rules[0], NOTHING) == UNUSABLE
    (problem,) = found.problems
    assert problem.field == f"spec.jwtRules[0].{field}"
    assert "every token of the issuer is refused" in problem.message


def test_what_envoy_would_refuse_is_left_out() -> None:
    (rule,) = checked(
        jwks=KEYS,
        fromHeaders=[{"name": "good", "prefix": "P "}, {"name": "b d"}],
        fromParams=["good", ""],
        outputClaimToHeaders=[{"header": "x-good", "claim": "sub"}, {"header": "x"}],
        outputPayloadToHeader="b d",
    ).rules
    assert [each.name for each in rule.rule.from_headers] == ["good"]
    assert rule.rule.from_params == ("good",)
    assert [each.header for each in rule.rule.output_claim_to_headers] == ["x-good"]
    assert rule.rule.output_payload_to_header == ""


def test_missing_keys_are_problems_only_where_we_fetch_them() -> None:
    policy = checked(jwksUri="https://a/keys")
    wanted = {KeySource("https://a/keys")}
    (absent,) = missing_keys(policy, NOTHING, wanted)
    assert "are not here yet" in absent.message
    (failed,) = missing_keys(policy, KeySets({}, {"https://a/keys": "no answer"}), wanted)
    assert "cannot be had: no answer; every token of the issuer is refused" in failed.message
    (old,) = missing_keys(policy, KeySets({"https://a/keys": KEYS}, {"https://a/keys": "no answer"}), wanted)
    assert "the last ones stay in use" in old.message
    assert not list(missing_keys(policy, KeySets({"https://a/keys": KEYS}, {}), wanted))
    assert not list(missing_keys(policy, NOTHING, frozenset()))
    assert not list(missing_keys(checked(jwks=KEYS), NOTHING, wanted))
