"""Patches of route configurations, virtual hosts and routes. Source: xDS behaviour 7.1."""

from typing import Any

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf import json_format

from pilot.generators.patching.messages import parse_message
from pilot.generators.patching.routes import of_inbound, patch_route_configuration, patch_routes
from pilot.generators.patching.tally import Tally
from pilot.generators.patching.wire import message_of
from pilot.model.envoy_filter import PatchContext
from pilot.resources import resource
from pilot.type_urls import ROUTE
from tests.pilot.generators.patching.filters_of import patch, plan

OUTBOUND, GATEWAY = PatchContext.SIDECAR_OUTBOUND, PatchContext.GATEWAY
HOSTS = [
    {
        "name": "a:80",
        "domains": ["a", "a.default"],
        "routes": [
            {"name": "one", "match": {"prefix": "/1"}, "route": {"cluster": "x"}},
            {"name": "two", "match": {"prefix": "/2"}, "redirect": {"path_redirect": "/r"}},
            {"name": "three", "match": {"prefix": "/3"}, "direct_response": {"status": 200}},
        ],
    },
    {
        "name": "b:80",
        "domains": ["b"],
        "routes": [{"name": "one", "match": {"prefix": "/"}, "route": {"cluster": "y"}}],
    },
]
NEW = {"name": "new", "match": {"path": "/n"}, "direct_response": {"status": 204}}


def configuration(name: str) -> Any:
    return parse_message(RouteConfiguration, {"name": name, "virtual_hosts": HOSTS})[0]


def after(*patches: dict[str, Any], name: str = "80", context: PatchContext = OUTBOUND, **ports: Any) -> dict[str, Any]:
    changed = configuration(name)
    patch_routes(changed, context, plan(*patches), Tally(), ports.get("ports", {}))
    return json_format.MessageToDict(changed)


def changes(match: dict[str, Any], name: str, context: PatchContext = OUTBOUND, **ports: Any) -> bool:
    merge = patch(
        "ROUTE_CONFIGURATION", "MERGE", {"most_specific_header_mutations_wins": True}, routeConfiguration=match
    )
    return "mostSpecificHeaderMutationsWins" in after(merge, name=name, context=context, **ports)


@pytest.mark.parametrize(
    ("match", "name", "means"),
    [
        ({}, "80", True),
        ({"portNumber": 80}, "80", True),
        ({"portNumber": 80}, "reviews.default.svc.cluster.local:80", False),
        ({"portNumber": 8080}, "inbound|8080||", True),
        ({"name": "80"}, "80", True),
        ({"name": "81"}, "80", False),
        ({"portName": "http"}, "80", True),
    ],
)
def test_a_sidecars_routes_are_chosen_by_name_and_port(match: dict[str, Any], name: str, means: bool) -> None:
    assert changes(match, name) is means


@pytest.mark.parametrize(
    ("match", "name", "means"),
    [
        ({"portNumber": 80}, "http.8080", True),
        ({"portNumber": 8080}, "http.8080", False),
        ({"portNumber": 9000}, "http.9000", True),
        ({"portName": "https"}, "https.443.https.gw.shop", True),
        ({"portName": "http"}, "http.8080", False),
        ({"gateway": "shop/gw"}, "https.443.https.gw.shop", True),
        ({"gateway": "shop/other"}, "https.443.https.gw.shop", False),
        ({"name": "http.8080"}, "http.8080", True),
    ],
)
def test_a_gateways_routes_are_chosen_by_service_port_port_name_and_gateway(
    match: dict[str, Any], name: str, means: bool
) -> None:
    assert changes(match, name, GATEWAY, ports={8080: (80,)}) is means


def host(operation: str, value: dict[str, Any] | None, **vhost: Any) -> dict[str, Any]:
    return patch("VIRTUAL_HOST", operation, value, routeConfiguration={"vhost": vhost} if vhost else {})


def hosts(*patches: dict[str, Any]) -> list[str]:
    return [each["name"] for each in after(*patches).get("virtualHosts", ())]


def test_virtual_hosts_are_added_removed_and_replaced() -> None:
    new = {"name": "c:80", "domains": ["c"]}
    assert hosts(host("ADD", new)) == ["a:80", "b:80", "c:80"]
    assert hosts(host("REMOVE", None, name="a:80")) == ["b:80"]
    assert hosts(host("REMOVE", None, domainName="a.default")) == ["b:80"]
    assert hosts(host("REPLACE", new, name="a:80")) == ["c:80", "b:80"]
    assert hosts(host("REMOVE", None, name="nobody")) == ["a:80", "b:80"]
    assert hosts(host("REMOVE", None)) == []
    assert hosts(host("REMOVE", None, name="a:80"), host("ADD", {**new, "name": "a:80"}), host("ADD", new)) == [
        "b:80",
        "c:80",
    ]
    assert hosts(host("INSERT_FIRST", new)) == ["a:80", "b:80", "c:80"]


