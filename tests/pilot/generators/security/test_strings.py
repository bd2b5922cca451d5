"""Values as Envoy's matchers."""

from pilot.generators.security import strings
from tests.pilot.generators.samples import as_json


def test_patterns() -> None:
    assert as_json(strings.pattern("a")) == {"exact": "a"}
    assert as_json(strings.pattern("a*", ignore_case=True)) == {"prefix": "a", "ignoreCase": True}
    assert as_json(strings.pattern("*a")) == {"suffix": "a"}
    assert as_json(strings.pattern("*")) == {"safeRegex": {"regex": ".+"}}
    assert as_json(strings.pattern("*a*")) == {"suffix": "a*"}


def test_identities() -> None:
    assert as_json(strings.principal("td/ns/a/sa/b")) == {"exact": "spiffe://td/ns/a/sa/b"}
    assert as_json(strings.principal("td/ns/*")) == {"prefix": "spiffe://td/ns/"}
    assert as_json(strings.principal("*/sa/b.c")) == {"safeRegex": {"regex": r"spiffe://.*/sa/b\.c"}}
    assert as_json(strings.principal("*")) == {"safeRegex": {"regex": ".+"}}


def test_namespaces_and_accounts() -> None:
    assert as_json(strings.namespace("a-*")) == {"safeRegex": {"regex": ".*/ns/a-.*/.*"}}
    assert as_json(strings.namespace("*a")) == {"safeRegex": {"regex": ".*/ns/[^/]*a/.*"}}
    expected = {"safeRegex": {"regex": r"spiffe://.+/ns/a/(.+/|)sa/b\.c(/.+)?"}}
    assert as_json(strings.account("a/b.c")) == expected


def test_addresses() -> None:
    assert as_json(strings.cidr("10.0.0.0/8")) == {"addressPrefix": "10.0.0.0", "prefixLen": 8}
    assert as_json(strings.cidr("::/0")) == {"addressPrefix": "::", "prefixLen": 0}


def test_claims_are_a_text_or_in_a_list() -> None:
    one = {"stringMatch": {"exact": "a"}}
    found = as_json(strings.claim(["x", "y"], ["a"]))
    assert found["path"] == [{"key": "payload"}, {"key": "x"}, {"key": "y"}]
    assert found["value"] == {"orMatch": {"valueMatchers": [{"listMatch": {"oneOf": one}}, one]}}
    several = as_json(strings.claim(["x"], ["a", "b*"]))["value"]["orMatch"]["valueMatchers"][1]
    assert several == {"orMatch": {"valueMatchers": [one, {"stringMatch": {"prefix": "b"}}]}}


def test_metadata_of_other_filters() -> None:
    plain = as_json(strings.metadata("envoy.filters.x", "k", "v*"))
    assert plain == {"filter": "envoy.filters.x", "path": [{"key": "k"}], "value": {"stringMatch": {"prefix": "v"}}}
    listed = as_json(strings.metadata("envoy.filters.x", "k", "[v]"))
    assert listed["value"] == {"listMatch": {"oneOf": {"stringMatch": {"exact": "v"}}}}


def test_headers() -> None:
    assert as_json(strings.header("x", "*")) == {"name": "x", "presentMatch": True}
    assert as_json(strings.header("x", "v")) == {"name": "x", "stringMatch": {"exact": "v"}}
