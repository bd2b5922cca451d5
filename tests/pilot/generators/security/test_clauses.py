"""Clauses as principals and permissions; what they decide is tested with random policies."""

import pytest

from pilot.generators.security.clauses import Trust, permission, principal
from pilot.model.authorization_rules import Clause
from pilot.model.authorization_values import Attribute
from tests.pilot.generators.samples import as_json

TRUST = Trust("example.td", ("old.td",))


@pytest.mark.parametrize("domain", ["example.td", "old.td", "cluster.local"])
def test_a_full_identity_of_ours_is_meant_in_every_domain(domain: str) -> None:
    assert TRUST.expand(f"{domain}/ns/a/sa/b") == ("example.td/ns/a/sa/b", "old.td/ns/a/sa/b")


@pytest.mark.parametrize("value", ["other.td/ns/a/sa/b", "example.td/ns/*", "*/ns/a/sa/b", "*", "example.td/ns/a"])
def test_everything_else_is_meant_as_it_is(value: str) -> None:
    assert TRUST.expand(value) == (value,)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("cluster.local/ns/a/sa/*", ("example.td/ns/a/sa/*", "old.td/ns/a/sa/*")),
        ("*.td/ns/a/sa/b", ("*.td/ns/a/sa/b",)),
        ("*e.td/ns/a/sa/b", ("*e.td/ns/a/sa/b", "old.td/ns/a/sa/b")),
        ("exam*/ns/a/sa/b", ("example.td/ns/a/sa/b", "old.td/ns/a/sa/b")),
        ("*.local/ns/a/sa/b", ("*.local/ns/a/sa/b",)),
    ],
)
def test_patterns_of_five_parts_are_meant_in_every_domain(value: str, meant: tuple[str, ...]) -> None:
    assert TRUST.expand(value) == meant


def test_one_request_principal_stands_alone_and_several_are_alternatives() -> None:
    one = as_json(principal(Clause(Attribute.REQUEST_PRINCIPAL, ("i/s",)), TRUST))
    assert list(one) == ["andIds"]
    both = as_json(principal(Clause(Attribute.REQUEST_PRINCIPAL, ("i/s", "*"), negated=True), TRUST))
    assert len(both["notId"]["orIds"]["ids"]) == 2


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("a/b/s", {"exact": "a/b"}, {"exact": "s"}),
        ("a/*", {"exact": "a"}, {"safeRegex": {"regex": ".+"}}),
        ("*/s", {"safeRegex": {"regex": ".+"}}, {"exact": "s"}),
        ("a*", {"prefix": "a"}, {"safeRegex": {"regex": ".+"}}),
        ("*s", {"safeRegex": {"regex": ".+"}}, {"suffix": "s"}),
        ("a", {"exact": "a"}, {"exact": ""}),
    ],
)
def test_request_principals_are_issuer_and_subject(value: str, issuer: object, subject: object) -> None:
    found = as_json(principal(Clause(Attribute.REQUEST_PRINCIPAL, (value,)), TRUST))["andIds"]["ids"]
    assert [each["metadata"]["value"]["stringMatch"] for each in found] == [issuer, subject]


def test_claims_have_places() -> None:
    for attribute, path in ((Attribute.AUDIENCE, ["aud"]), (Attribute.PRESENTER, ["azp"])):
        found = as_json(principal(Clause(attribute, ("x",)), TRUST))["metadata"]
        assert [each["key"] for each in found["path"]] == ["payload", *path]


def test_templates() -> None:
    found = as_json(permission(Clause(Attribute.PATH, ("/{*}/{**}", "/a*"))))["orRules"]["rules"]
    assert found[0]["uriTemplate"]["typedConfig"]["pathTemplate"] == "/*/**"
    assert found[1] == {"urlPath": {"path": {"prefix": "/a"}}}


def test_every_attribute_has_a_form() -> None:
    values = {Attribute.PORT: "80", Attribute.SERVICE_ACCOUNT: "a/b"}
    ranges = {Attribute.REMOTE_IP, Attribute.SOURCE_IP, Attribute.DESTINATION_IP}
    for each in Attribute:
        value = values.get(each, "10.0.0.0/8" if each in ranges else "x")
        clause = Clause(each, (value,), negated=True, path=("envoy.filters.a", "b"))
        made = principal(clause, TRUST) if each.is_source else permission(clause)
        assert list(as_json(made)) == ["notId" if each.is_source else "notRule"]
