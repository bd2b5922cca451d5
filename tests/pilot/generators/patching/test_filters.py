"""Patches of listener filters, network filters and HTTP filters in generated listeners. Source: xDS behaviour 7.1."""

from typing import Any

import pytest

from tests.pilot.generators import worlds
from tests.pilot.generators.patching.filters_of import (
    LIMIT,
    MANAGER,
    envoy_filter,
    http_filters,
    listeners_of,
    lua,
    patch,
    view,
)

BARE = ["istio.metadata_exchange", "envoy.filters.http.grpc_stats", "istio.alpn", "envoy.filters.http.fault"]
REST = ["envoy.filters.http.cors", "envoy.filters.http.router"]
RATE = {
    "name": "limit",
    "typed_config": {"@type": LIMIT, "stat_prefix": "x", "token_bucket": {"max_tokens": 1, "fill_interval": "60s"}},
}


def http(operation: str, value: dict[str, Any] | None, sub: str = "", name: str = worlds.HCM) -> dict[str, Any]:
    inside: dict[str, Any] = {"name": name}
    if sub:
        inside["subFilter"] = {"name": sub}
    listener = {"portNumber": 80, "filterChain": {"filter": inside}} if name else {"portNumber": 80}
    return patch("HTTP_FILTER", operation, value, context="SIDECAR_OUTBOUND", listener=listener)


def chain_after(*patches: dict[str, Any], listener: str = "0.0.0.0_80") -> Any:
    return listeners_of(view(envoy_filter(*patches)))[listener]["filterChains"][0]


@pytest.mark.parametrize(
    ("patches", "names"),
    [
        ([http("INSERT_FIRST", lua("x"))], ["x", *BARE, *REST]),
        ([http("ADD", lua("x"))], [*BARE, *REST, "x"]),
        ([http("INSERT_BEFORE", lua("x"), "envoy.filters.http.router")], [*BARE, REST[0], "x", REST[1]]),
        ([http("INSERT_AFTER", lua("x"), "envoy.filters.http.fault")], [*BARE, "x", *REST]),
        ([http("INSERT_BEFORE", lua("x"), "nobody")], [*BARE, *REST]),
        ([http("REPLACE", lua("x"), "envoy.filters.http.cors")], [*BARE, "x", REST[1]]),
        ([http("INSERT_BEFORE", lua("x"))], ["x", *BARE, *REST]),
        ([http("INSERT_AFTER", lua("x"))], [*BARE, *REST, "x"]),
        (
            [http("INSERT_BEFORE", lua("x"), "envoy.router", name="envoy.http_connection_manager")],
            [*BARE, REST[0], "x", REST[1]],
        ),
        ([http("REPLACE", lua("x"))], [*BARE, *REST]),
        ([http("REMOVE", None, "envoy.filters.http.cors")], [*BARE, REST[1]]),
        ([http("REMOVE", None)], [*BARE, *REST]),
        ([http("INSERT_FIRST", lua("x"), name="other")], [*BARE, *REST]),
        ([http("INSERT_FIRST", lua("x"), name="")], ["x", *BARE, *REST]),
        (
            [http("INSERT_FIRST", lua("x")), http("INSERT_AFTER", lua("y"), "x"), http("INSERT_FIRST", lua("z"))],
            ["z", "x", "y", *BARE, *REST],
        ),
    ],
)
def test_http_filters_go_where_the_patch_says(patches: list[dict[str, Any]], names: list[str]) -> None:
    assert http_filters(chain_after(*patches)) == names


def test_http_filters_merge_after_all_insertions() -> None:
    merge = http("MERGE", {"name": "renamed", "typed_config": lua("")["typed_config"]}, "x")
    merge["patch"]["value"]["typed_config"] = {
        **lua("")["typed_config"],
        "default_source_code": {"inline_string": "-- other"},
    }
    chain = chain_after(merge, http("INSERT_FIRST", lua("x")))
    first = worlds.config_of(chain, worlds.HCM)["httpFilters"][0]
    assert first["name"] == "renamed"
    assert first["typedConfig"]["defaultSourceCode"]["inlineString"] == "-- other"


def network(operation: str, value: dict[str, Any] | None, name: str = "") -> dict[str, Any]:
    chain = {"filterChain": {"filter": {"name": name}}} if name else {}
    return patch(
        "NETWORK_FILTER", operation, value, context="SIDECAR_OUTBOUND", listener={"name": "10.0.0.2_5432", **chain}
    )


