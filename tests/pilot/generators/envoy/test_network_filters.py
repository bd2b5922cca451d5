from datetime import timedelta
from typing import Any

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from google.protobuf import json_format

from istio_api.stats_pb2 import PluginConfig
from pilot.generators.envoy import alpn, network_filters
from pilot.generators.envoy.network_filters import TcpTarget, Watchers, build_tcp_filters
from pilot.generators.envoy.wire import extension
from pilot.model.features import Features
from pilot.model.service import PortProtocol
from pilot.view.proxy import Flavour

ISTIO, NOBODY = Flavour(), Watchers()
STOCK = Flavour(frozenset({"x.Y"}))
REDIS: Any = {"protocol": PortProtocol.REDIS, "features": Features(redis_filter=True)}
TCP = "envoy.filters.network.tcp_proxy"


def filters(target: TcpTarget, watchers: Watchers = NOBODY, flavour: Flavour = ISTIO, **more: Any) -> list[Any]:
    made = FilterChain.FromString(build_tcp_filters(target, watchers, flavour, **more))
    return [json_format.MessageToDict(each) for each in made.filters]


def tcp(target: TcpTarget, **more: Any) -> Any:
    return filters(target, **more)[-1]["typedConfig"]


def test_bytes_go_to_one_cluster() -> None:
    made = tcp(
        TcpTarget("a|1", idle_timeout=timedelta(seconds=3), max_duration=timedelta(hours=1), hash_source_ip=True)
    )

    assert made["cluster"] == made["statPrefix"] == "a|1"
    assert (made["idleTimeout"], made["maxDownstreamConnectionDuration"]) == ("3s", "3600s")
    assert made["hashPolicy"] == [{"sourceIp": {}}]


def test_bytes_go_to_several_clusters_by_weight() -> None:
    made = tcp(TcpTarget(weighted=(("a", 1), ("b", 2)), stat_prefix="vs.ns"))

    assert made["weightedClusters"] == {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 2}]}
    assert made["statPrefix"] == "vs.ns"
    assert "cluster" not in made


def test_bytes_can_go_through_a_tunnel() -> None:
    made = tcp(TcpTarget("a", tunnel_to="far:443", tunnel_by_post=True))

    assert made["tunnelingConfig"] == {"hostname": "far:443", "usePost": True}


def test_logs_are_those_of_the_watchers() -> None:
    log = AccessLog(name="mine").SerializeToString()

    assert tcp(TcpTarget("a"), watchers=Watchers(logs=(log,)))["accessLog"] == [{"name": "mine"}]


def test_metadata_exchange_is_first_and_statistics_stand_before_the_protocol() -> None:
    exchange = network_filters.metadata_exchange(Features(mx_additional_labels=("b", "a")), Flavour())
    watchers = Watchers(metadata_exchange=exchange, stats=extension("istio.stats", PluginConfig()))
    made = filters(TcpTarget("c"), watchers, protocol=PortProtocol.MONGO, features=Features())

    assert [each["name"] for each in made] == [
        "istio.metadata_exchange", "istio.stats", "envoy.filters.network.mongo_proxy", "envoy.filters.network.tcp_proxy"
    ]  # fmt: skip
    assert made[0]["typedConfig"]["value"]["additional_labels"] == ["a", "b"]
    assert made[2]["typedConfig"]["statPrefix"] == "c"


def test_protocols_are_understood_where_the_mesh_wants_it() -> None:
    off = filters(TcpTarget("c"), protocol=PortProtocol.MYSQL, features=Features())
    on = filters(TcpTarget("c"), protocol=PortProtocol.MYSQL, features=Features(mysql_filter=True))

    assert [each["name"] for each in off] == ["envoy.filters.network.tcp_proxy"]
    assert [each["name"] for each in on] == ["envoy.filters.network.mysql_proxy", "envoy.filters.network.tcp_proxy"]


def test_redis_stands_in_place_of_tcp() -> None:
    (made,) = filters(TcpTarget("c"), **REDIS)
    weighted = filters(TcpTarget(weighted=(("a", 1),)), **REDIS)

    assert made["name"] == "envoy.filters.network.redis_proxy"
    assert made["typedConfig"]["prefixRoutes"] == {"catchAllRoute": {"cluster": "c"}}
    assert [each["name"] for each in weighted] == [TCP]


def test_a_stock_envoy_gets_no_filter_that_it_lacks_but_always_tcp() -> None:
    exchange = network_filters.metadata_exchange(Features(), STOCK)
    watchers = Watchers(exchange, (), extension("istio.stats", PluginConfig()))

    assert exchange is None
    assert [each["name"] for each in filters(TcpTarget("c"), watchers, STOCK, **REDIS)] == [TCP]


def test_a_filter_can_stand_right_before_tcp() -> None:
    made = filters(TcpTarget("c"), before_proxy=alpn.TCP_OVERRIDE)

    assert [each["name"] for each in made] == ["envoy.filters.network.set_filter_state", TCP]
