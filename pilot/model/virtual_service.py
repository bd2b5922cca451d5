"""VirtualService as decoded: how requests to hosts are routed. Names are those of Istio's API.

Pure data: hosts stay as written (short names too), delegates are references. `routing.py` resolves them.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar, Final

from msgspec import field

from pilot.model.duration import Duration
from pilot.model.objects import Int32, Message, Object, OneOfMessage, UInt32


class StringMatch(OneOfMessage, frozen=True):
    """At most one is given; none of them: the value only has to be there."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix", "regex"),)

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class Percent(Message, frozen=True):
    """0 to 100."""

    value: float = 0.0


class PortSelector(Message, frozen=True):
    """A port by number."""

    number: UInt32 = 0


class Destination(Message, frozen=True):
    """Where traffic goes: a host of the registry, optionally one subset and port of it."""

    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


class HeaderOperations(Message, frozen=True):
    """Changes of headers; `set` replaces, `add` appends."""

    set: Mapping[str, str] = field(default_factory=dict)
    add: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


class Headers(Message, frozen=True):
    """Changes in both directions."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HTTPRouteDestination(Message, frozen=True):
    """A weighted destination."""

    destination: Destination = Destination()
    weight: Int32 = 0
    headers: Headers | None = None


class RouteDestination(Message, frozen=True):
    """A weighted destination of a TCP or TLS route."""

    destination: Destination = Destination()
    weight: Int32 = 0


class HTTPMatchRequest(Message, frozen=True):
    """Conditions on a request; all that are given hold."""

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: Mapping[str, StringMatch] = field(default_factory=dict)
    port: UInt32 = 0
    source_labels: Mapping[str, str] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    query_params: Mapping[str, StringMatch] = field(default_factory=dict)
    ignore_uri_case: bool = False
    without_headers: Mapping[str, StringMatch] = field(default_factory=dict)
    source_namespace: str = ""
    stat_prefix: str = ""


class RedirectPortSelection(StrEnum):
    """The port of a redirect where none is given."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


class HTTPRedirect(OneOfMessage, frozen=True):
    """An answer that sends the client elsewhere. `redirect_code` 0 means 301."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("port", "derive_port"),)

    uri: str = ""
    authority: str = ""
    port: UInt32 | None = None
    derive_port: RedirectPortSelection | None = None
    scheme: str = ""
    redirect_code: UInt32 = 0


class HTTPBody(OneOfMessage, frozen=True):
    """A fixed body; `bytes` is base64 as written."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("string", "bytes"),)

    string: str | None = None
    bytes: str | None = None


class HTTPDirectResponse(Message, frozen=True):
    """A fixed answer."""

    status: UInt32 = 0
    body: HTTPBody | None = None


class Delegate(Message, frozen=True):
    """The VirtualService that continues; without namespace: that of the root."""

    name: str = ""
    namespace: str = ""


class RegexRewrite(Message, frozen=True):
    """RE2 substitution of the path."""

    match: str = ""
    rewrite: str = ""


class HTTPRewrite(Message, frozen=True):
    """Changes of path and authority."""

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


STATUSES: Final = frozenset(str(each.value) for each in HTTPStatus)
"""Statuses that may stand among the conditions on which requests are repeated."""


class HTTPRetry(Message, frozen=True):
    """How failed requests are repeated; `attempts` 0 turns retries off."""

    attempts: Int32 = 0
    per_try_timeout: Duration | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: Duration | None = None


class UnmatchedPreflights(StrEnum):
    """What becomes of preflight requests whose origin does not match."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


class CorsPolicy(Message, frozen=True):
    """Cross-origin rules; `allow_origin` is the old form (exact values)."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: Duration | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


class FaultDelay(OneOfMessage, frozen=True):
    """`HTTPFaultInjection.Delay`; `percent` is the old form of `percentage`."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("fixed_delay", "exponential_delay"),)

    percent: Int32 = 0
    fixed_delay: Duration | None = None
    exponential_delay: Duration | None = None
    percentage: Percent | None = None


class FaultAbort(OneOfMessage, frozen=True):
    """`HTTPFaultInjection.Abort`."""

    ALTERNATIVES: ClassVar[tuple[tuple[str, ...], ...]] = (("http_status", "grpc_status", "http2_error"),)

    http_status: Int32 | None = None
    grpc_status: str | None = None
    http2_error: str | None = None
    percentage: Percent | None = None


class HTTPFaultInjection(Message, frozen=True):
    """Deliberate delays and errors."""

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None


class HTTPMirrorPolicy(Message, frozen=True):
    """A destination that gets copies; without percentage: all of them."""

    destination: Destination = Destination()
    percentage: Percent | None = None


class HTTPRoute(Message, frozen=True):
    """One HTTP route: the first that matches is taken; no match entry matches everything."""

    name: str = ""
    match: tuple[HTTPMatchRequest, ...] = ()
    route: tuple[HTTPRouteDestination, ...] = ()
    redirect: HTTPRedirect | None = None
    direct_response: HTTPDirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: HTTPRewrite | None = None
    timeout: Duration | None = None
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HTTPMirrorPolicy, ...] = ()
    mirror_percent: UInt32 | None = None
    mirror_percentage: Percent | None = None
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None


class TLSMatchAttributes(Message, frozen=True):
    """Conditions on a TLS connection, seen from its first bytes."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_labels: Mapping[str, str] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TLSRoute(Message, frozen=True):
    """Passes TLS on by SNI."""

    match: tuple[TLSMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class L4MatchAttributes(Message, frozen=True):
    """Conditions on a connection."""

    destination_subnets: tuple[str, ...] = ()
    port: UInt32 = 0
    source_subnet: str = ""
    source_labels: Mapping[str, str] = field(default_factory=dict)
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


class TCPRoute(Message, frozen=True):
    """Passes connections on."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualServiceSpec(Message, frozen=True):
    """`spec` of a VirtualService; no gateways means `mesh`, no hosts a delegate."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()


class VirtualService(Object, frozen=True):
    """networking.istio.io VirtualService."""

    KIND: ClassVar[str] = "VirtualService"

    spec: VirtualServiceSpec = VirtualServiceSpec()
