from typing import Any

import pytest
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, RouteMatch, VirtualHost
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from pilot.explain.matching import find_host, fits_header, fits_regex, fits_route, fits_text
from pilot.explain.request import parse_request
from tests.pilot.explain.worlds import message

REQUEST = parse_request("http://web/Path/x?q=1", "GET", ["a: b", "n: 5"])


@pytest.mark.parametrize(
    ("matcher", "fits"),
    [
        ({"exact": "abc"}, True), ({"exact": "ABC"}, False), ({"exact": "ABC", "ignore_case": True}, True),
        ({"prefix": "ab"}, True), ({"suffix": "bc"}, True), ({"contains": "b"}, True),
        ({"safe_regex": {"regex": "a.*"}}, True), ({"safe_regex": {"regex": "b"}}, False), ({}, False),
    ],
)  # fmt: skip
def test_text(matcher: dict[str, Any], fits: bool) -> None:
    assert fits_text(message(StringMatcher, matcher), "abc") is fits


@pytest.mark.parametrize(
    ("matcher", "fits"),
    [
        ({"name": "a", "string_match": {"exact": "b"}}, True), ({"name": "a", "exact_match": "c"}, False),
        ({"name": "a", "exact_match": "c", "invert_match": True}, True), ({"name": "none", "present_match": True}, False),  # noqa: E501
        ({"name": "none", "present_match": False}, True), ({"name": "a", "present_match": True, "invert_match": True}, False),  # noqa: E501
        ({"name": "a"}, True), ({"name": "none"}, False), ({"name": "n", "range_match": {"start": 1, "end": 6}}, True),
        ({"name": ":authority", "prefix_match": "we"}, True), ({"name": "a", "suffix_match": "b"}, True),
        ({"name": "a", "contains_match": "x"}, False), ({"name": "a", "safe_regex_match": {"regex": "[b]"}}, True),
    ],
)  # fmt: skip
def test_headers(matcher: dict[str, Any], fits: bool) -> None:
    assert fits_header(message(HeaderMatcher, matcher), REQUEST) is fits


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"prefix": "/Path"}, True), ({"prefix": "/path"}, False), ({"prefix": "/path", "case_sensitive": False}, True),
        ({"path": "/Path/x"}, True), ({"path_separated_prefix": "/Path"}, True), ({"path_separated_prefix": "/Pa"}, False),  # noqa: E501
        ({"safe_regex": {"regex": "/Path/."}}, True), ({"prefix": "/", "grpc": {}}, False),
        ({"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"exact": "1"}}]}, True),
        ({"prefix": "/", "query_parameters": [{"name": "z", "present_match": True}]}, False),
        ({"prefix": "/", "headers": [{"name": "a", "exact_match": "z"}]}, False),
    ],
)  # fmt: skip
def test_routes(match: dict[str, Any], fits: bool) -> None:
    assert fits_route(message(RouteMatch, match), REQUEST) is fits


def test_the_host_that_fits_best_wins() -> None:
    names = ("*", "a.test", "*.test", "x.*", "*.b.test")
    hosts = [VirtualHost(name=each, domains=[each]) for each in names]

    def found(authority: str) -> str:
        host = find_host(hosts, authority)
        return str(host.name) if host is not None else ""

    asked = ("A.test", "c.test", "x.b.test", "x.com", "y.com")
    assert [found(each) for each in asked] == ["a.test", "*.test", "*.b.test", "x.*", "*"]
    assert find_host(hosts[1:], "y.com") is None


def test_a_pattern_that_is_none_fits_nothing() -> None:
    assert not fits_regex("(", "x")
