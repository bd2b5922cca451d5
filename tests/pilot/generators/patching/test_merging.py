"""Merging by protobuf's rules."""

from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf.any_pb2 import Any as AnyMessage

from istio_api.stats_pb2 import PluginConfig
from pilot.generators.envoy.packing import pack, typed_struct
from pilot.generators.patching.merging import MergeError, merge, merged_any
from pilot.generators.patching.messages import parse_message


def merged(kind: Any, there: dict[str, Any], patch: dict[str, Any]) -> Any:
    target, fault = parse_message(kind, there)
    value, other = parse_message(kind, patch)
    assert not fault + other
    merge(target, value)
    return target


def expect(kind: Any, value: dict[str, Any]) -> Any:
    return parse_message(kind, value)[0]


def test_scalars_replace_and_messages_merge() -> None:
    there = {"name": "a", "lb_policy": "RANDOM", "outlier_detection": {"consecutive_5xx": 3, "interval": "1s"}}
    patch = {"lb_policy": "RING_HASH", "outlier_detection": {"consecutive_5xx": 7}}
    wanted = {"name": "a", "lb_policy": "RING_HASH", "outlier_detection": {"consecutive_5xx": 7, "interval": "1s"}}
    assert merged(Cluster, there, patch) == expect(Cluster, wanted)


def test_lists_append() -> None:
    there = {"circuit_breakers": {"thresholds": [{"max_retries": 1}]}}
    patch = {"circuit_breakers": {"thresholds": [{"max_connections": 7}]}}
    wanted = {"circuit_breakers": {"thresholds": [{"max_retries": 1}, {"max_connections": 7}]}}
    assert merged(Cluster, there, patch) == expect(Cluster, wanted)


def test_durations_replace_as_a_whole() -> None:
    assert merged(Cluster, {"connect_timeout": "10.5s"}, {"connect_timeout": "3s"}) == expect(
        Cluster, {"connect_timeout": "3s"}
    )


def test_false_in_a_wrapper_changes_nothing_that_is_there() -> None:
    there = {"use_remote_address": True}
    assert merged(HttpConnectionManager, there, {"use_remote_address": False}) == expect(HttpConnectionManager, there)
    assert merged(HttpConnectionManager, {}, {"use_remote_address": False}).HasField("use_remote_address")


def test_an_empty_message_is_there_afterwards() -> None:
    assert merged(Cluster, {}, {"common_lb_config": {}}).HasField("common_lb_config")


def test_another_choice_of_a_oneof_replaces_the_first() -> None:
    changed = merged(Route, {"route": {"cluster": "a"}}, {"redirect": {"path_redirect": "/x"}})
    assert changed.WhichOneof("action") == "redirect"


def test_entries_of_maps_replace_but_configurations_of_one_type_merge() -> None:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    url = f"type.googleapis.com/{options}"
    first = {"@type": url, "common_http_protocol_options": {"idle_timeout": "5s"}}
    second = {"@type": url, "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 11}}}
    there = {"typed_extension_protocol_options": {options: first}, "metadata": {"filter_metadata": {"a": {"x": 1}}}}
    patch = {"typed_extension_protocol_options": {options: second}, "metadata": {"filter_metadata": {"a": {"y": 2}}}}
    wanted = {
        "typed_extension_protocol_options": {options: {**first, **second}},
        "metadata": {"filter_metadata": {"a": {"y": 2}}},
    }
    assert merged(Cluster, there, patch) == expect(Cluster, wanted)


def test_configurations_of_other_types_do_not_merge() -> None:
    with pytest.raises(MergeError, match=r"expected a configuration of type .*Router to merge, got .*Lua"):
        merged_any(pack(Router()), pack(Lua()))


def test_a_typed_struct_stands_for_the_type_in_it() -> None:
    there = pack(PluginConfig(disable_host_header_fallback=True))
    patch = typed_struct("stats.PluginConfig", {"debug": True})
    both = pack(PluginConfig(disable_host_header_fallback=True, debug=True))
    assert merged_any(there, patch) == both
    assert merged_any(patch, there) == both


def test_typed_structs_of_types_that_nobody_knows_merge_by_key() -> None:
    one, other = typed_struct("nobody.Knows", {"a": 1, "b": 1}), typed_struct("nobody.Knows", {"b": 2})
    assert merged_any(one, other) == typed_struct("nobody.Knows", {"a": 1, "b": 2})
    with pytest.raises(MergeError):
        merged_any(one, typed_struct("nobody.Else", {}))
    with pytest.raises(MergeError):
        merged_any(AnyMessage(type_url="x/nobody"), AnyMessage(type_url="x/nobody"))
