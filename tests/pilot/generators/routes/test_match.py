from typing import Any

import pytest
from google.protobuf import json_format

from pilot.generators.routes.match import EVERYTHING, build_match, claim_path, match_errors, takes_everything
from pilot.model.virtual_service import HTTPMatchRequest, StringMatch


def match(*, gateway_semantics: bool = False, **conditions: Any) -> Any:
    return json_format.MessageToDict(build_match(HTTPMatchRequest(**conditions), gateway_semantics=gateway_semantics))


def headers(**conditions: Any) -> list[Any]:
    made: list[Any] = match(**conditions)["headers"]
    return made


EXACT, PREFIX, REGEX, THERE = StringMatch(exact="a"), StringMatch(prefix="p"), StringMatch(regex="r+"), StringMatch()


def test_paths_are_matched_as_written() -> None:
    assert match(uri=StringMatch(exact="/a")) == {"path": "/a", "caseSensitive": True}
    assert match(uri=StringMatch(prefix="/a/")) == {"prefix": "/a/", "caseSensitive": True}
    assert match(uri=StringMatch(regex="/a.*")) == {"safeRegex": {"regex": "/a.*"}, "caseSensitive": True}
    assert match(uri=StringMatch(exact="/a"), ignore_uri_case=True)["caseSensitive"] is False
    assert match() == {"prefix": "/", "caseSensitive": True}


def test_gateway_api_prefixes_are_of_whole_path_elements() -> None:
    assert match(gateway_semantics=True, uri=StringMatch(prefix="/a/"))["pathSeparatedPrefix"] == "/a"
    assert match(gateway_semantics=True, uri=StringMatch(prefix="/"))["prefix"] == "/"


def test_headers_are_sorted_and_pseudo_headers_follow() -> None:
    made = headers(
        headers={"z": EXACT, "b": REGEX}, without_headers={"c": PREFIX}, method=EXACT, authority=PREFIX, scheme=EXACT
    )

    assert [each["name"] for each in made] == ["b", "c", "z", ":method", ":authority", ":scheme"]
    assert made[0]["stringMatch"] == {"safeRegex": {"regex": "r+"}}


def test_a_header_may_only_have_to_be_there() -> None:
    made = headers(headers={"a": THERE, "b": StringMatch(regex="*")}, without_headers={"c": THERE})

    assert made == [
        {"name": "a", "presentMatch": True},
        {"name": "b", "presentMatch": True},
        {"name": "c", "presentMatch": True, "invertMatch": True},
    ]


def test_a_header_that_must_not_match_may_be_missing() -> None:
    assert headers(without_headers={"a": EXACT}) == [
        {"name": "a", "stringMatch": {"exact": "a"}, "invertMatch": True, "treatMissingHeaderAsEmpty": True}
    ]


def test_query_parameters_match_or_are_there() -> None:
    made = match(query_params={"a": StringMatch(exact=""), "b": THERE})

    assert made["queryParameters"] == [
        {"name": "a", "stringMatch": {"exact": ""}},
        {"name": "b", "presentMatch": True},
    ]


def test_claims_are_looked_up_in_what_jwt_authentication_left() -> None:
    made = match(headers={"@request.auth.claims.a.b": EXACT}, without_headers={"@request.auth.claims[c]": EXACT})
    value = {"stringMatch": {"exact": "a"}}

    assert "headers" not in made
    assert made["dynamicMetadata"][0] == {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "payload"}, {"key": "a"}, {"key": "b"}],
        "value": {"orMatch": {"valueMatchers": [{"listMatch": {"oneOf": value}}, value]}},
    }
    assert made["dynamicMetadata"][1]["invert"] is True


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("@request.auth.claims.a.b", ("a", "b")),
        ("@request.auth.claims[a][b.c]", ("a", "b.c")),
        ("@request.auth.claims", ()),
        ("@request.auth.claims[a]b", ()),
        ("@request.auth.claimsx", ()),
    ],
)
def test_claim_names_have_two_forms(name: str, path: tuple[str, ...]) -> None:
    assert claim_path(name) == path


def test_a_match_without_conditions_takes_everything() -> None:
    def everything(**conditions: Any) -> bool:
        return takes_everything(build_match(HTTPMatchRequest(**conditions), gateway_semantics=False))

    assert takes_everything(EVERYTHING)
    assert everything(port=80)
    assert everything(uri=StringMatch(regex=".*"))
    assert not everything(uri=StringMatch(prefix="/a"))
    assert not everything(headers={"a": EXACT})
    assert not everything(query_params={"a": EXACT})
    assert not everything(headers={"@request.auth.claims.a": EXACT})


def errors(*, gateway_semantics: bool = False, **conditions: Any) -> list[str]:
    made = match_errors(HTTPMatchRequest(**conditions), gateway_semantics=gateway_semantics)
    return [f"{field}: {reason}" for field, reason in made]


def test_what_envoy_would_refuse_is_named_by_field() -> None:
    assert errors(uri=StringMatch(regex="(")) == ["uri: regex '(' does not compile: missing ): ("]
    assert errors(headers={"a": StringMatch(prefix="")}) == ["headers[a]: expected a prefix, got an empty string"]
    assert errors(query_params={"": EXACT}) == ["queryParams: expected the name of a parameter, got an empty string"]
    assert errors(headers={"@request.auth.claims": EXACT})[0].startswith(
        "headers[@request.auth.claims]: expected a header"
    )
    assert errors(uri=StringMatch(regex="*"))[0].startswith("uri: regex '*' does not compile")
    assert errors(gateway_semantics=True, uri=StringMatch(prefix="/a?b")) == [
        "uri: expected a path without query and fragment, got '/a?b'"
    ]


def test_what_envoy_takes_is_no_error() -> None:
    assert errors(uri=StringMatch(prefix=""), headers={"a": StringMatch(regex="*"), "b": THERE}, method=EXACT) == []
    assert errors(gateway_semantics=True, uri=StringMatch(prefix="/a/")) == []
