"""Filters of HTTP rules and backends as Istio says them.

In: filters. Out: `Steps`, or why a rule with them cannot be served. Source: xDS behaviour 5.8 (filters).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.gatewayapi.backends import Context, destination
from pilot.gatewayapi.faults import Fault, Reason
from pilot.gatewayapi.route import Cors, Filter, HeaderFilter, RequestMirror, RequestRedirect, UrlRewrite
from pilot.model.duration import Duration
from pilot.model.virtual_service import (
    CorsPolicy,
    HeaderOperations,
    Headers,
    HTTPMirrorPolicy,
    HTTPRedirect,
    HTTPRewrite,
    Percent,
    RedirectPortSelection,
    RegexRewrite,
    StringMatch,
    UnmatchedPreflights,
)

_PREFIX = "%PREFIX()%"
"""In front of a redirect's path: only the prefix that matched is replaced."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What happens to requests on the way."""

    headers: Headers | None = None
    redirect: HTTPRedirect | None = None
    rewrite: HTTPRewrite | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    cors: CorsPolicy | None = None
    faults: tuple[Fault, ...] = ()
    """Mirrors that are left out, and why."""


def read_filters(filters: Iterable[Filter], context: Context) -> Steps | Fault:
    """All filters together; what is wrong where one of them is not known."""
    request: HeaderOperations | None = None
    response: HeaderOperations | None = None
    redirect: HTTPRedirect | None = None
    rewrite: HTTPRewrite | None = None
    cors: CorsPolicy | None = None
    mirrors: list[HTTPMirrorPolicy] = []
    faults: list[Fault] = []
    for each in filters:
        match each.type:
            case "RequestHeaderModifier":
                request = _headers(each.request_header_modifier)
            case "ResponseHeaderModifier":
                response = _headers(each.response_header_modifier)
            case "RequestRedirect":
                redirect = _redirect(each.request_redirect)
            case "URLRewrite":
                rewrite = _rewrite(each.url_rewrite)
            case "RequestMirror":
                mirror = _mirror(each.request_mirror, context)
                if isinstance(mirror, Fault):
                    faults.append(Fault(f"{mirror}: nothing is mirrored to it", mirror.reason))
                else:
                    mirrors.append(mirror)
            case "CORS":
                cors = _cors(each.cors)
            case other:
                return Fault(f"expected a filter that is known, got {other or 'none'}", Reason.INVALID_FILTER)
    headers = Headers(request=request, response=response) if request or response else None
    return Steps(headers, redirect, rewrite, tuple(mirrors), cors, tuple(faults))


def _headers(changes: HeaderFilter) -> HeaderOperations:
    return HeaderOperations(
        set={each.name: each.value for each in changes.set},
        add={each.name: each.value for each in changes.add},
        remove=changes.remove,
    )


def _redirect(redirect: RequestRedirect) -> HTTPRedirect:
    uri = ""
    if redirect.path is not None and redirect.path.type == "ReplaceFullPath":
        uri = redirect.path.replace_full_path or "/"
    elif redirect.path is not None:
        uri = _PREFIX + (redirect.path.replace_prefix_match or "/")
    derived = None
    if not redirect.port:
        scheme = redirect.scheme
        derived = RedirectPortSelection.FROM_PROTOCOL_DEFAULT if scheme else RedirectPortSelection.FROM_REQUEST_PORT
    return HTTPRedirect(
        uri=uri,
        authority=redirect.hostname,
        scheme=redirect.scheme,
        port=redirect.port or None,
        derive_port=derived,
        redirect_code=redirect.status_code,
    )


def _rewrite(rewrite: UrlRewrite) -> HTTPRewrite:
    path = rewrite.path
    if path is None:
        return HTTPRewrite(authority=rewrite.hostname)
    if path.type == "ReplaceFullPath":
        full = RegexRewrite(match="/.*", rewrite=path.replace_full_path or "/")
        return HTTPRewrite(authority=rewrite.hostname, uri_regex_rewrite=full)
    prefix = (path.replace_prefix_match or "").removesuffix("/")
    return HTTPRewrite(authority=rewrite.hostname, uri=prefix or "/")


def _mirror(mirror: RequestMirror, context: Context) -> HTTPMirrorPolicy | Fault:
    found, fault = destination(mirror.backend_ref, context)
    if fault:
        return fault
    share: float | None = None
    if mirror.percent is not None:
        share = float(mirror.percent)
    elif mirror.fraction is not None and mirror.fraction.denominator > 0:
        share = 100.0 * mirror.fraction.numerator / mirror.fraction.denominator
    return HTTPMirrorPolicy(destination=found, percentage=None if share is None else Percent(value=share))


def _cors(cors: Cors) -> CorsPolicy:
    return CorsPolicy(
        allow_origins=tuple(map(_origin, cors.allow_origins)),
        allow_methods=cors.allow_methods,
        allow_headers=cors.allow_headers,
        expose_headers=cors.expose_headers,
        max_age=Duration(seconds=cors.max_age),
        allow_credentials=cors.allow_credentials or None,
        unmatched_preflights=UnmatchedPreflights.IGNORE,
    )


def _origin(origin: str) -> StringMatch:
    """`*` stands for anything."""
    if "*" not in origin:
        return StringMatch(exact=origin)
    return StringMatch(regex=f"^{origin.replace('.', chr(92) + '.').replace('*', '.*')}$")
