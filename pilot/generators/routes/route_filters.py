"""Configuration of filters for single routes: injected faults, cross-origin rules, sticky sessions.

In: parts of a VirtualService, labels of a service. Out: entries of `typed_per_filter_config`.
Source: xDS behaviour 5.5 (fault, cors, stateful session).
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.filters.common.fault.v3.fault_pb2 import FaultDelay as EnvoyDelay
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy as EnvoyCors
from envoy.extensions.filters.http.fault.v3.fault_pb2 import FaultAbort as EnvoyAbort
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.stateful_session.v3.stateful_session_pb2 import (
    StatefulSession,
    StatefulSessionPerRoute,
)
from envoy.extensions.http.stateful_session.cookie.v3.cookie_pb2 import CookieBasedSessionState
from envoy.extensions.http.stateful_session.header.v3.header_pb2 import HeaderBasedSessionState
from envoy.type.http.v3.cookie_pb2 import Cookie
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.wrappers_pb2 import BoolValue

from pilot.generators.envoy.packing import pack
from pilot.generators.routes.match import string_matcher
from pilot.memo import memoized
from pilot.model.features import Features
from pilot.model.service import Service
from pilot.model.virtual_service import (
    CorsPolicy,
    FaultAbort,
    FaultDelay,
    HTTPFaultInjection,
    Percent,
    UnmatchedPreflights,
)

FAULT: Final = "envoy.filters.http.fault"
CORS: Final = "envoy.filters.http.cors"
STATEFUL_SESSION: Final = "envoy.filters.http.stateful_session"

_PER_MILLION: Final = 10_000  # of one percent
_ALWAYS: Final = RuntimeFractionalPercent(default_value=FractionalPercent(numerator=100))
GRPC_STATUS: Final = {
    name: number
    for number, name in enumerate(
        (
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        )
    )
}  # fmt: skip


def fraction(percentage: Percent) -> Any:
    """A share as Envoy writes it, in millionths; from nothing to everything, whatever is asked for."""
    value = percentage.value if percentage.value > 0 else 0.0  # NaN is not greater
    millionths = int(min(value, 100.0) * _PER_MILLION)  # istiod: cuts off, so that 0.57% are 5699 millionths
    return FractionalPercent(numerator=millionths, denominator=FractionalPercent.MILLION)


def fault(injection: HTTPFaultInjection) -> Any:
    """The fault of a route, packed."""
    return pack(
        HTTPFault(
            delay=_delay(injection.delay) if injection.delay else None,
            abort=_abort(injection.abort) if injection.abort else None,
        )
    )


def _delay(delay: FaultDelay) -> Any | None:
    if delay.fixed_delay is None:
        return None  # exponential delays were never implemented
    share = fraction(delay.percentage) if delay.percentage else FractionalPercent(numerator=max(delay.percent, 0))
    return EnvoyDelay(fixed_delay=delay.fixed_delay, percentage=share)


def _abort(abort: FaultAbort) -> Any | None:
    share = fraction(abort.percentage) if abort.percentage else None
    if abort.http_status is not None:
        return EnvoyAbort(http_status=abort.http_status, percentage=share)
    if abort.grpc_status is not None:
        return EnvoyAbort(grpc_status=parse_grpc_status(abort.grpc_status), percentage=share)
    return None  # HTTP/2 errors were never implemented


def parse_grpc_status(name: str) -> int | None:
    """The number of a gRPC status; None for an unknown name."""
    return GRPC_STATUS.get(name.upper())


def cors(policy: CorsPolicy) -> Any:
    """The cross-origin rules of a route, packed."""
    origins = [string_matcher(each) for each in policy.allow_origins] or [
        StringMatcher(exact=each) for each in policy.allow_origin
    ]
    return pack(
        EnvoyCors(
            allow_origin_string_match=origins,
            allow_methods=",".join(policy.allow_methods),
            allow_headers=",".join(policy.allow_headers),
            expose_headers=",".join(policy.expose_headers),
            max_age=str(int(policy.max_age.total_seconds())) if policy.max_age is not None else "",
            allow_credentials=None if policy.allow_credentials is None else BoolValue(value=policy.allow_credentials),
            filter_enabled=_ALWAYS,
            forward_not_matching_preflights=BoolValue(
                value=policy.unmatched_preflights is not UnmatchedPreflights.IGNORE
            ),
        )
    )


def session_key(service: Service | None, features: Features) -> tuple[str, str] | None:
    """How sessions of a service stick: ("cookie", `name[:path]`) or ("header", name); None: they do not."""
    if service is None or not features.persistent_session_filter:
        return None
    cookie = service.labels.get(features.persistent_session_label)
    if cookie:
        return "cookie", cookie
    header = service.labels.get(features.persistent_session_header_label)
    return ("header", header) if header else None


@memoized()
def stateful_session(key: tuple[str, str]) -> Mapping[str, Any]:
    """The `typed_per_filter_config` of a route or virtual host whose sessions stick."""
    kind, value = key
    if kind == "cookie":
        name, _, path = value.partition(":")
        state = TypedExtensionConfig(
            name="envoy.http.stateful_session.cookie",
            typed_config=pack(CookieBasedSessionState(cookie=Cookie(name=name, path=path or "/"))),
        )
    else:
        state = TypedExtensionConfig(
            name="envoy.http.stateful_session.header", typed_config=pack(HeaderBasedSessionState(name=value))
        )
    return {STATEFUL_SESSION: pack(StatefulSessionPerRoute(stateful_session=StatefulSession(session_state=state)))}
