"""Rules of HTTPRoutes and GRPCRoutes as Istio's HTTP routes.

In: a route and who may refer to what. Out: one `HTTPRoute` for each match, and problems. A rule with a filter that
nobody here knows is left out whole. Order among routes is made by `precedence`. Source: xDS behaviour 5.8.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from pilot.gatewayapi.backends import NOWHERE, Context, destination
from pilot.gatewayapi.faults import Fault
from pilot.gatewayapi.http_filters import Steps, read_filters
from pilot.gatewayapi.route import (
    GrpcMatch,
    GrpcRoute,
    GrpcRule,
    HttpMatch,
    HttpRoute,
    HttpRule,
    NamedMatch,
    PathMatch,
    WeightedBackend,
)
from pilot.model.problem import Problem, Severity
from pilot.model.virtual_service import (
    HTTPDirectResponse,
    HTTPMatchRequest,
    HTTPRetry,
    HTTPRoute,
    HTTPRouteDestination,
    StringMatch,
)

_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled"
_DEFAULT_ATTEMPTS = 2
_URI_RANK = {"exact": 3, "prefix": 2, "regex": 1}


@dataclass(frozen=True, slots=True)
class Converted:
    """The routes of an object, in order of precedence."""

    http: tuple[HTTPRoute, ...]
    problems: tuple[Problem, ...]


def convert(route: HttpRoute | GrpcRoute, context: Context) -> Converted:
    """All rules of a route."""
    made: list[HTTPRoute] = []
    problems: list[Problem] = []
    rules: Iterable[HttpRule | GrpcRule] = route.spec.rules
    for index, rule in enumerate(rules):
        field = f"spec.rules[{index}]"
        steps = read_filters(rule.filters, context)
        if isinstance(steps, Fault):
            problems.append(Problem(f"{steps}: the rule is not served", route.key, field=f"{field}.filters"))
            continue
        problems += [Problem(str(each), route.key, field=f"{field}.filters") for each in steps.faults]
        faults: list[str] = []
        base = _base(rule, steps, context, faults.append)
        where = f"{field}.backendRefs"
        problems += [Problem(each, route.key, field=where, severity=Severity.WARNING) for each in faults]
        name = rule.name or f"{route.namespace}.{route.name}.{index}"
        matches = _http_matches(rule) if isinstance(rule, HttpRule) else _grpc_matches(rule)
        made += [replace(base, name=name, match=(each,) if each else ()) for each in matches]
    return Converted(tuple(sorted(made, key=precedence)), tuple(problems))


def precedence(route: HTTPRoute) -> tuple[bool, int, int, bool, int, int]:
    """Sorts routes as the Gateway API wants: the most specific first; stable for what is equal."""
    if not route.match:
        return True, 0, 0, False, 0, 0
    match = route.match[0]
    rank, length = 0, 0
    for kind, number in _URI_RANK.items():
        value = getattr(match.uri, kind) if match.uri is not None else None
        if value is not None:
            rank, length = number, len(value)
    return False, -rank, -length, match.method is None, -len(match.headers), -len(match.query_params)


def _base(rule: HttpRule | GrpcRule, steps: Steps, context: Context, note: Callable[[str], None]) -> HTTPRoute:
    """The route of a rule, without name and condition."""
    route = HTTPRoute(
        headers=steps.headers,
        redirect=steps.redirect,
        rewrite=steps.rewrite,
        mirrors=steps.mirrors,
        cors_policy=steps.cors,
    )
    if isinstance(rule, HttpRule):
        route = _with_patience(route, rule)
    if steps.redirect is not None:
        return route
    destinations = tuple(_destinations(rule.backend_refs, context, note))
    if not destinations:
        return replace(route, direct_response=HTTPDirectResponse(status=500))
    return replace(route, route=destinations)


def _with_patience(route: HTTPRoute, rule: HttpRule) -> HTTPRoute:
    """Timeouts and retries."""
    timeout, single = rule.timeouts.request or None, rule.timeouts.backend_request or None  # 0s: no limit
    if rule.retry is None:
        return replace(route, timeout=single or timeout)
    codes = tuple(str(code) for code in rule.retry.codes)
    retries = HTTPRetry(
        attempts=_DEFAULT_ATTEMPTS if rule.retry.attempts is None else rule.retry.attempts,
        retry_on=",".join((_RETRY_ON, *codes)),
        per_try_timeout=single,
        backoff=rule.retry.backoff,
    )
    return replace(route, timeout=timeout, retries=retries)


def _destinations(
    backends: Iterable[WeightedBackend], context: Context, note: Callable[[str], None]
) -> Iterator[HTTPRouteDestination]:
    for each in backends:
        if each.weight <= 0:
            continue
        found, fault = destination(each, context)
        steps = read_filters(each.filters, context)
        if isinstance(steps, Fault):
            found, fault, steps = NOWHERE, steps, Steps()
        if fault:
            note(f"{fault}: its requests are answered 500")
        yield HTTPRouteDestination(destination=found, weight=each.weight, headers=steps.headers)


def _http_matches(rule: HttpRule) -> Iterator[HTTPMatchRequest | None]:
    """A rule without conditions takes every path."""
    for each in rule.matches or (HttpMatch(),):
        yield HTTPMatchRequest(
            uri=_path(each.path),
            headers=_named(each.headers, str.lower),
            query_params=_named(each.query_params, str),
            method=StringMatch(exact=each.method) if each.method else None,
        )


def _path(path: PathMatch) -> StringMatch:
    match path.type:
        case "Exact":
            return StringMatch(exact=path.value)
        case "RegularExpression":
            return StringMatch(regex=path.value)
    return StringMatch(prefix=path.value.removesuffix("/") or "/")


def _named(matches: Iterable[NamedMatch], meaning: Callable[[str], str]) -> Mapping[str, StringMatch]:
    """By name as written; of names that mean the same (headers: in any case) the first counts."""
    found: dict[str, tuple[str, StringMatch]] = {}
    for each in matches:
        is_regex = each.type == "RegularExpression"
        value = StringMatch(regex=each.value) if is_regex else StringMatch(exact=each.value)
        found.setdefault(meaning(each.name), (each.name, value))
    return dict(found.values())


def _grpc_matches(rule: GrpcRule) -> Iterator[HTTPMatchRequest | None]:
    if not rule.matches:
        yield None
    for each in rule.matches:
        yield HTTPMatchRequest(uri=_method(each), headers=_named(each.headers, str.lower))


def _method(match: GrpcMatch) -> StringMatch | None:
    """The path of a call is `/service/method`."""
    if match.method is None or not (match.method.service or match.method.method):
        return None
    service, method = match.method.service, match.method.method
    if match.method.type == "RegularExpression":
        return StringMatch(regex=f"/{service or '[^/]+'}/{method or '.+'}")
    if service and method:
        return StringMatch(exact=f"/{service}/{method}")
    return StringMatch(prefix=f"/{service}/") if service else StringMatch(regex=f"/[^/]+/{re.escape(method)}")
