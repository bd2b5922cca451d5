from typing import Any

import msgspec
import pytest
from envoy.config.route.v3.route_components_pb2 import Route
from google.protobuf import json_format

from pilot.generators.routes import action
from pilot.generators.routes.action import Forwarding, Upstream
from pilot.generators.routes.hash_policy import build_hash_policy
from pilot.model.duration import Duration
from pilot.model.traffic_policy import ConsistentHashLB, LoadBalancerSettings, TrafficPolicy
from pilot.model.virtual_service import (
    Destination,
    HeaderOperations,
    Headers,
    HTTPBody,
    HTTPDirectResponse,
    HTTPMatchRequest,
    HTTPMirrorPolicy,
    HTTPRedirect,
    HTTPRewrite,
    HTTPRoute,
    HTTPRouteDestination,
    Percent,
    RedirectPortSelection,
    RegexRewrite,
    StringMatch,
)
from tests.pilot.generators.samples import rule


def plain(fields: Any) -> Any:
    return json_format.MessageToDict(Route(**fields))


def redirect(*, port: int = 80, tls: bool = False, gateway: bool = False, **settings: Any) -> Any:
    made = action.redirect(HTTPRedirect(**settings), port, tls=tls, gateway_semantics=gateway)
    return plain(made)["redirect"]


FROM_REQUEST = RedirectPortSelection.FROM_REQUEST_PORT


def test_a_redirect_changes_what_is_said_and_no_more() -> None:
    assert redirect(authority="b") == {"hostRedirect": "b", "pathRedirect": ""}
    assert redirect(uri="/x", scheme="https", port=80, redirect_code=302) == {
        "pathRedirect": "/x", "schemeRedirect": "https", "responseCode": "FOUND"
    }  # fmt: skip
    assert redirect(redirect_code=308)["responseCode"] == "PERMANENT_REDIRECT"


def test_a_port_that_the_scheme_implies_is_left_out() -> None:
    assert "portRedirect" not in plain(action.redirect(HTTPRedirect(port=80), 1, tls=False, gateway_semantics=False))
    assert redirect(derive_port=FROM_REQUEST, port=8081)["portRedirect"] == 8081
    assert "portRedirect" not in redirect(derive_port=FROM_REQUEST, port=443, tls=True)
    assert redirect(derive_port=FROM_REQUEST, port=443)["portRedirect"] == 443


def test_gateway_api_redirects_keep_the_rest_of_the_path() -> None:
    assert redirect(uri="%PREFIX()%/p", gateway=True)["prefixRewrite"] == "/p"
    assert redirect(uri="%PREFIX()%/p")["pathRedirect"] == "%PREFIX()%/p"


def test_a_prefix_that_a_redirect_takes_away_leaves_one_slash() -> None:
    match = HTTPMatchRequest(uri=StringMatch(prefix="/old.x/"))
    gone = HTTPRedirect(uri="%PREFIX()%/")
    found = plain(action.redirect(gone, 80, match, tls=False, gateway_semantics=True))["redirect"]["regexRewrite"]
    assert found == {"pattern": {"regex": r"^/old\.x(/?)(.*)"}, "substitution": r"/\2"}
    assert plain(action.redirect(gone, 80, tls=False, gateway_semantics=True))["redirect"]["prefixRewrite"] == "/"


def test_a_fixed_answer_has_text_or_bytes() -> None:
    def answer(body: HTTPBody | None) -> Any:
        return plain(action.direct_response(HTTPDirectResponse(418, body)))["directResponse"]

    assert answer(None) == {"status": 418}
    assert answer(HTTPBody(string="tea"))["body"] == {"inlineString": "tea"}
    assert answer(HTTPBody(bytes="aGVsbG8"))["body"] == {"inlineBytes": "aGVsbG8="}


def test_bytes_are_base64_of_either_alphabet() -> None:
    assert action.decode_body("-_-_") == action.decode_body("+/+/")
    with pytest.raises(ValueError, match="expected base64"):
        action.decode_body("!!!!")


def forward(
    route: HTTPRoute, *clusters: str, match: HTTPMatchRequest | None = None, mirrors: tuple[str, ...] = (), **how: Any
) -> Any:
    settings = {"gateway_semantics": False, "append_x_forwarded_host": False, "shadow_host_suffix": False, **how}
    upstreams = [Upstream(each) for each in clusters]
    known = Forwarding(upstreams=upstreams, mirrors=mirrors, retry_policy=None, **settings)
    return plain(action.forward(route, match, known, action.route_changes(route)))["route"]


def to(host: str = "a", weight: int = 0, headers: Headers | None = None) -> HTTPRouteDestination:
    return HTTPRouteDestination(Destination(host), weight, headers)


def test_timeouts_hold_for_grpc_too_and_none_means_no_limit() -> None:
    assert forward(HTTPRoute(route=(to(),)), "a") == {"cluster": "a", "timeout": "0s", "maxGrpcTimeout": "0s"}
    made = forward(HTTPRoute(route=(to(),), timeout=Duration(seconds=7)), "a")
    assert (made["timeout"], made["maxGrpcTimeout"]) == ("7s", "7s")


