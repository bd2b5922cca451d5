from typing import Any

from google.protobuf import json_format

from pilot.generators.routes import route_filters
from pilot.model.duration import Duration
from pilot.model.features import Features
from pilot.model.virtual_service import (
    CorsPolicy,
    FaultAbort,
    FaultDelay,
    HTTPFaultInjection,
    Percent,
    StringMatch,
    UnmatchedPreflights,
)
from tests.pilot.generators.samples import service


def plain(packed: Any) -> Any:
    return {key: value for key, value in json_format.MessageToDict(packed).items() if key != "@type"}


def fault(delay: FaultDelay | None = None, abort: FaultAbort | None = None) -> Any:
    return plain(route_filters.fault(HTTPFaultInjection(delay, abort)))


def test_faults_hit_a_share_in_millionths() -> None:
    made = fault(
        FaultDelay(fixed_delay=Duration(seconds=3), percentage=Percent(12.5)),
        FaultAbort(http_status=500, percentage=Percent(0.1)),
    )

    assert made["delay"] == {"fixedDelay": "3s", "percentage": {"numerator": 125000, "denominator": "MILLION"}}
    assert made["abort"] == {"httpStatus": 500, "percentage": {"numerator": 1000, "denominator": "MILLION"}}


def test_old_shares_are_in_hundredths_and_no_share_is_none() -> None:
    assert fault(FaultDelay(fixed_delay=Duration(seconds=1), percent=7))["delay"]["percentage"] == {"numerator": 7}
    assert fault(FaultDelay(fixed_delay=Duration(seconds=1)))["delay"]["percentage"] == {}
    assert fault(abort=FaultAbort(grpc_status="UNAVAILABLE")) == {"abort": {"grpcStatus": 14}}


def test_faults_that_were_never_implemented_are_left_out() -> None:
    assert fault(FaultDelay(exponential_delay=Duration(seconds=1)), FaultAbort(http2_error="x")) == {}


def test_more_than_everything_is_everything() -> None:
    assert route_filters.fraction(Percent(250)).numerator == 1_000_000
    assert route_filters.fraction(Percent(0.57)).numerator == 5_699


def test_cross_origin_rules_are_joined_lists() -> None:
    made = plain(
        route_filters.cors(
            CorsPolicy(
                allow_origins=(StringMatch(exact="https://a"), StringMatch(regex=".*b")),
                allow_methods=("GET", "POST"),
                allow_headers=("x-a",),
                expose_headers=("x-b", "x-c"),
                max_age=Duration(hours=24),
                allow_credentials=True,
            )
        )
    )

    assert made == {
        "allowOriginStringMatch": [{"exact": "https://a"}, {"safeRegex": {"regex": ".*b"}}],
        "allowMethods": "GET,POST",
        "allowHeaders": "x-a",
        "exposeHeaders": "x-b,x-c",
        "maxAge": "86400",
        "allowCredentials": True,
        "filterEnabled": {"defaultValue": {"numerator": 100}},
        "forwardNotMatchingPreflights": True,
    }


def test_old_origins_are_exact_and_unmatched_preflights_can_be_kept() -> None:
    made = plain(route_filters.cors(CorsPolicy(allow_origin=("*",), unmatched_preflights=UnmatchedPreflights.IGNORE)))

    assert made["allowOriginStringMatch"] == [{"exact": "*"}]
    assert made["forwardNotMatchingPreflights"] is False
    assert "allowCredentials" not in made


def test_sessions_stick_by_the_labels_of_the_service() -> None:
    on = Features(persistent_session_filter=True)
    by_cookie = service(labels={"istio.io/persistent-session": "c"})
    by_header = service(labels={"istio.io/persistent-session-header": "x"})

    assert route_filters.session_key(by_cookie, on) == ("cookie", "c")
    assert route_filters.session_key(by_header, on) == ("header", "x")
    assert route_filters.session_key(by_cookie, Features()) is None
    assert route_filters.session_key(service(), on) is None
    assert route_filters.session_key(None, on) is None


def test_a_sticky_cookie_has_a_path() -> None:
    def state(kind: str, value: str) -> Any:
        (packed,) = route_filters.stateful_session((kind, value)).values()
        return plain(packed)["statefulSession"]["sessionState"]["typedConfig"]

    assert state("cookie", "c")["cookie"] == {"name": "c", "path": "/"}
    assert state("cookie", "c:/x")["cookie"] == {"name": "c", "path": "/x"}
    assert state("header", "x-s")["name"] == "x-s"
