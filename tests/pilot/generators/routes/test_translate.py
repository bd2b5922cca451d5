from typing import Any

import pytest
from envoy.config.route.v3.route_components_pb2 import Route
from google.protobuf import json_format

from pilot.generators.routes.settings import RouteListener, route_settings
from pilot.generators.routes.translate import Routes, build_routes
from pilot.model.destination_rule import MergedRule
from pilot.model.features import Features
from pilot.model.proxy_config import ProxyConfig
from pilot.model.routing import ResolvedVirtualService
from pilot.model.service import Service
from pilot.model.virtual_service import (
    CorsPolicy,
    Destination,
    HTTPDirectResponse,
    HTTPMatchRequest,
    HTTPRedirect,
    HTTPRoute,
    HTTPRouteDestination,
    StringMatch,
)
from pilot.resources import Origin
from tests.pilot.generators.samples import service
from tests.pilot.generators.worlds import mesh_config

MESH, CONFIG = mesh_config(), ProxyConfig()
SETTINGS = route_settings(MESH, CONFIG, Features(persistent_session_filter=True))
ORIGIN = Origin("VirtualService", "ns", "vs")
TO = (HTTPRouteDestination(Destination("a.com")),)
STICKY = service("a", labels={"istio.io/persistent-session": "c"})


def virtual_service(*http: HTTPRoute) -> ResolvedVirtualService:
    return ResolvedVirtualService(ORIGIN, "ns", "vs", ("a.com",), ("mesh",), http)


def matching(route: tuple[HTTPRouteDestination, ...] = TO, **conditions: Any) -> HTTPRoute:
    return HTTPRoute(match=(HTTPMatchRequest(**conditions),), route=route)


def translated(
    made: ResolvedVirtualService,
    listener: RouteListener = RouteListener(80),  # noqa: B008 - frozen
    labels: dict[str, str] | None = None,
    namespace: str = "ns",
    known: Service | None = None,
) -> Routes:
    def lookup(_: str) -> tuple[Service | None, MergedRule | None]:
        return known, None

    return build_routes(made, SETTINGS, listener, lookup, labels or {}, namespace)


def plain(*http: HTTPRoute, **how: Any) -> list[Any]:
    return [
        json_format.MessageToDict(Route.FromString(body)) for body in translated(virtual_service(*http), **how).bodies
    ]


def paths(*http: HTTPRoute, **how: Any) -> list[str]:
    return [each["match"]["prefix"] for each in plain(*http, **how)]


def test_a_route_names_what_it_was_made_from() -> None:
    (made,) = plain(HTTPRoute(name="r", match=(HTTPMatchRequest(name="m", stat_prefix="s"),), route=TO))

    assert made["name"] == "r.m"
    assert made["statPrefix"] == "s"
    assert made["metadata"]["filterMetadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/ns/virtual-service/vs"
    }


def test_each_condition_is_a_route_and_none_takes_everything() -> None:
    several = HTTPRoute(
        match=(HTTPMatchRequest(uri=StringMatch(prefix="/a")), HTTPMatchRequest(uri=StringMatch(prefix="/b"))), route=TO
    )

    assert paths(several, HTTPRoute(route=TO)) == ["/a", "/b", "/"]


def test_nothing_comes_after_a_route_that_takes_everything() -> None:
    routes = (HTTPRoute(route=TO), matching(uri=StringMatch(prefix="/late")))

    assert paths(*routes) == ["/"]
    assert translated(virtual_service(*routes)).catch_all
    assert not translated(virtual_service(routes[1])).catch_all


def test_conditions_on_the_listener_are_settled_here() -> None:
    def applies(listener: RouteListener | None = None, **conditions: Any) -> bool:
        return bool(plain(matching(**conditions), listener=listener or RouteListener(80)))

    assert applies(port=80)
    assert not applies(port=81)
    assert applies(gateways=("mesh",))
    assert not applies(gateways=("ns/gw",))
    assert applies(RouteListener(80, gateway="ns/gw"), gateways=("ns/gw",))