def test_traffic_is_split_by_weight_and_destinations_without_are_left_out() -> None:
    made = forward(HTTPRoute(route=(to("a", 1), to("b", 0), to("c", 2))), "a", "b", "c")

    assert made["weightedClusters"] == {"clusters": [{"name": "a", "weight": 1}, {"name": "c", "weight": 2}]}


def test_headers_of_one_destination_are_those_of_the_route() -> None:
    own = Headers(request=HeaderOperations(set={"d": "1", "host": "x"}))
    whole = HTTPRoute(route=(to("a", 0, own),), headers=Headers(request=HeaderOperations(set={"r": "2"})))

    assert [each.header.key for each in action.route_changes(whole).request_add] == ["r", "d"]
    assert forward(whole, "a")["hostRewriteLiteral"] == "x"


def test_an_authority_of_a_higher_level_holds() -> None:
    def host(name: str) -> Headers:
        return Headers(request=HeaderOperations(set={"host": name}))

    route = HTTPRoute(route=(to("a", 0, host("destination")),), headers=host("route"))
    assert forward(route, "a")["hostRewriteLiteral"] == "route"
    rewritten = msgspec.structs.replace(route, rewrite=HTTPRewrite(authority="rewritten"))
    assert forward(rewritten, "a")["hostRewriteLiteral"] == "rewritten"


def test_headers_of_several_destinations_stay_with_them() -> None:
    own = Headers(request=HeaderOperations(set={"d": "1", ":authority": "x"}))
    route = HTTPRoute(route=(to("a", 1, own), to("b", 1)))
    clusters = forward(route, "a", "b")["weightedClusters"]["clusters"]

    assert action.route_changes(route).request_add == ()
    assert clusters[0]["hostRewriteLiteral"] == "x"
    assert [each["header"]["key"] for each in clusters[0]["requestHeadersToAdd"]] == ["d"]
    assert clusters[1] == {"name": "b", "weight": 1}


def test_paths_and_authorities_are_rewritten() -> None:
    assert forward(HTTPRoute(route=(to(),), rewrite=HTTPRewrite(uri="/b", authority="x")), "a")["prefixRewrite"] == "/b"
    regex = HTTPRewrite(uri_regex_rewrite=RegexRewrite("^/a(.*)", r"\1"))
    assert forward(HTTPRoute(route=(to(),), rewrite=regex), "a")["regexRewrite"] == {
        "pattern": {"regex": "^/a(.*)"}, "substitution": "\\1"
    }  # fmt: skip


def test_gateway_api_prefixes_are_cut_off_without_leaving_two_slashes() -> None:
    match = HTTPMatchRequest(uri=StringMatch(prefix="/a.b-c/"))
    made = forward(HTTPRoute(route=(to(),), rewrite=HTTPRewrite(uri="/")), "a", match=match, gateway_semantics=True)

    assert made["regexRewrite"] == {"pattern": {"regex": r"^/a\.b-c(/?)(.*)"}, "substitution": r"/\2"}
    assert made["clusterNotFoundResponseCode"] == "INTERNAL_SERVER_ERROR"


def test_copies_go_where_they_have_a_share() -> None:
    route = HTTPRoute(
        route=(to(),),
        mirror=Destination("m"),
        mirror_percent=30,
        mirrors=(
            HTTPMirrorPolicy(Destination("n"), Percent(12.345)),
            HTTPMirrorPolicy(Destination("never"), Percent(0)),
            HTTPMirrorPolicy(Destination("o")),
        ),
    )
    made = forward(route, "a", mirrors=("m", "n", "o"))["requestMirrorPolicies"]

    assert [destination.host for destination, _ in action.mirror_destinations(route)] == ["m", "n", "o"]
    assert [each["runtimeFraction"]["defaultValue"] for each in made] == [
        {"numerator": 30}, {"numerator": 123450, "denominator": "MILLION"}, {"numerator": 100}
    ]  # fmt: skip
    assert made[0]["traceSampled"] is False
    assert made[0]["disableShadowHostSuffixAppend"] is True


def test_old_mirrors_have_their_own_share() -> None:
    def shares(**fields: Any) -> list[int]:
        return [
            share.numerator for _, share in action.mirror_destinations(HTTPRoute(mirror=Destination("m"), **fields))
        ]

    assert shares() == [100]
    assert shares(mirror_percent=0) == []
    assert shares(mirror_percentage=Percent(0)) == []
    assert shares(mirror_percentage=Percent(25)) == [250_000]


def test_every_hash_policy_is_there_once_for_each_destination() -> None:
    hashing = LoadBalancerSettings(consistent_hash=ConsistentHashLB(http_header_name="x"))
    policy = build_hash_policy(rule(TrafficPolicy(load_balancer=hashing)), "", None)
    known = Forwarding([Upstream("a", policy), Upstream("b"), Upstream("c", policy)], (), None, False, True, True)
    route = HTTPRoute(route=(to("a", 1), to("b", 1), to("c", 1)))
    made = plain(action.forward(route, None, known, action.route_changes(route)))["route"]
    idle = HTTPRoute(route=(to("a", 0), to("b", 1), to("c", 1)))

    assert len(made["hashPolicy"]) == 2
    assert len(plain(action.forward(idle, None, known, action.route_changes(idle)))["route"]["hashPolicy"]) == 1
    assert made["appendXForwardedHost"] is True
