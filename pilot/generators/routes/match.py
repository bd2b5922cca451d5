"""Conditions of a VirtualService on a request, as Envoy's route match.

In: an `HTTPMatchRequest`. Out: a `RouteMatch`, and whether it takes every request. Which matches apply to a proxy
at all is decided by `translate.py`. Source: xDS behaviour 5.5 (Match), appendix A.8.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, QueryParameterMatcher, RouteMatch
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ListMatcher, OrMatcher, ValueMatcher
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy.regex import regex_error
from pilot.model.virtual_service import HTTPMatchRequest, StringMatch

_CLAIMS: Final = "@request.auth.claims"
_JWT: Final = "envoy.filters.http.jwt_authn"
_BRACKETED: Final = re.compile(r"\[([^\[\]]+)\]")
_LINE_END: Final = re.compile(r"[\x00\r\n]")
_ANY_REGEX: Final = "*"
_PATH_PREFIX: Final = re.compile(r"[^?#]+[^?#/]")

EVERYTHING: Final = RouteMatch(prefix="/")
"""The match of a route without conditions."""


def string_matcher(match: StringMatch) -> Any:
    """A `StringMatcher`; a match without a value takes every string."""
    if match.exact is not None:
        return StringMatcher(exact=match.exact)
    if match.prefix is not None:
        return StringMatcher(prefix=match.prefix)
    return StringMatcher(safe_regex=RegexMatcher(regex=match.regex if match.regex is not None else ".*"))


def build_match(match: HTTPMatchRequest, *, gateway_semantics: bool) -> Any:
    """The `RouteMatch`; its regular expressions are valid (see `match_errors`)."""
    made = RouteMatch(case_sensitive=BoolValue(value=not match.ignore_uri_case))
    _set_path(made, match.uri, gateway_semantics=gateway_semantics)
    made.headers.extend(_headers(match))
    made.dynamic_metadata.extend(_claims(match))
    made.query_parameters.extend(
        QueryParameterMatcher(name=name, present_match=True)
        if _is_presence(each)
        else QueryParameterMatcher(name=name, string_match=string_matcher(each))
        for name, each in match.query_params.items()
    )
    return made


def _set_path(made: Any, uri: StringMatch | None, *, gateway_semantics: bool) -> None:
    if uri is not None and uri.exact is not None:
        made.path = uri.exact
    elif uri is not None and uri.regex is not None:
        made.safe_regex.CopyFrom(RegexMatcher(regex=uri.regex))
    else:
        prefix = uri.prefix if uri is not None and uri.prefix is not None else "/"
        if gateway_semantics and prefix != "/":
            made.path_separated_prefix = prefix.rstrip("/")
        else:
            made.prefix = prefix


def _headers(match: HTTPMatchRequest) -> Iterator[Any]:
    """Header conditions by name, then those on pseudo headers."""
    conditions = [(name, each, False) for name, each in match.headers.items()]
    conditions += [(name, each, True) for name, each in match.without_headers.items()]
    for name, each, inverted in sorted(conditions, key=lambda condition: condition[0]):
        if not name.startswith(_CLAIMS):
            yield _header(name, each, inverted=inverted)
    for name, pseudo in ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme)):
        if pseudo is not None:
            yield _header(name, pseudo, inverted=False)


def _header(name: str, match: StringMatch, *, inverted: bool) -> Any:
    if _is_presence(match):
        return HeaderMatcher(name=name, present_match=True, invert_match=inverted)
    return HeaderMatcher(
        name=name,
        string_match=string_matcher(match),
        invert_match=inverted,
        treat_missing_header_as_empty=inverted,
    )


def _is_presence(match: StringMatch) -> bool:
    """Whether the header (or parameter) only has to be there."""
    return match.regex == _ANY_REGEX or (match.exact is None and match.prefix is None and match.regex is None)


def _claims(match: HTTPMatchRequest) -> Iterator[Any]:
    for conditions, inverted in ((match.headers, False), (match.without_headers, True)):
        for name, each in sorted(conditions.items()):
            if name.startswith(_CLAIMS):
                yield _claim(claim_path(name), each, inverted=inverted)


def claim_path(name: str) -> tuple[str, ...]:
    """The claim that a header name stands for: `@request.auth.claims.a.b` and `@request.auth.claims[a][b]` are (a, b).

    Empty where the name is neither.
    """
    rest = name.removeprefix(_CLAIMS)
    if rest.startswith("["):
        return tuple(_BRACKETED.findall(rest)) if _BRACKETED.sub("", rest) == "" else ()
    return tuple(part for part in rest.split(".") if part) if rest.startswith(".") else ()


def _claim(path: tuple[str, ...], match: StringMatch, *, inverted: bool) -> Any:
    """A claim is a string, or a list with that string in it."""
    value = ValueMatcher(string_match=string_matcher(match))
    listed = ValueMatcher(list_match=ListMatcher(one_of=value))
    return MetadataMatcher(
        filter=_JWT,
        path=[MetadataMatcher.PathSegment(key=key) for key in ("payload", *path)],
        value=ValueMatcher(or_match=OrMatcher(value_matchers=[listed, value])),
        invert=inverted,
    )


def takes_everything(made: Any) -> bool:
    """Whether a `RouteMatch` takes every request, so that routes after it are never reached."""
    if made.headers or made.query_parameters or made.dynamic_metadata:
        return False
    kind = made.WhichOneof("path_specifier")
    return bool(kind == "prefix" and made.prefix == "/") or bool(kind == "safe_regex" and made.safe_regex.regex == ".*")


def match_errors(match: HTTPMatchRequest, *, gateway_semantics: bool) -> Iterator[tuple[str, str]]:
    """What Envoy would refuse: (field, reason). A match with an error matches nothing."""
    strings: list[tuple[str, StringMatch | None]] = [
        ("uri", match.uri),
        ("scheme", match.scheme),
        ("method", match.method),
        ("authority", match.authority),
        *((f"headers[{name}]", each) for name, each in match.headers.items()),
        *((f"withoutHeaders[{name}]", each) for name, each in match.without_headers.items()),
        *((f"queryParams[{name}]", each) for name, each in match.query_params.items()),
    ]
    for field, each in strings:
        if each is not None and each.regex is not None and each.regex != _ANY_REGEX:
            error = regex_error(each.regex) if each.regex else "expected a regex, got an empty string"
            if error:
                yield field, error
        if each is not None and each.prefix == "" and field != "uri":
            yield field, "expected a prefix, got an empty string"
    prefix = match.uri.prefix if match.uri is not None and gateway_semantics else None
    if prefix and prefix != "/" and not _PATH_PREFIX.fullmatch(prefix.rstrip("/")):
        yield "uri", f"expected a path without query and fragment, got {prefix!r}"
    if match.uri is not None and match.uri.regex == _ANY_REGEX:
        yield "uri", "regex '*' does not compile: no argument for repetition operator"
    for name in (*match.headers, *match.without_headers):
        if not name or _LINE_END.search(name) or (name.startswith(_CLAIMS) and not claim_path(name)):
            yield f"headers[{name}]", f"expected a header name or {_CLAIMS}.NAME, got {name!r}"
    if "" in match.query_params:
        yield "queryParams", "expected the name of a parameter, got an empty string"
