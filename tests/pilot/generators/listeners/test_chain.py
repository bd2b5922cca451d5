from typing import Any

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from google.protobuf import json_format

from pilot.generators.envoy.wire import embed
from pilot.generators.listeners.chain import (
    ANYTHING,
    Chain,
    ChainMatch,
    conditions,
    is_server_name,
    narrow,
    normalise_cidrs,
    normalise_sni,
    serialize_chain,
)
from pilot.resources import Origin

FILTERS = embed(3, Filter(name="f").SerializeToString())


def plain(chain: Chain, *, as_default: bool = False) -> Any:
    return json_format.MessageToDict(FilterChain.FromString(serialize_chain(chain, as_default)))


def test_names_are_sorted_and_a_star_is_no_condition() -> None:
    assert normalise_sni(["b", "a", "b", "*.c"]) == ("*.c", "a", "b")
    assert normalise_sni(["A", "a"]) == ("a",)
    assert normalise_sni(["a", "*"]) == ()
    assert normalise_sni([]) == ()


def test_names_that_no_connection_can_have_are_not_every_name() -> None:
    assert normalise_sni(["a*.b", ""]) is None
    assert normalise_sni(["a*.b", "c"]) == ("c",)
    assert [is_server_name(each) for each in ("a.b", "*.b", "*b", "*.*.b", "")] == [True, True, False, False, False]


def test_ranges_are_networks_and_the_unspecified_address_is_none() -> None:
    assert normalise_cidrs(("10.1.2.3/16", "10.1.0.0/16", "1.2.3.4", "fd00::1/64", "0.0.0.0", "", "x")) == (
        "1.2.3.4/32", "10.1.0.0/16", "fd00::/64"
    )  # fmt: skip


def test_a_chain_says_what_it_matches() -> None:
    match = ChainMatch("tls", ("h2",), ("a",), ("10.0.0.0/8",), 80)
    made = plain(Chain(match, FILTERS, "name", Origin("Sidecar", "ns", "s"), TransportSocket(name="t")))

    assert made["filterChainMatch"] == {
        "transportProtocol": "tls",
        "applicationProtocols": ["h2"],
        "serverNames": ["a"],
        "prefixRanges": [{"addressPrefix": "10.0.0.0", "prefixLen": 8}],
        "destinationPort": 80,
    }
    assert (made["name"], made["transportSocket"], made["filters"]) == ("name", {"name": "t"}, [{"name": "f"}])
    assert made["transportSocketConnectTimeout"] == "15s"
    assert made["metadata"]["filterMetadata"]["istio"]["config"].endswith("/namespaces/ns/sidecar/s")


def test_a_default_chain_has_neither_name_nor_conditions() -> None:
    made = plain(Chain(ChainMatch(port=80), FILTERS, "name", connect_timeout=False), as_default=True)

    assert made == {"filters": [{"name": "f"}]}
    assert "filterChainMatch" not in plain(Chain(ANYTHING, FILTERS))


def test_a_chain_keeps_what_earlier_ones_have_left() -> None:
    taken = conditions(ChainMatch(sni=("a", "b")))

    assert narrow(ChainMatch(sni=("c",)), taken) == ChainMatch(sni=("c",))
    assert narrow(ChainMatch(sni=("b", "c")), taken) == ChainMatch(sni=("c",))
    assert narrow(ChainMatch(sni=("a",)), taken) is None
    assert narrow(ChainMatch(sni=("a",), transport="tls"), taken) == ChainMatch(sni=("a",), transport="tls")
    assert narrow(ANYTHING, conditions(ANYTHING)) is None


def test_ranges_are_left_over_too() -> None:
    taken = conditions(ChainMatch(cidrs=("10.0.0.0/8",)))

    assert narrow(ChainMatch(cidrs=("10.0.0.0/8", "11.0.0.0/8")), taken) == ChainMatch(cidrs=("11.0.0.0/8",))
    assert narrow(ChainMatch(cidrs=("10.0.0.0/8",)), taken) is None
    assert narrow(ChainMatch(cidrs=("10.0.0.0/8",), sni=("a",)), taken) is not None