@pytest.mark.parametrize(
    ("operation", "name", "names"),
    [
        ("ADD", "", [worlds.TCP_PROXY, "limit"]),
        ("INSERT_FIRST", "", ["limit", worlds.TCP_PROXY]),
        ("INSERT_BEFORE", worlds.TCP_PROXY, ["limit", worlds.TCP_PROXY]),
        ("INSERT_AFTER", worlds.TCP_PROXY, [worlds.TCP_PROXY, "limit"]),
        ("INSERT_AFTER", "", [worlds.TCP_PROXY, "limit"]),
        ("INSERT_BEFORE", "envoy.tcp_proxy", ["limit", worlds.TCP_PROXY]),
        ("REPLACE", worlds.TCP_PROXY, ["limit"]),
        ("REPLACE", "", [worlds.TCP_PROXY]),
        ("INSERT_BEFORE", "nobody", [worlds.TCP_PROXY]),
    ],
)
def test_network_filters_go_where_the_patch_says(operation: str, name: str, names: list[str]) -> None:
    chain = chain_after(network(operation, RATE, name), listener="10.0.0.2_5432")
    assert worlds.filters_of(chain) == names


def test_a_chain_without_filters_disappears() -> None:
    made = listeners_of(view(envoy_filter(network("REMOVE", None, worlds.TCP_PROXY))))
    assert "filterChains" not in made["10.0.0.2_5432"]


def test_a_connection_manager_merges_by_its_type() -> None:
    value = {"typed_config": {"@type": MANAGER, "server_name": "lab", "xff_num_trusted_hops": 2}}
    match = {"portNumber": 80, "filterChain": {"filter": {"name": worlds.HCM}}}
    chain = chain_after(patch("NETWORK_FILTER", "MERGE", value, listener=match))
    config = worlds.config_of(chain, worlds.HCM)
    assert (config["serverName"], config["xffNumTrustedHops"]) == ("lab", 2)
    assert http_filters(chain) == [*BARE, *REST]


def inspector(operation: str, name: str = "", value: str = "mine") -> dict[str, Any]:
    given = {"name": value} if operation != "REMOVE" else None
    match = {"name": "virtualInbound", **({"listenerFilter": name} if name else {})}
    return patch("LISTENER_FILTER", operation, given, context="SIDECAR_INBOUND", listener=match)


ORIGINAL, TLS, HTTP = (f"envoy.filters.listener.{each}" for each in ("original_dst", "tls_inspector", "http_inspector"))


@pytest.mark.parametrize(
    ("operation", "name", "names"),
    [
        ("ADD", "", [ORIGINAL, TLS, HTTP, "mine"]),
        ("INSERT_FIRST", TLS, ["mine", ORIGINAL, TLS, HTTP]),
        ("INSERT_BEFORE", TLS, [ORIGINAL, "mine", TLS, HTTP]),
        ("INSERT_AFTER", TLS, [ORIGINAL, TLS, "mine", HTTP]),
        ("INSERT_BEFORE", "", ["mine", ORIGINAL, TLS, HTTP]),
        ("INSERT_AFTER", "", [ORIGINAL, TLS, HTTP, "mine"]),
        ("REPLACE", TLS, [ORIGINAL, "mine", HTTP]),
        ("REPLACE", "", [ORIGINAL, TLS, HTTP]),
        ("REMOVE", HTTP, [ORIGINAL, TLS]),
        ("REMOVE", "", [ORIGINAL, TLS, HTTP]),
        ("MERGE", "", [ORIGINAL, TLS, HTTP]),
        ("MERGE", TLS, [ORIGINAL, TLS, HTTP]),
    ],
)
def test_listener_filters_go_where_the_patch_says(operation: str, name: str, names: list[str]) -> None:
    made = listeners_of(view(envoy_filter(inspector(operation, name))))
    assert [each["name"] for each in made["virtualInbound"]["listenerFilters"]] == names


def test_of_a_filter_only_name_and_configuration_merge() -> None:
    merge = http("MERGE", {**lua(""), "name": "renamed", "disabled": True, "is_optional": True}, "x")
    first = worlds.config_of(chain_after(http("INSERT_FIRST", lua("x")), merge), worlds.HCM)["httpFilters"][0]
    assert first["name"] == "renamed"
    assert not {"disabled", "isOptional"} & set(first)


def test_routes_within_inbound_listeners_are_patched() -> None:
    match = {"vhost": {"name": "inbound|http|80", "route": {"action": "ANY"}}}
    route = patch(
        "HTTP_ROUTE", "MERGE", {"route": {"timeout": "12s"}}, context="SIDECAR_INBOUND", routeConfiguration=match
    )
    chains = listeners_of(view(envoy_filter(route)))["virtualInbound"]["filterChains"]
    managers = [worlds.config_of(each, worlds.HCM) for each in chains if each.get("name") == "0.0.0.0_8080"]
    timeouts = {each["routeConfig"]["virtualHosts"][0]["routes"][0]["route"]["timeout"] for each in managers}
    assert timeouts == {"12s"}
