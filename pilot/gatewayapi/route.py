"""Routes of the Gateway API as decoded. Pure data; what they mean: `routes.py` and the rules beside it."""

from typing import ClassVar

from pilot.gatewayapi.gateway import GROUP
from pilot.model.duration import Duration
from pilot.model.objects import Fragment, Object


class ParentReference(Fragment, frozen=True):
    """What a route attaches to: a Gateway, a listener set, or (mesh) a Service or ServiceEntry."""

    group: str = GROUP
    kind: str = "Gateway"
    name: str = ""
    namespace: str = ""
    section_name: str = ""
    port: int = 0


class HeaderValue(Fragment, frozen=True):
    """A header to set or add."""

    name: str = ""
    value: str = ""


class HeaderFilter(Fragment, frozen=True):
    """Changes of headers."""

    set: tuple[HeaderValue, ...] = ()
    add: tuple[HeaderValue, ...] = ()
    remove: tuple[str, ...] = ()


class PathModifier(Fragment, frozen=True):
    """A new path; `type` is ReplaceFullPath or ReplacePrefixMatch."""

    type: str = ""
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class RequestRedirect(Fragment, frozen=True):
    """An answer that sends the client elsewhere."""

    scheme: str = ""
    hostname: str = ""
    path: PathModifier | None = None
    port: int = 0
    status_code: int = 302


class UrlRewrite(Fragment, frozen=True):
    """Changes of host and path."""

    hostname: str = ""
    path: PathModifier | None = None


class BackendReference(Fragment, frozen=True):
    """A Service, or what else may be called."""

    group: str = ""
    kind: str = "Service"
    name: str = ""
    namespace: str = ""
    port: int = 0


class Fraction(Fragment, frozen=True):
    """A share."""

    numerator: int = 0
    denominator: int = 100


class RequestMirror(Fragment, frozen=True):
    """A backend that gets copies."""

    backend_ref: BackendReference = BackendReference()
    percent: int | None = None
    fraction: Fraction | None = None


class Cors(Fragment, frozen=True):
    """Cross-origin rules; `max_age` in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int = 5


class Filter(Fragment, frozen=True):
    """One step on the way; `type` says which field counts."""

    type: str = ""
    request_header_modifier: HeaderFilter = HeaderFilter()
    response_header_modifier: HeaderFilter = HeaderFilter()
    request_redirect: RequestRedirect = RequestRedirect()
    url_rewrite: UrlRewrite = UrlRewrite()
    request_mirror: RequestMirror = RequestMirror()
    cors: Cors = Cors()


class WeightedBackend(Fragment, frozen=True):
    """A backend with its share."""

    group: str = ""
    kind: str = "Service"
    name: str = ""
    namespace: str = ""
    port: int = 0
    weight: int = 1
    filters: tuple[Filter, ...] = ()


class PathMatch(Fragment, frozen=True):
    """`type` is Exact, PathPrefix or RegularExpression."""

    type: str = "PathPrefix"
    value: str = "/"


class NamedMatch(Fragment, frozen=True):
    """A header or query parameter; `type` is Exact or RegularExpression."""

    type: str = "Exact"
    name: str = ""
    value: str = ""


class HttpMatch(Fragment, frozen=True):
    """Conditions on a request."""

    path: PathMatch = PathMatch()
    headers: tuple[NamedMatch, ...] = ()
    query_params: tuple[NamedMatch, ...] = ()
    method: str = ""


class Timeouts(Fragment, frozen=True):
    """Of the whole request, and of one try."""

    request: Duration | None = None
    backend_request: Duration | None = None


class Retry(Fragment, frozen=True):
    """How failed requests are repeated."""

    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: Duration | None = None


class HttpRule(Fragment, frozen=True):
    """Conditions, steps and backends."""

    name: str = ""
    matches: tuple[HttpMatch, ...] = ()
    filters: tuple[Filter, ...] = ()
    backend_refs: tuple[WeightedBackend, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry | None = None


class HttpRouteSpec(Fragment, frozen=True):
    """`spec` of an HTTPRoute."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HttpRule, ...] = (HttpRule(),)


class HttpRoute(Object, frozen=True):
    """gateway.networking.k8s.io HTTPRoute."""

    KIND: ClassVar[str] = "HTTPRoute"

    spec: HttpRouteSpec = HttpRouteSpec()


class GrpcMethod(Fragment, frozen=True):
    """A method; `type` is Exact or RegularExpression."""

    type: str = "Exact"
    service: str = ""
    method: str = ""


class GrpcMatch(Fragment, frozen=True):
    """Conditions on a call."""

    method: GrpcMethod | None = None
    headers: tuple[NamedMatch, ...] = ()


class GrpcRule(Fragment, frozen=True):
    """Conditions, steps and backends."""

    name: str = ""
    matches: tuple[GrpcMatch, ...] = ()
    filters: tuple[Filter, ...] = ()
    backend_refs: tuple[WeightedBackend, ...] = ()


class GrpcRouteSpec(Fragment, frozen=True):
    """`spec` of a GRPCRoute."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[GrpcRule, ...] = (GrpcRule(),)


class GrpcRoute(Object, frozen=True):
    """gateway.networking.k8s.io GRPCRoute."""

    KIND: ClassVar[str] = "GRPCRoute"

    spec: GrpcRouteSpec = GrpcRouteSpec()


class StreamRule(Fragment, frozen=True):
    """Backends of connections."""

    name: str = ""
    backend_refs: tuple[WeightedBackend, ...] = ()


class StreamRouteSpec(Fragment, frozen=True):
    """`spec` of a TLSRoute or (without hostnames) TCPRoute."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[StreamRule, ...] = ()


class TlsRoute(Object, frozen=True):
    """gateway.networking.k8s.io TLSRoute."""

    KIND: ClassVar[str] = "TLSRoute"

    spec: StreamRouteSpec = StreamRouteSpec()


class TcpRoute(Object, frozen=True):
    """gateway.networking.k8s.io TCPRoute."""

    KIND: ClassVar[str] = "TCPRoute"

    spec: StreamRouteSpec = StreamRouteSpec()


Route = HttpRoute | GrpcRoute | TlsRoute | TcpRoute
