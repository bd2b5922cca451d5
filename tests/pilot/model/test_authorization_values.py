"""Keys of conditions and the values of attributes: one form each, or a reason."""

import pytest

from pilot.model import authorization_values as values
from pilot.model.authorization_values import Attribute, is_header_name, is_template, parse_key


def test_keys_of_conditions() -> None:
    assert parse_key("source.ip") == (Attribute.SOURCE_IP, ())
    assert parse_key("request.headers[X-Word]") == (Attribute.HEADER, ("X-Word",))
    assert parse_key("request.headers[:authority]") == (Attribute.HEADER, (":authority",))
    assert parse_key("request.auth.claims[https://a.b/c][d e]") == (Attribute.CLAIM, ("https://a.b/c", "d e"))
    assert parse_key("experimental.envoy.filters.a.b[key]") == (Attribute.METADATA, ("envoy.filters.a.b", "key"))


@pytest.mark.parametrize(
    "key",
    [
        "", "source.Ip", "request.headers", "request.headers[]", "request.headers[a b]", "request.auth.claims",
        "request.auth.claims[]", "request.auth.claims[a", "request.auth.claims[a]b", "experimental.other[a]", "hosts",
    ],
)  # fmt: skip
def test_unknown_keys(key: str) -> None:
    assert parse_key(key) is None


def test_names_of_headers() -> None:
    assert is_header_name("x-a")
    assert is_header_name(":path")
    assert not is_header_name("x a")
    assert not is_header_name("")


def test_ranges_have_one_form() -> None:
    assert values.parse_range("10.0.0.1") == "10.0.0.1/32"
    assert values.parse_range("10.0.0.0/8") == "10.0.0.0/8"
    assert values.parse_range("2001:DB8::/32") == "2001:db8::/32"
    assert values.parse_range("::1") == "::1/128"


@pytest.mark.parametrize(
    "text", ["", "300.1.1.1", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/255.0.0.0", "::/129", "fe80::1%eth0"]
)
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="expected an IP address or a range"):
        values.parse_range(text)


def test_ports() -> None:
    assert values.parse_port("8080") == "8080"
    assert values.parse_port("0") == "0"
    for text in ("", "65536", "http", "-1", "٣"):
        with pytest.raises(ValueError, match="expected a port"):
            values.parse_port(text)


def test_accounts_have_a_namespace() -> None:
    assert values.parse_account("web", "shop") == "shop/web"
    assert values.parse_account("other/web", "shop") == "other/web"
    for text in ("", "a/b/c", "/web", "other/", "*", "we*"):
        with pytest.raises(ValueError, match="expected a service account"):
            values.parse_account(text, "shop")


def test_paths_and_templates() -> None:
    for text in ("/a", "*/a", "/a*", "*", "/a/{*}", "/{*}/b/{**}", "/{**}/c", "/a%20b/{*}/"):
        assert values.parse_path(text) == text
    assert is_template("/a/{*}")
    assert not is_template("/a/*")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a/{id}",
        "/a{",
        "a/{*}",
        "/x{*}",
        "/{**}/{*}",
        "/{**}/a/{**}",
        "/{*}//b",
        "/{*}/a*",
        "/{*}/%zz",
        "/{*}" + "/a" * 128,
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        values.parse_path(text)
