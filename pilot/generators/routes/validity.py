"""What Envoy would refuse of a VirtualService, route by route: one refused route would cost all routes of a port.

In: routes of a VirtualService. Out: problems as data. A route with an unusable action answers 503 (500 where it is made
from Gateway API), a match with an error matches nothing, bytes without a destination are refused; everything else is
served. Type errors and the API's own rules are the sources' part.
"""

from collections.abc import Iterator

from pilot.generators.envoy.regex import regex_error
from pilot.generators.routes.action import REDIRECT_CODES, broken_code, decode_body
from pilot.generators.routes.header_operations import header_errors, is_one_line
from pilot.generators.routes.match import match_errors
from pilot.generators.routes.route_filters import parse_grpc_status
from pilot.memo import memoized
from pilot.model.objects import ObjectKey
from pilot.model.problem import Problem
from pilot.model.routing import ResolvedVirtualService
from pilot.model.virtual_service import (
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRewrite,
    HTTPRoute,
    RouteDestination,
)

_ONE_LINE = "expected a value on one line"
_LARGEST_BODY = 1_048_576  # bytes; max_direct_response_body_size_bytes of our route configurations


@memoized(size=65_536)
def is_valid_match(match: HTTPMatchRequest, gateway_semantics: bool) -> bool:
    """Whether Envoy can take the conditions as written."""
    return next(match_errors(match, gateway_semantics=gateway_semantics), None) is None


@memoized(size=65_536)
def is_valid_route(route: HTTPRoute) -> bool:
    """Whether Envoy can take the action, the headers and the filters of a route as written."""
    return next(_route_errors(route), None) is None


@memoized(size=16_384)
def problems(service: ResolvedVirtualService) -> tuple[Problem, ...]:
    """Everything in a VirtualService that is not served as written."""
    key = ObjectKey(service.origin.kind, service.origin.namespace, service.origin.name)
    found: list[Problem] = []
    code = broken_code(service.gateway_semantics)
    for number, route in enumerate(service.http):
        place = "spec.http" if service.delegates else f"spec.http[{number}]"  # delegates have changed the numbers
        for each, match in enumerate(route.match):
            found.extend(
                Problem(f"{reason}; the condition matches nothing", key, field=f"{place}.match[{each}].{field}")
                for field, reason in match_errors(match, gateway_semantics=service.path_segments)
            )
        found.extend(
            Problem(f"{reason}; the route answers {code}", key, field=f"{place}.{field}")
            for field, reason in _route_errors(route)
        )
    plain = [(f"spec.tcp[{number}]", tcp.route) for number, tcp in enumerate(service.tcp)]
    plain += [(f"spec.tls[{number}]", tls.route) for number, tls in enumerate(service.tls)]
    for place, destinations in plain:
        if not destinations:
            found.append(Problem("expected a destination, got none; the route is not served", key, field=place))
        elif not carries_bytes(destinations):
            reason = "expected a weight above 0, got none; connections are refused"
            found.append(Problem(reason, key, field=f"{place}.route"))
    return tuple(found)


def carries_bytes(route: tuple[RouteDestination, ...]) -> bool:
    """Whether some destination of a tcp or tls route gets connections; a single one gets all."""
    return len(route) == 1 or any(each.weight > 0 for each in route)


def _route_errors(route: HTTPRoute) -> Iterator[tuple[str, str]]:
    if route.redirect is not None:
        yield from _redirect_errors(route.redirect)
    elif route.direct_response is not None:
        yield from _direct_response_errors(route.direct_response)
    else:
        yield from _forwarding_errors(route)
    yield from header_errors(route.headers)
    if route.fault is not None:
        yield from _fault_errors(route.fault)
    for origin in route.cors_policy.allow_origins if route.cors_policy else ():
        error = regex_error(origin.regex) if origin.regex is not None else None
        if error or origin.prefix == "":
            yield "corsPolicy.allowOrigins", error or "expected a prefix, got an empty string"


def _redirect_errors(redirect: HTTPRedirect) -> Iterator[tuple[str, str]]:
    if redirect.redirect_code not in REDIRECT_CODES:
        yield "redirect.redirectCode", f"expected 301, 302, 303, 307 or 308, got {redirect.redirect_code}"
    for field, value in (("uri", redirect.uri), ("authority", redirect.authority), ("scheme", redirect.scheme)):
        if not is_one_line(value):
            yield f"redirect.{field}", _ONE_LINE


def _rewrite_errors(rewrite: HTTPRewrite) -> Iterator[tuple[str, str]]:
    regex = rewrite.uri_regex_rewrite
    if regex is not None:
        error = regex_error(regex.match) if regex.match else "expected a regex, got an empty string"
        if error:
            yield "rewrite.uriRegexRewrite.match", error
        if not is_one_line(regex.rewrite):
            yield "rewrite.uriRegexRewrite.rewrite", _ONE_LINE
    for field, value in (("uri", rewrite.uri), ("authority", rewrite.authority)):
        if not is_one_line(value):
            yield f"rewrite.{field}", _ONE_LINE


def _direct_response_errors(answer: HTTPDirectResponse) -> Iterator[tuple[str, str]]:
    if not 200 <= answer.status < 600:
        yield "directResponse.status", f"expected a status from 200 to 599, got {answer.status}"
    if answer.body is None:
        return
    size = len((answer.body.string or "").encode())
    if answer.body.bytes is not None:
        try:
            size = len(decode_body(answer.body.bytes))
        except ValueError as error:
            yield "directResponse.body.bytes", str(error)
    if size > _LARGEST_BODY:
        yield "directResponse.body", f"expected at most {_LARGEST_BODY} bytes, got {size}"


def _forwarding_errors(route: HTTPRoute) -> Iterator[tuple[str, str]]:
    if not route.route:
        yield "route", "expected a destination, a redirect or a direct response, got none"
    elif len(route.route) > 1 and not any(each.weight > 0 for each in route.route):
        yield "route", "expected a weight above 0, got none"
    if sum(max(each.weight, 0) for each in route.route) > 2**32 - 1:
        yield "route", "expected weights of 4294967295 in total at most"
    for number, each in enumerate(route.route):
        for field, reason in header_errors(each.headers):
            yield f"route[{number}].{field}", reason
    if route.rewrite is not None:
        yield from _rewrite_errors(route.rewrite)
    if route.retries is not None and route.retries.backoff is not None and not route.retries.backoff:
        yield "retries.backoff", "expected a duration above 0s, got 0s"


def _fault_errors(fault: HTTPFaultInjection) -> Iterator[tuple[str, str]]:
    abort = fault.abort
    if abort is not None and abort.http_status is not None and not 200 <= abort.http_status < 600:
        yield "fault.abort.httpStatus", f"expected a status from 200 to 599, got {abort.http_status}"
    if abort is not None and abort.grpc_status is not None and parse_grpc_status(abort.grpc_status) is None:
        yield "fault.abort.grpcStatus", f"expected the name of a gRPC status, got {abort.grpc_status!r}"
    delay = fault.delay
    if delay is not None and delay.fixed_delay is not None and not delay.fixed_delay:
        yield "fault.delay.fixedDelay", "expected a duration above 0s, got 0s"