def test_a_route_that_does_nothing_is_of_any_action() -> None:
    bare = host("REPLACE", {"name": "a:80", "routes": [{"name": "bare", "match": {"path": "/b"}}]}, name="a:80")
    found = after(bare, route("REMOVE", None, action="REDIRECT"))["virtualHosts"][0]
    assert "routes" not in found


def test_virtual_hosts_merge() -> None:
    found = after(host("MERGE", {"request_headers_to_remove": ["x"]}, name="b:80"))["virtualHosts"]
    assert ["requestHeadersToRemove" in each for each in found] == [False, True]


def route(operation: str, value: dict[str, Any] | None, vhost: str = "a:80", **match: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {"name": vhost, **({"route": match} if match else {})}
    return patch("HTTP_ROUTE", operation, value, routeConfiguration={"vhost": inner})


@pytest.mark.parametrize(
    ("patches", "names"),
    [
        ([route("ADD", NEW)], ["one", "two", "three", "new"]),
        ([route("INSERT_FIRST", NEW)], ["new", "one", "two", "three"]),
        ([route("INSERT_FIRST", NEW, name="two")], ["new", "one", "two", "three"]),
        ([route("INSERT_FIRST", NEW, name="nobody")], ["one", "two", "three"]),
        ([route("INSERT_AFTER", NEW)], ["one", "two", "three", "new"]),
        ([route("INSERT_BEFORE", NEW, name="two")], ["one", "new", "two", "three"]),
        ([route("INSERT_AFTER", NEW, name="two")], ["one", "two", "new", "three"]),
        ([route("INSERT_AFTER", NEW, name="nobody")], ["one", "two", "three"]),
        ([route("REMOVE", None, name="two")], ["one", "three"]),
        ([route("REMOVE", None, action="DIRECT_RESPONSE")], ["one", "two"]),
        ([route("REMOVE", None, action="ROUTE")], ["two", "three"]),
        ([route("REMOVE", None, action="ANY")], []),
        ([route("REMOVE", None, "b:80", name="one")], ["one", "two", "three"]),
        ([route("INSERT_BEFORE", NEW, name="two"), route("REMOVE", None, name="two")], ["one", "three"]),
    ],
)
def test_routes_go_where_the_patch_says_after_removals(patches: list[dict[str, Any]], names: list[str]) -> None:
    assert [each["name"] for each in after(*patches)["virtualHosts"][0].get("routes", ())] == names


def test_routes_merge_by_action() -> None:
    found = after(route("MERGE", {"redirect": {"strip_query": True}}, action="REDIRECT"))["virtualHosts"][0]["routes"]
    assert [each.get("redirect", {}).get("stripQuery") for each in found] == [None, True, None]
    assert found[1]["redirect"]["pathRedirect"] == "/r"


def test_a_virtual_host_that_is_added_is_not_patched_further() -> None:
    new = {"name": "c:80", "domains": ["c"]}
    found = after(host("ADD", new), route("ADD", NEW, "c:80"))["virtualHosts"][2]
    assert "routes" not in found


def test_a_resource_that_no_patch_means_stays_the_same() -> None:
    made = resource(ROUTE, "80", configuration("80"))
    found = patch_route_configuration(made, OUTBOUND, plan(route("ADD", NEW, "nobody")), {})
    assert found.resource is made
    assert found.applied == ()
    changed = patch_route_configuration(made, OUTBOUND, plan(route("ADD", NEW)), {})
    assert changed.applied == ((0, 1),)
    assert changed.resource is not None
    assert len(message_of(RouteConfiguration, changed.resource).virtual_hosts[0].routes) == 4


def test_a_route_gets_the_configuration_of_a_filter() -> None:
    lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute"
    value = {"typed_per_filter_config": {"x": {"@type": lua, "disabled": True}}}
    found = after(route("MERGE", value, name="one"))["virtualHosts"][0]["routes"]
    assert [each.get("typedPerFilterConfig") for each in found] == [{"x": {"@type": lua, "disabled": True}}, None, None]


def test_only_patches_for_inbound_reach_routes_in_listeners() -> None:
    match = {"vhost": {"name": "x"}}
    inbound = patch("HTTP_ROUTE", "REMOVE", context="SIDECAR_INBOUND", routeConfiguration=match)
    outbound = patch("HTTP_ROUTE", "REMOVE", context="SIDECAR_OUTBOUND", routeConfiguration=match)
    assert of_inbound(PatchContext.SIDECAR_INBOUND, plan(inbound))
    assert not of_inbound(PatchContext.SIDECAR_INBOUND, plan(outbound))
    assert not of_inbound(OUTBOUND, plan(outbound))
