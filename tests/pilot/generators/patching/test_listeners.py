"""Patches of listeners and filter chains. Source: xDS behaviour 7.1."""

from typing import Any

from envoy.config.listener.v3.listener_pb2 import Listener

from pilot.generators.patching.listeners import added_listeners, patch_listener
from pilot.generators.patching.wire import message_of
from pilot.resources import Resource, resource
from pilot.type_urls import LISTENER
from pilot.view.proxy import ProxyKind
from tests.pilot.generators.patching.filters_of import message_from, patch, plan

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
CHAIN = {
    "name": "one",
    "filter_chain_match": {"destination_port": 8080, "server_names": ["a.com"]},
    "filters": [{"name": "x"}],
    "transport_socket": {
        "name": "tls",
        "typed_config": {"@type": TLS, "common_tls_context": {"alpn_protocols": ["h2"]}},
    },
}


def listener(name: str = "virtualInbound", **fields: Any) -> Resource:
    base = {
        "name": name,
        "traffic_direction": "INBOUND",
        "filter_chains": [CHAIN, {"name": "two", "filters": [{"name": "y"}]}],
        "default_filter_chain": {"name": "default", "filters": [{"name": "z"}]},
    }
    return resource(LISTENER, name, message_from(Listener, {**base, **fields}))


def after(*patches: dict[str, Any], kind: ProxyKind = ProxyKind.SIDECAR, **fields: Any) -> Any:
    found = patch_listener(listener(**fields), kind, plan(*patches))
    return message_of(Listener, found.resource) if found.resource is not None else None


def test_a_listener_is_merged_and_removed() -> None:
    merge = patch("LISTENER", "MERGE", {"per_connection_buffer_limit_bytes": 7}, listener={"name": "virtualInbound"})
    assert after(merge).per_connection_buffer_limit_bytes.value == 7
    assert after(patch("LISTENER", "REMOVE", context="SIDECAR_INBOUND")) is None
    assert after(patch("LISTENER", "REMOVE", context="SIDECAR_OUTBOUND")) is not None


def test_the_side_is_the_direction_of_traffic_and_the_kind_of_proxy() -> None:
    def reached(context: str, kind: ProxyKind, direction: str) -> bool:
        return after(patch("LISTENER", "REMOVE", context=context), kind=kind, traffic_direction=direction) is None

    assert reached("SIDECAR_OUTBOUND", ProxyKind.SIDECAR, "OUTBOUND")
    assert reached("SIDECAR_INBOUND", ProxyKind.WAYPOINT, "OUTBOUND")
    assert reached("GATEWAY", ProxyKind.ROUTER, "OUTBOUND")
    assert not reached("GATEWAY", ProxyKind.SIDECAR, "INBOUND")
    assert not reached("WAYPOINT", ProxyKind.WAYPOINT, "INBOUND")


def test_listeners_that_open_tunnels_are_never_patched() -> None:
    made = listener("connect_originate")
    assert patch_listener(made, ProxyKind.SIDECAR, plan(patch("LISTENER", "REMOVE"))).resource is made


def chains(*patches: dict[str, Any]) -> list[str]:
    found = after(*patches)
    return [each.name for each in found.filter_chains] + [found.default_filter_chain.name]


def chain(operation: str, value: dict[str, Any] | None = None, **match: Any) -> dict[str, Any]:
    return patch("FILTER_CHAIN", operation, value, listener={"filterChain": match} if match else {})


def test_chains_are_added_and_removed_the_default_one_too() -> None:
    assert chains(chain("ADD", {"name": "new", "filters": [{"name": "x"}]})) == ["one", "two", "new", "default"]
    assert chains(chain("REMOVE", name="one")) == ["two", "default"]
    assert chains(chain("REMOVE", name="default")) == ["one", "two", ""]
    assert chains(chain("REMOVE", destinationPort=8080)) == ["two", "default"]
    assert chains(chain("REMOVE", sni="b.com")) == ["one", "two", "default"]


def test_a_chain_is_merged_where_it_is_meant() -> None:
    merge = chain("MERGE", {"transport_socket_connect_timeout": "3s"}, sni="a.com")
    found = after(merge).filter_chains
    assert [each.HasField("transport_socket_connect_timeout") for each in found] == [True, False]


def test_a_transport_socket_goes_into_the_one_of_its_name_and_nothing_else_counts() -> None:
    socket = {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": {"alpn_protocols": ["http/1.1"]}}}
    merge = chain("MERGE", {"transport_socket": socket, "name": "renamed"}, name="one")
    first = after(merge).filter_chains[0]
    assert first.name == "one"
    assert b"h2" in first.transport_socket.typed_config.value
    assert b"http/1.1" in first.transport_socket.typed_config.value


def test_a_transport_socket_where_there_is_none_is_merged_with_the_rest() -> None:
    merge = chain("MERGE", {"transport_socket": {"name": "raw"}, "name": "renamed"}, name="two")
    second = after(merge).filter_chains[1]
    assert (second.name, second.transport_socket.name) == ("renamed", "raw")


def test_what_does_not_merge_is_said() -> None:
    lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
    merge = chain("MERGE", {"transport_socket": {"name": "tls", "typed_config": {"@type": lua}}}, name="one")
    found = patch_listener(listener(), ProxyKind.SIDECAR, plan(merge))
    assert "expected a configuration of type" in found.faults[0].message


def test_listeners_are_added_once() -> None:
    made = plan(
        patch("LISTENER", "ADD", {"name": "any"}),
        patch("LISTENER", "ADD", {"name": "inbound"}, context="SIDECAR_INBOUND"),
        patch("LISTENER", "ADD", {"name": "gateway"}, context="GATEWAY"),
    )

    def names(kind: ProxyKind) -> list[str]:
        return [each.resource.name for each in added_listeners(kind, made) if each.resource is not None]

    assert names(ProxyKind.SIDECAR) == ["any", "inbound"]
    assert names(ProxyKind.ROUTER) == ["any", "gateway"]
    assert names(ProxyKind.WAYPOINT) == ["inbound"]
    assert names(ProxyKind.ZTUNNEL) == []
