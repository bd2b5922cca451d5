from typing import Any

from google.protobuf import json_format

from pilot.generators.envoy.hcm import ProxyContext
from pilot.generators.listeners.assemble import Unknown, build_outbound
from pilot.generators.listeners.chain import ANYTHING, Chain, ChainMatch
from pilot.model.features import Features
from tests.pilot.generators import worlds
from tests.pilot.generators.worlds import TCP_PROXY, config_of, context, view
from tests.recordings import message_of

SNI = Chain(ChainMatch(sni=("a",)), b"")
HTTP = Chain(ChainMatch(transport="raw_buffer", protocols=("http/1.1",)), b"")
ALL = Chain(ANYTHING, b"")


def listener(*chains: Chain, binds: tuple[str, ...] = ("10.0.0.1",), bound: bool = False, **more: Any) -> Any:
    known: ProxyContext = more.pop("known", None) or context(**more)
    made = build_outbound(binds, 80, bound, chains, "PassthroughCluster", known, ())
    return json_format.MessageToDict(message_of(made))


def test_what_takes_everything_is_the_default_unless_it_is_alone() -> None:
    alone, beside = listener(ALL), listener(SNI, ALL)

    assert len(alone["filterChains"]) == 1
    assert "defaultFilterChain" not in alone
    assert [each["filterChainMatch"] for each in beside["filterChains"]] == [{"serverNames": ["a"]}]
    assert "name" not in beside["defaultFilterChain"]


def test_where_nothing_takes_everything_the_rest_is_passed_on() -> None:
    made = listener(SNI)["defaultFilterChain"]

    assert (made["name"], made["filterChainMatch"]) == ("PassthroughFilterChain", {})
    assert config_of(made, TCP_PROXY)["cluster"] == "PassthroughCluster"


def test_inspectors_are_there_for_what_chains_match_on() -> None:
    def names(*chains: Chain) -> list[str]:
        return [each["name"].rpartition(".")[2] for each in listener(*chains).get("listenerFilters", ())]

    assert names(ALL) == []
    assert names(SNI) == ["tls_inspector"]
    assert names(HTTP, SNI) == ["tls_inspector", "http_inspector"]


def test_only_looking_for_http_takes_the_time_that_the_mesh_gives_it() -> None:
    mesh = "protocolDetectionTimeout: 250ms"

    assert listener(HTTP, known=context(mesh))["listenerFiltersTimeout"] == "0.250s"
    assert listener(SNI, known=context(mesh))["listenerFiltersTimeout"] == "0s"


def test_a_listener_that_really_binds_says_so() -> None:
    handed_over, bound = listener(ALL), listener(ALL, bound=True)

    assert handed_over["bindToPort"] is False
    assert "maxConnectionsToAcceptPerSocketEvent" not in handed_over
    assert "bindToPort" not in bound
    assert bound["maxConnectionsToAcceptPerSocketEvent"] == 1
    unlimited = context(features=Features(max_connections_per_socket_event=0))
    assert "maxConnectionsToAcceptPerSocketEvent" not in listener(ALL, bound=True, known=unlimited)


def test_connections_can_be_balanced_exactly() -> None:
    assert listener(ALL, bound=True, outbound_exact_balance=True)["connectionBalanceConfig"] == {"exactBalance": {}}


def test_further_addresses_are_additional() -> None:
    made = listener(ALL, binds=("0.0.0.0", "::"))

    assert made["name"] == "0.0.0.0_80"
    assert made["additionalAddresses"] == [{"address": {"socketAddress": {"address": "::", "portValue": 80}}}]


def test_unknown_destinations_follow_the_outbound_policy() -> None:
    assert Unknown.of(view(worlds.REVIEWS).scope).cluster == "PassthroughCluster"
    strict = view(worlds.REVIEWS, mesh="outboundTrafficPolicy: {mode: REGISTRY_ONLY}")
    assert Unknown.of(strict.scope).cluster == "BlackHoleCluster"
