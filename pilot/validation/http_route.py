"""HTTP routes of a VirtualService.

In: a route and its path in the object. Out: findings. Source: CA behaviour 5.4 (VirtualService, http).
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pilot.model.decoding import Path, describe
from pilot.model.virtual_service import (
    STATUSES,
    CorsPolicy,
    FaultAbort,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    Percent,
    StringMatch,
)
from pilot.validation import destination, forms
from pilot.validation.finding import Finding, Findings, note, refused_if, unservable, unservable_if
from pilot.validation.syntax import label_fault, port_fault, regex_fault

_LONGEST_BODY: Final = 1 << 20
_LONG_BODY: Final = 100 << 10
_CLAIMS: Final = "@request.auth.claims"
_CLAIM: Final = re.compile(r"@request\.auth\.claims[.\[]")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PSEUDO_HEADERS: Final = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
_METHODS: Final = frozenset(
    {"*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
)  # fmt: skip
_RETRY_ON: Final = frozenset({
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure",
    "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
})  # fmt: skip
_GRPC_CODES: Final = frozenset({
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
})  # fmt: skip


def http_route(route: HTTPRoute, path: Path, is_delegate: bool, in_mesh: bool) -> Findings:
    """One route. `is_delegate`: of a VirtualService without hosts; `in_mesh`: it applies to sidecars too."""
    yield from _what_happens(route, path, is_delegate)
    for index, match in enumerate(route.match):
        yield from _match(match, (*path, "match", index), in_mesh)
    for position, weighted in enumerate(route.route):
        place: Path = (*path, "route", position)
        yield from destination.destination(weighted.destination, (*place, "destination"))
        yield from forms.header_changes(weighted.headers, (*place, "headers"))
    yield from destination.weights([each.weight for each in route.route], (*path, "route"))
    if route.redirect is not None:
        yield from _redirect(route.redirect, (*path, "redirect"))
    if route.direct_response is not None:
        yield from _direct_response(route.direct_response, (*path, "directResponse"))
    if route.delegate is not None:
        for name, given in (("name", route.delegate.name), ("namespace", route.delegate.namespace)):
            yield from refused_if((*path, "delegate", name), label_fault(given) if given else None)
    if route.rewrite is not None:
        yield from _rewrite(route.rewrite, (*path, "rewrite"))
    yield from forms.duration(route.timeout, (*path, "timeout"))
    if route.retries is not None:
        yield from _retries(route.retries, (*path, "retries"))
    if route.fault is not None:
        yield from _fault(route.fault, (*path, "fault"))
    yield from _mirrors(route, path)
    if route.cors_policy is not None:
        yield from _cors(route.cors_policy, (*path, "corsPolicy"))
    yield from forms.header_changes(route.headers, (*path, "headers"))
    yield from _authority(route, path)


def _what_happens(route: HTTPRoute, path: Path, is_delegate: bool) -> Findings:
    ways = {
        "route": bool(route.route),
        "redirect": route.redirect is not None,
        "directResponse": route.direct_response is not None,
    }
    given = [way for way, is_given in ways.items() if is_given]
    if route.delegate is not None and not is_delegate:
        for name in given:
            if name != "directResponse":
                yield Finding((*path, name), "expected nothing beside a delegate")
        return
    if route.delegate is not None:
        yield Finding((*path, "delegate"), "expected nothing: a delegate does not delegate again")
    elif not given:
        yield Finding(path, "expected route, redirect or directResponse, got none of them")
    if len(given) > 1:
        yield Finding(path, f"expected only one of route, redirect and directResponse, got {' and '.join(given)}")
    if route.redirect is not None or route.direct_response is not None:
        for name, other in (("fault", route.fault), ("rewrite", route.rewrite)):
            if other is not None:
                yield Finding((*path, name), "expected nothing where the proxy answers itself")


# --- conditions -----------------------------------------------------------------------------------------------------


def _match(match: HTTPMatchRequest, path: Path, in_mesh: bool) -> Findings:
    for name, headers in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
        for header, condition in headers.items():
            place: Path = (*path, name, header)
            yield from refused_if(place, _header_fault(header))
            if header.startswith(_CLAIMS) and in_mesh:
                yield Finding(place, "expected claims of tokens at gateways only, got them for the mesh gateway")
            if not (name == "withoutHeaders" and condition.regex == "*"):  # any value
                yield from _pattern(condition, place)
    for query, condition in match.query_params.items():
        if not query:
            yield Finding((*path, "queryParams", query), "expected the name of a parameter, got nothing")
        yield from _pattern(condition, (*path, "queryParams", query))
    single = {"uri": match.uri, "scheme": match.scheme, "method": match.method, "authority": match.authority}
    for name, pattern in single.items():
        yield from _pattern(pattern, (*path, name), may_be_empty=name == "uri")
    yield from unservable_if((*path, "port"), port_fault(match.port, 0))
    yield from forms.labels(match.source_labels, (*path, "sourceLabels"))
    yield from forms.gateway_names(match.gateways, (*path, "gateways"))
    namespace = match.source_namespace
    yield from refused_if((*path, "sourceNamespace"), label_fault(namespace) if namespace else None)


def _header_fault(name: str) -> str | None:
    """Names of headers, pseudo headers and claims of tokens."""
    if name in _PSEUDO_HEADERS or _CLAIM.match(name) or _HEADER.fullmatch(name):
        return None
    return f"expected the name of a header, got {describe(name)}"


def _pattern(given: StringMatch | None, path: Path, *, may_be_empty: bool = False) -> Findings:
    if given is not None and given.regex is not None:
        yield from refused_if((*path, "regex"), regex_fault(given.regex))
    if given is not None and given.prefix == "" and not may_be_empty:
        yield Finding((*path, "prefix"), "expected the beginning of a value, got nothing")


# --- answers without a destination ----------------------------------------------------------------------------------


def _redirect(redirect: HTTPRedirect, path: Path) -> Findings:
    has_port = bool(redirect.port) or redirect.derive_port is not None
    if not (redirect.uri or redirect.authority or redirect.scheme or has_port):
        yield Finding(path, "expected uri, authority, scheme or port, got none of them")
    if redirect.scheme not in ("", "http", "https"):
        yield Finding((*path, "scheme"), f"expected http or https, got {describe(redirect.scheme)}")
    if redirect.redirect_code and not 300 <= redirect.redirect_code <= 399:
        yield Finding((*path, "redirectCode"), f"expected a code from 300 to 399, got {redirect.redirect_code}")
    if redirect.port is not None:
        yield from unservable_if((*path, "port"), port_fault(redirect.port))


def _direct_response(response: HTTPDirectResponse, path: Path) -> Findings:
    yield from _status(response.status, (*path, "status"))
    body = response.body
    size = 0
    if body is not None and body.string is not None:
        size = len(body.string.encode())
    elif body is not None and body.bytes is not None:
        size = len(body.bytes) * 3 // 4
    if size > _LONGEST_BODY:
        yield Finding((*path, "body"), f"expected {_LONGEST_BODY} bytes at most, got {size}")
    elif size > _LONG_BODY:
        yield note((*path, "body"), f"large direct responses ({size} bytes) slow down the control plane and proxies")


def _status(code: int, path: Path) -> Findings:
    if not 200 <= code <= 600:
        yield Finding(path, f"expected an HTTP status from 200 to 600, got {code}")


# --- what is done to a request on its way ---------------------------------------------------------------------------


def _rewrite(rewrite: HTTPRewrite, path: Path) -> Findings:
    if not (rewrite.uri or rewrite.authority or rewrite.uri_regex_rewrite is not None):
        yield Finding(path, "expected uri, uriRegexRewrite or authority, got none of them")
    if rewrite.uri_regex_rewrite is not None:
        if rewrite.uri:
            yield Finding((*path, "uri"), "expected uri or uriRegexRewrite, got both")
        yield from refused_if((*path, "uriRegexRewrite", "match"), regex_fault(rewrite.uri_regex_rewrite.match))
        if not rewrite.uri_regex_rewrite.rewrite:
            yield Finding((*path, "uriRegexRewrite", "rewrite"), "expected what replaces the match, got nothing")


def _authority(route: HTTPRoute, path: Path) -> Findings:
    """The authority is set in one place only: by the rewrite, or by a header of the route."""
    request = route.headers.request if route.headers is not None else None
    given = (*request.set.items(), *request.add.items()) if request is not None else ()
    values = [value for name, value in given if name.lower() in (":authority", "host")]
    if route.rewrite is not None:
        values.insert(0, route.rewrite.authority)
    if any(values[:-1]):
        yield Finding((*path, "headers"), f"expected the authority in one place only, got {' and '.join(values)}")


def _retries(retries: HTTPRetry, path: Path) -> Findings:
    if retries.attempts < 0:
        yield Finding((*path, "attempts"), f"expected 0 or more, got {retries.attempts}")
    if retries.attempts == 0 and (retries.per_try_timeout is not None or retries.retry_on or _says_where(retries)):
        yield Finding((*path, "attempts"), "expected 1 or more beside other settings of retries, got 0: no retries")
    yield from forms.duration(retries.per_try_timeout, (*path, "perTryTimeout"))
    yield from forms.duration(retries.backoff, (*path, "backoff"))
    for word in retries.retry_on.split(",") if retries.retry_on else ():
        if word not in _RETRY_ON and word not in STATUSES:
            yield Finding(
                (*path, "retryOn"), f"expected conditions that Envoy knows, or status codes, got {describe(word)}"
            )


def _says_where(retries: HTTPRetry) -> bool:
    return retries.retry_remote_localities is not None


def _fault(fault: HTTPFaultInjection, path: Path) -> Findings:
    if fault.abort is None and fault.delay is None:
        yield Finding(path, "expected abort or delay, got neither")
    if fault.abort is not None:
        yield from _abort(fault.abort, (*path, "abort"))
    delay = fault.delay
    if delay is not None:
        place: Path = (*path, "delay")
        yield from _share(delay.percentage, (*place, "percentage", "value"))
        if not 0 <= delay.percent <= 100:
            yield Finding((*place, "percent"), f"expected a percentage from 0 to 100, got {delay.percent}")
        yield from forms.duration(delay.fixed_delay, (*place, "fixedDelay"))
        if delay.exponential_delay is not None:
            yield Finding((*place, "exponentialDelay"), "expected fixedDelay: exponentialDelay is not supported")


def _abort(abort: FaultAbort, path: Path) -> Findings:
    yield from _share(abort.percentage, (*path, "percentage", "value"))
    if abort.http_status is not None:
        yield from _status(abort.http_status, (*path, "httpStatus"))
    elif abort.grpc_status is not None:
        if abort.grpc_status not in _GRPC_CODES:
            message = f"expected the name of a gRPC status such as NOT_FOUND, got {describe(abort.grpc_status)}"
            yield Finding((*path, "grpcStatus"), message)
    elif abort.http2_error is not None:
        yield Finding((*path, "http2Error"), "expected httpStatus or grpcStatus: http2Error is not supported")
    else:
        yield note(path, "abort without httpStatus or grpcStatus aborts nothing")


def _share(percentage: Percent | None, path: Path) -> Findings:
    """A share in percent; below 0.0001 it is nothing."""
    if percentage is None:
        return
    if not 0 <= percentage.value <= 100:
        yield unservable(path, f"expected a percentage from 0 to 100, got {percentage.value:g}")
    elif 0 < percentage.value < 0.0001:
        yield Finding(path, f"expected 0 or 0.0001 to 100, got {percentage.value:g}")


def _mirrors(route: HTTPRoute, path: Path) -> Findings:
    if route.mirror is not None and route.mirrors:
        yield Finding((*path, "mirror"), "expected mirror or mirrors, got both")
    yield from destination.destination(route.mirror, (*path, "mirror"))
    if route.mirror_percent is not None:
        yield note((*path, "mirrorPercent"), "mirrorPercent is deprecated, use mirrorPercentage instead")
        if route.mirror_percent > 100:
            yield Finding((*path, "mirrorPercent"), f"expected 100 at most, got {route.mirror_percent}")
    if route.mirror_percentage is not None:
        yield from _any_share(route.mirror_percentage.value, (*path, "mirrorPercentage", "value"))
    for position, mirror in enumerate(route.mirrors):
        yield from destination.destination(mirror.destination, (*path, "mirrors", position, "destination"))
        if mirror.percentage is not None:
            yield from _any_share(mirror.percentage.value, (*path, "mirrors", position, "percentage", "value"))


def _any_share(value: float, path: Path) -> Findings:
    if not 0 <= value <= 100:
        yield unservable(path, f"expected a percentage from 0 to 100, got {value:g}")


def _cors(policy: CorsPolicy, path: Path) -> Findings:
    for index, origin in enumerate(policy.allow_origins):
        place: Path = (*path, "allowOrigins", index)
        if origin.regex is not None:
            yield from refused_if((*place, "regex"), regex_fault(origin.regex))
        elif not (origin.exact or origin.prefix):
            yield Finding(place, "expected an origin, got nothing")
    for index, method in enumerate(policy.allow_methods):
        if method not in _METHODS:
            yield Finding((*path, "allowMethods", index), f"expected an HTTP method, got {describe(method)}")
    yield from _header_names(policy.allow_headers, (*path, "allowHeaders"))
    yield from _header_names(policy.expose_headers, (*path, "exposeHeaders"))
    yield from forms.duration(policy.max_age, (*path, "maxAge"))
    if policy.max_age is not None and policy.max_age % timedelta(seconds=1):
        yield Finding((*path, "maxAge"), f"expected whole seconds, got {policy.max_age}")


def _header_names(names: Sequence[str], path: Path) -> Findings:
    for index, name in enumerate(names):
        if name != "*" and not _HEADER.fullmatch(name):
            yield Finding((*path, index), f"expected the name of a header, got {describe(name)}")
