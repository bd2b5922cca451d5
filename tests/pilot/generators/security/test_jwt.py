"""The filter that looks at tokens."""

from typing import Any

from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import JwtAuthentication
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

from pilot.generators.security import jwt
from pilot.model.duration import Duration
from pilot.model.request_authentication import ClaimToHeader, JwtHeader, JwtRule
from pilot.view.security import JwtProvider
from tests.pilot.generators.samples import as_json


def built(*providers: JwtProvider, clear_route_cache: bool = False) -> Any:
    (extension,) = jwt.build(providers, clear_route_cache)
    assert extension.required
    return as_json(JwtAuthentication.FromString(HttpFilter.FromString(extension.body).typed_config.value))


def test_without_providers_there_is_no_filter() -> None:
    assert jwt.build((), False) == ()


def test_everything_said_about_a_rule() -> None:
    rule = JwtRule(
        issuer="i",
        audiences=("b", "a"),
        from_headers=(JwtHeader("x", "P "),),
        from_params=("p",),
        from_cookies=("c",),
        output_payload_to_header="x-payload",
        forward_original_token=True,
        output_claim_to_headers=(ClaimToHeader("x-sub", "sub"),),
        space_delimited_claims=("roles", "scope"),
        timeout=Duration(seconds=9),
    )
    found = built(JwtProvider(rule, "keys"))
    assert found["bypassCorsPreflight"] is True
    assert found["providers"]["origins-0"] == {
        "issuer": "i",
        "audiences": ["b", "a"],
        "forward": True,
        "forwardPayloadHeader": "x-payload",
        "payloadInMetadata": "payload",
        "normalizePayloadInMetadata": {"spaceDelimitedClaims": ["permission", "roles", "scope"]},
        "claimToHeaders": [{"headerName": "x-sub", "claimName": "sub"}],
        "fromHeaders": [{"name": "x", "valuePrefix": "P "}],
        "fromParams": ["p"],
        "fromCookies": ["c"],
        "localJwks": {"inlineString": "keys"},
    }


def test_one_rule_takes_its_token_or_none() -> None:
    (rule,) = built(JwtProvider(JwtRule("i"), "k"))["rules"]
    assert rule["match"] == {"prefix": "/"}
    assert rule["requires"] == {"requiresAny": {"requirements": [{"providerName": "origins-0"}, {"allowMissing": {}}]}}


def test_several_rules_take_one_good_token_or_none_at_all() -> None:
    (rule,) = built(JwtProvider(JwtRule("i"), "k"), JwtProvider(JwtRule("j"), "k"))["rules"]
    first, second, none = rule["requires"]["requiresAny"]["requirements"]
    assert (first, second) == ({"providerName": "origins-0"}, {"providerName": "origins-1"})
    assert none["requiresAll"]["requirements"] == [
        {"requiresAny": {"requirements": [{"providerName": name}, {"allowMissing": {}}]}}
        for name in ("origins-0", "origins-1")
    ]


def test_routes_of_gateways_may_depend_on_claims() -> None:
    found = built(JwtProvider(JwtRule("i"), "k"), clear_route_cache=True)
    assert found["providers"]["origins-0"]["clearRouteCache"] is True


def test_a_proxy_that_fetches_keys_itself() -> None:
    rule = JwtRule("i", jwks_uri="http://keys/x")
    found = built(JwtProvider(rule, cluster="outbound|80||keys"))["providers"]["origins-0"]
    assert found["remoteJwks"] == {
        "httpUri": {"uri": "http://keys/x", "cluster": "outbound|80||keys", "timeout": "5s"},
        "cacheDuration": "300s",
    }
    slow = built(JwtProvider(JwtRule("i", timeout=Duration(seconds=7)), cluster="c"))["providers"]["origins-0"]
    assert slow["remoteJwks"]["httpUri"]["timeout"] == "7s"
