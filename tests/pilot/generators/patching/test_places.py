"""Conditions of patches against listeners and chains."""

from typing import Any

import pytest
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from pilot.generators.patching.messages import parse_message
from pilot.generators.patching.places import (
    filter_name,
    listener_filter_name,
    means_chain,
    means_listener,
    sub_filter_name,
)
from pilot.generators.patching.plan import Step
from tests.pilot.generators.patching.filters_of import patch, plan


def step(apply_to: str, listener: dict[str, Any] | None) -> Step:
    match = {"listener": listener} if listener is not None else {}
    ((found,),) = plan(patch(apply_to, "REMOVE", **match)).steps.values()
    return found


def listener(name: str, port: int) -> Any:
    return parse_message(Listener, {"name": name, "address": {"socket_address": {"port_value": port}}})[0]


def chain(**match: Any) -> Any:
    return parse_message(FilterChain, {"name": "c", "filter_chain_match": match})[0]


@pytest.mark.parametrize(
    ("apply_to", "match", "name", "means"),
    [
        ("LISTENER", None, "0.0.0.0_80", True),
        ("LISTENER", {"name": "0.0.0.0_80"}, "0.0.0.0_80", True),
        ("LISTENER", {"name": "other"}, "0.0.0.0_80", False),
        ("LISTENER", {"portNumber": 80}, "0.0.0.0_80", True),
        ("LISTENER", {"portNumber": 81}, "0.0.0.0_80", False),
        ("LISTENER", {"portNumber": 81}, "virtualInbound", False),
        ("NETWORK_FILTER", {"portNumber": 81}, "virtualInbound", True),
        ("NETWORK_FILTER", {"portNumber": 81}, "0.0.0.0_80", False),
        ("NETWORK_FILTER", {"name": "other", "portNumber": 81}, "virtualInbound", False),
    ],
)
def test_name_and_port_choose_listeners(apply_to: str, match: dict[str, Any] | None, name: str, means: bool) -> None:
    assert means_listener(step(apply_to, match), listener(name, 80)) is means


@pytest.mark.parametrize(
    ("match", "condition", "means"),
    [
        (None, {}, True),
        ({"portNumber": 8080}, {"destination_port": 8080}, True),
        ({"portNumber": 8080}, {"destination_port": 9090}, False),
        ({"portNumber": 8080}, {}, False),
        ({"filterChain": {"name": "c"}}, {}, True),
        ({"filterChain": {"name": "d"}}, {}, False),
        ({"filterChain": {"sni": "a.com"}}, {"server_names": ["b.com", "a.com"]}, True),
        ({"filterChain": {"sni": "a.com"}}, {}, False),
        ({"filterChain": {"transportProtocol": "tls"}}, {"transport_protocol": "tls"}, True),
        ({"filterChain": {"transportProtocol": "tls"}}, {"transport_protocol": "raw_buffer"}, False),
        ({"filterChain": {"applicationProtocols": "a,b"}}, {"application_protocols": ["c", "b", "a"]}, True),
        ({"filterChain": {"applicationProtocols": "a,b"}}, {"application_protocols": ["a"]}, False),
        ({"filterChain": {"destinationPort": 8080}}, {"destination_port": 8080}, True),
        ({"filterChain": {"destinationPort": 8080}}, {"destination_port": 8081}, False),
    ],
)
def test_every_condition_of_a_chain_counts(
    match: dict[str, Any] | None, condition: dict[str, Any], means: bool
) -> None:
    assert means_chain(step("FILTER_CHAIN", match), listener("virtualInbound", 15006), chain(**condition)) is means


def test_the_port_of_other_listeners_is_no_condition_of_their_chains() -> None:
    assert means_chain(step("FILTER_CHAIN", {"portNumber": 80}), listener("0.0.0.0_80", 80), chain())


def test_names_of_filters_are_empty_where_none_is_named() -> None:
    named = step("HTTP_FILTER", {"filterChain": {"filter": {"name": "a", "subFilter": {"name": "b"}}}})
    assert (filter_name(named), sub_filter_name(named), listener_filter_name(named)) == ("a", "b", "")
    bare = step("HTTP_FILTER", None)
    assert (filter_name(bare), sub_filter_name(bare), listener_filter_name(bare)) == ("", "", "")
    assert listener_filter_name(step("LISTENER_FILTER", {"listenerFilter": "x"})) == "x"
