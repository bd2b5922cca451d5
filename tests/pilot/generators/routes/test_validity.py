from typing import Any

import pytest

from pilot.generators.routes.validity import carries_bytes, is_valid_match, is_valid_route, problems
from pilot.model.duration import Duration
from pilot.model.routing import ResolvedVirtualService
from pilot.model.virtual_service import (
    CorsPolicy,
    Destination,
    FaultAbort,
    FaultDelay,
    HeaderOperations,
    Headers,
    HTTPBody,
    HTTPDirectResponse,
    HTTPFaultInjection,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRetry,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    RegexRewrite,
    RouteDestination,
    StringMatch,
    TCPRoute,
    TLSRoute,
)
from pilot.resources import Origin

TO = (HTTPRouteDestination(Destination("a"), 1),)
PERCENT = Headers(request=HeaderOperations(set={"x": "50%"}))


def to(**more: Any) -> HTTPRoute:
    return HTTPRoute(route=TO, **more)


def found(route: HTTPRoute) -> list[tuple[str, str]]:
    origin = Origin("VirtualService", "ns", "vs")
    service = ResolvedVirtualService(origin, "ns", "vs", ("a",), ("mesh",), (to(), route))
    return [(each.field.removeprefix("spec.http[1]."), each.message.partition(";")[0]) for each in problems(service)]


@pytest.mark.parametrize(
    "route",
    [
        to(),
        to(retries=HTTPRetry(attempts=1, backoff=Duration(seconds=1))),
        to(rewrite=HTTPRewrite(uri="/b", authority="c")),
        to(
            fault=HTTPFaultInjection(FaultDelay(fixed_delay=Duration(seconds=1)), FaultAbort(grpc_status="unavailable"))
        ),
        to(cors_policy=CorsPolicy(allow_origins=(StringMatch(regex=".*"),))),
        HTTPRoute(redirect=HTTPRedirect(uri="/x", redirect_code=307)),
        HTTPRoute(direct_response=HTTPDirectResponse(200, HTTPBody(bytes="aGk="))),
    ],
)
def test_what_envoy_takes_is_valid(route: HTTPRoute) -> None:
    assert is_valid_route(route)
    assert found(route) == []


@pytest.mark.parametrize(
    ("route", "field", "reason"),
    [
        (HTTPRoute(), "route", "expected a destination, a redirect or a direct response, got none"),
        (
            HTTPRoute(route=(HTTPRouteDestination(), HTTPRouteDestination())),
            "route",
            "expected a weight above 0, got none",
        ),
        (
            HTTPRoute(route=(HTTPRouteDestination(Destination("a"), 2**31 - 1),) * 3),
            "route",
            "expected weights of 4294967295 in total at most",
        ),
        (
            HTTPRoute(route=(HTTPRouteDestination(Destination("a"), 1, PERCENT),)),
            "route[0].headers.request.set[x]",
            "expected %OPERATOR%, or %% for a percent sign, got '50%'",
        ),
        (
            to(rewrite=HTTPRewrite(uri_regex_rewrite=RegexRewrite("", "x"))),
            "rewrite.uriRegexRewrite.match",
            "expected a regex, got an empty string",
        ),
        (
            to(rewrite=HTTPRewrite(uri_regex_rewrite=RegexRewrite("a", "\n"))),
            "rewrite.uriRegexRewrite.rewrite",
            "expected a value on one line",
        ),
        (to(rewrite=HTTPRewrite(uri="\n")), "rewrite.uri", "expected a value on one line"),
        (
            to(retries=HTTPRetry(attempts=1, backoff=Duration())),
            "retries.backoff",
            "expected a duration above 0s, got 0s",
        ),
        (HTTPRoute(redirect=HTTPRedirect(scheme="a\r")), "redirect.scheme", "expected a value on one line"),
        (
            HTTPRoute(redirect=HTTPRedirect(redirect_code=300)),
            "redirect.redirectCode",
            "expected 301, 302, 303, 307 or 308, got 300",
        ),
        (
            HTTPRoute(direct_response=HTTPDirectResponse(600)),
            "directResponse.status",
            "expected a status from 200 to 599, got 600",
        ),
        (
            HTTPRoute(direct_response=HTTPDirectResponse(200, HTTPBody(bytes="!!!!"))),
            "directResponse.body.bytes",
            "expected base64, got '!!!!'",
        ),
        (
            HTTPRoute(direct_response=HTTPDirectResponse(200, HTTPBody(string="x" * 1_048_577))),
            "directResponse.body",
            "expected at most 1048576 bytes, got 1048577",
        ),
        (
            to(fault=HTTPFaultInjection(abort=FaultAbort(http_status=100))),
            "fault.abort.httpStatus",
            "expected a status from 200 to 599, got 100",
        ),
        (
            to(fault=HTTPFaultInjection(abort=FaultAbort(grpc_status="NOPE"))),
            "fault.abort.grpcStatus",
            "expected the name of a gRPC status, got 'NOPE'",
        ),
        (
            to(fault=HTTPFaultInjection(FaultDelay(fixed_delay=Duration()))),
            "fault.delay.fixedDelay",
            "expected a duration above 0s, got 0s",
        ),
        (
            to(cors_policy=CorsPolicy(allow_origins=(StringMatch(prefix=""),))),
            "corsPolicy.allowOrigins",
            "expected a prefix, got an empty string",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_envoy_refuses_is_told_with_its_place(route: HTTPRoute, field: str, reason: str) -> None:
    assert not is_valid_route(route)
    assert found(route) == [(field, reason)]


def test_conditions_are_judged_one_by_one() -> None:
    bad = HTTPMatchRequest(uri=StringMatch(regex="["))

    assert not is_valid_match(bad, False)
    assert is_valid_match(HTTPMatchRequest(), False)
    assert found(to(match=(HTTPMatchRequest(), bad))) == [("match[1].uri", "regex '[' does not compile: missing ]: [")]


def test_what_an_invalid_route_answers_is_said() -> None:
    def message(gateway_semantics: bool) -> str:
        origin = Origin("VirtualService", "ns", "vs")
        service = ResolvedVirtualService(
            origin, "ns", "vs", ("a",), ("mesh",), (HTTPRoute(),), gateway_semantics=gateway_semantics
        )
        return problems(service)[0].message

    assert message(False).endswith("the route answers 503")
    assert message(True).endswith("the route answers 500")


def test_bytes_need_a_destination_with_a_weight() -> None:
    one, two = RouteDestination(Destination("a")), RouteDestination(Destination("b"), 1)
    assert carries_bytes((one,))
    assert carries_bytes((one, two))
    assert not carries_bytes((one, one))
    tcp = (TCPRoute(route=(one, one)), TCPRoute(route=(one, two)), TCPRoute())
    tls = (TLSRoute(route=(one, one)),)
    service = ResolvedVirtualService(Origin("VirtualService", "ns", "vs"), "ns", "vs", ("a",), ("mesh",), (), tcp, tls)
    assert [each.field for each in problems(service)] == ["spec.tcp[0].route", "spec.tcp[2]", "spec.tls[0].route"]


def test_numbers_of_routes_are_left_out_where_delegates_changed_them() -> None:
    origin = Origin("VirtualService", "ns", "vs")
    service = ResolvedVirtualService(
        origin, "ns", "vs", ("a",), ("mesh",), (HTTPRoute(),), delegates=(Origin("VirtualService", "ns", "d"),)
    )
    assert [each.field for each in problems(service)] == ["spec.http.route"]