def test_conditions_on_the_client_are_settled_here_unless_gateways_are_given() -> None:
    def applies(**conditions: Any) -> bool:
        return bool(plain(matching(**conditions), labels={"app": "a"}))

    assert applies(source_labels={"app": "a"})
    assert not applies(source_labels={"app": "a", "x": "y"})
    assert applies(source_namespace="ns")
    assert not applies(source_namespace="other")
    assert applies(source_namespace="other", gateways=("mesh",))


def test_the_operation_is_the_cluster_or_the_virtual_service() -> None:
    def operation(route: HTTPRoute) -> str:
        return str(plain(route)[0]["decorator"]["operation"])

    split = (HTTPRouteDestination(Destination("a.com"), 1), HTTPRouteDestination(Destination("b.com"), 1))
    assert operation(HTTPRoute(route=TO)) == "a.com:80/*"
    assert operation(matching(uri=StringMatch(exact="/x"))) == "a.com:80/x"
    assert operation(matching(uri=StringMatch(prefix="/x"))) == "a.com:80/x*"
    assert operation(matching(uri=StringMatch(regex="/x.+"))) == "a.com:80/x.+"
    assert operation(HTTPRoute(route=split)) == "vs:80/*"
    assert operation(HTTPRoute(direct_response=HTTPDirectResponse(200))) == "vs:80/*"


def test_an_unusable_action_answers_an_error_and_costs_no_other_route() -> None:
    broken = HTTPRoute(
        match=(HTTPMatchRequest(uri=StringMatch(prefix="/a")),), redirect=HTTPRedirect(redirect_code=999)
    )
    made = plain(broken, HTTPRoute(route=TO))

    assert made[0]["directResponse"]["status"] == 503
    assert made[1]["route"]["cluster"] == "outbound|80||a.com"


def test_an_unusable_condition_matches_nothing() -> None:
    broken = HTTPRoute(
        match=(HTTPMatchRequest(uri=StringMatch(regex="(")), HTTPMatchRequest(uri=StringMatch(prefix="/b"))), route=TO
    )

    assert paths(broken) == ["/b"]


def test_sessions_stick_beside_other_filters() -> None:
    sticky = plain(HTTPRoute(route=TO), known=STICKY)[0]
    shared = plain(HTTPRoute(route=TO, cors_policy=CorsPolicy()), known=STICKY)[0]

    assert list(sticky["typedPerFilterConfig"]) == ["envoy.filters.http.stateful_session"]
    assert set(shared["typedPerFilterConfig"]) == {"envoy.filters.http.cors", "envoy.filters.http.stateful_session"}


@pytest.mark.parametrize(
    ("weights", "cookie"),
    [
        ("plain:1 first:1", "first"),
        ("first:1 plain:1", None),
        ("first:1 plain:0", "first"),
        ("first:1 second:1", "first"),
        ("first:1 plain:1 second:1", "second"),
    ],
)
def test_a_split_sticks_as_its_destinations_in_order_say(weights: str, cookie: str | None) -> None:
    destinations = [each.split(":") for each in weights.split()]
    route = tuple(HTTPRouteDestination(Destination(host), int(weight)) for host, weight in destinations)
    known = {host: service(host, labels={"istio.io/persistent-session": host}) for host in ("first", "second")}

    def lookup(host: str) -> tuple[Service | None, MergedRule | None]:
        return known.get(host), None

    (body,) = build_routes(
        virtual_service(HTTPRoute(route=route)), SETTINGS, RouteListener(80), lookup, {}, "ns"
    ).bodies
    found = str(json_format.MessageToDict(Route.FromString(body)).get("typedPerFilterConfig", {}))

    assert [each for each in known if f"'name': '{each}'" in found] == ([cookie] if cookie else [])


def test_routes_are_made_again_only_if_something_they_depend_on_changed() -> None:
    made = virtual_service(matching(source_labels={"app": "a"}), HTTPRoute(route=TO))
    first = translated(made, labels={"app": "a", "version": "v1"}, known=STICKY)

    assert translated(made, labels={"app": "a", "version": "v2"}, namespace="other", known=STICKY) is first
    assert translated(made, labels={"app": "b"}, known=STICKY) is not first
    assert translated(made, labels={"app": "a"}, known=service("a")) is not first
    assert first.origins == (ORIGIN,)
