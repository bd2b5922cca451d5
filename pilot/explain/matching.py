"""Whether a request fits what Envoy's messages say: text, addresses, headers, paths, domains, routes.

In: Envoy's matchers, a request. Out: yes or no, as Envoy would decide. Decides nothing about what follows.
"""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qsl

import re2

from pilot.explain.request import Request


def fits_text(matcher: Any, text: str) -> bool:
    """A StringMatcher."""
    kind = matcher.WhichOneof("match_pattern")
    if kind == "safe_regex":
        return fits_regex(matcher.safe_regex.regex, text)
    wanted = getattr(matcher, kind) if kind in ("exact", "prefix", "suffix", "contains") else ""
    if matcher.ignore_case:
        wanted, text = wanted.lower(), text.lower()
    match kind:
        case "exact":
            return text == wanted
        case "prefix":
            return text.startswith(wanted)
        case "suffix":
            return text.endswith(wanted)
        case "contains":
            return wanted in text
    return False


def fits_regex(pattern: str, text: str) -> bool:
    """The whole text, as Envoy has it."""
    try:
        return re2.fullmatch(pattern, text) is not None
    except re2.error:
        return False


def fits_range(range_: Any, address: str) -> bool:
    """A CidrRange; what is no address is in none."""
    try:
        return ip_address(address) in ip_network(f"{range_.address_prefix}/{range_.prefix_len.value}", strict=False)
    except ValueError:
        return False


def fits_header(matcher: Any, request: Request) -> bool:
    """A HeaderMatcher."""
    value = request.header(matcher.name)
    kind = matcher.WhichOneof("header_match_specifier")
    if value is None and matcher.treat_missing_header_as_empty:
        value = ""
    if kind == "present_match":
        return bool((value is not None) == (matcher.present_match != matcher.invert_match))
    if value is None:
        return bool(matcher.invert_match) and kind is not None
    return _fits_value(kind, matcher, value) is not bool(matcher.invert_match)


def _fits_value(kind: str | None, matcher: Any, value: str) -> bool:
    match kind:
        case "string_match":
            return fits_text(matcher.string_match, value)
        case "exact_match":
            return bool(value == matcher.exact_match)
        case "prefix_match":
            return value.startswith(matcher.prefix_match)
        case "suffix_match":
            return value.endswith(matcher.suffix_match)
        case "contains_match":
            return bool(matcher.contains_match in value)
        case "safe_regex_match":
            return fits_regex(matcher.safe_regex_match.regex, value)
        case "range_match":
            number = int(value) if value.lstrip("-").isdecimal() else None
            return number is not None and number in range(matcher.range_match.start, matcher.range_match.end)
    return True  # that it is there is enough


def fits_route(match: Any, request: Request) -> bool:
    """A RouteMatch; what depends on chance or on run-time values counts as fitting."""
    if not _fits_path(match, request.plain_path):
        return False
    if match.HasField("grpc") and not (request.header("content-type") or "").startswith("application/grpc"):
        return False
    query = dict(parse_qsl(request.path.partition("?")[2], keep_blank_values=True))
    return (
        all(fits_header(each, request) for each in match.headers)
        and all(_fits_query(each, query) for each in match.query_parameters)
        and not match.dynamic_metadata  # claims of tokens: nobody here has checked one
    )


def _fits_path(match: Any, path: str) -> bool:
    fold = match.HasField("case_sensitive") and not match.case_sensitive.value
    if fold:
        path = path.lower()
    kind = match.WhichOneof("path_specifier")
    if kind == "safe_regex":
        return fits_regex(match.safe_regex.regex, path)
    wanted = getattr(match, kind) if kind in ("prefix", "path", "path_separated_prefix") else ""
    wanted = wanted.lower() if fold else wanted
    match kind:
        case "prefix":
            return path.startswith(wanted)
        case "path":
            return path == wanted
        case "path_separated_prefix":
            return path == wanted or path.startswith(wanted + "/")
    return False


def _fits_query(matcher: Any, query: dict[str, str]) -> bool:
    value = query.get(matcher.name)
    if matcher.WhichOneof("query_parameter_match_specifier") == "string_match":
        return value is not None and fits_text(matcher.string_match, value)
    return value is not None


def find_host(hosts: Iterable[Any], authority: str) -> Any | None:
    """The virtual host for an authority: by its exact name, the longest `*.x`, the longest `x.*`, `*`."""
    wanted, best, found = authority.lower(), (0, 0), None
    for host in hosts:
        for domain in host.domains:
            rank = _rank(domain.lower(), wanted)
            if rank > best:
                best, found = rank, host
    return found


def _rank(domain: str, wanted: str) -> tuple[int, int]:
    if domain == wanted:
        return 4, len(domain)
    if domain == "*":
        return 1, 0
    if domain.startswith("*") and wanted.endswith(domain[1:]) and len(wanted) >= len(domain):
        return 3, len(domain)
    if domain.endswith("*") and wanted.startswith(domain[:-1]) and len(wanted) >= len(domain):
        return 2, len(domain)
    return 0, 0
