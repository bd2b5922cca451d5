from typing import Any

from pilot import memo
from pilot.generators import listeners
from pilot.generators.listeners import outbound
from tests import recordings
from tests.pilot.generators import worlds
from tests.pilot.generators.worlds import HCM, TCP_PROXY, config_of, filters_of, listeners_of, sidecar, view

REVIEWS = worlds.REVIEWS


def only(name: str, objects: str = REVIEWS, **how: Any) -> Any:
    return listeners_of(view(objects, **how)).get(name)


def test_http_is_told_from_other_traffic_on_its_port() -> None:
    made = only("0.0.0.0_80")
    (chain,) = made["filterChains"]

    assert chain["filterChainMatch"] == {"transportProtocol": "raw_buffer", "applicationProtocols": ["http/1.1", "h2c"]}
    assert config_of(chain, HCM)["rds"]["routeConfigName"] == "80"
    assert config_of(chain, HCM)["statPrefix"] == "outbound_0.0.0.0_80;"
    assert [each["name"] for each in made["listenerFilters"]] == ["envoy.filters.listener.http_inspector"]
    assert config_of(made["defaultFilterChain"], TCP_PROXY)["cluster"] == "PassthroughCluster"


def test_old_http_is_looked_for_where_it_is_wanted() -> None:
    made = only("0.0.0.0_80", PILOT_HTTP10="true")

    assert made["filterChains"][0]["filterChainMatch"]["applicationProtocols"][0] == "http/1.0"


def test_grpc_web_is_translated_on_its_ports() -> None:
    made = only("0.0.0.0_80", REVIEWS.replace("name: http", "name: grpc-web"))
    filters = config_of(made["filterChains"][0], HCM)["httpFilters"]

    assert "envoy.filters.http.grpc_web" in [each["name"] for each in filters]


def test_intercepted_traffic_arrives_at_one_listener() -> None:
    made = only("virtualOutbound")
    own, rest = made["filterChains"]

    assert made["useOriginalDst"] is True
    assert "transparent" not in made
    assert (own["name"], own["filterChainMatch"]) == ("virtualOutbound-blackhole", {"destinationPort": 15001})
    assert config_of(own, TCP_PROXY)["cluster"] == "BlackHoleCluster"
    assert rest["name"] == "virtualOutbound-catchall-tcp"
    assert config_of(rest, TCP_PROXY)["cluster"] == "PassthroughCluster"


def test_where_there_is_ipv6_only_intercepted_ipv4_is_taken_if_that_is_wanted() -> None:
    switch = {"ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS": "true"}

    def bound(ip: str, **environment: str) -> list[str]:
        made = only("virtualOutbound", proxy=sidecar(ip=ip), **environment)
        every = [made, *made.get("additionalAddresses", ())]
        return [each["address"]["socketAddress"]["address"] for each in every]

    assert bound("fd00::1") == ["::"]
    assert bound("fd00::1", **switch) == ["::", "0.0.0.0"]
    assert bound("10.9.0.1", **switch) == ["0.0.0.0"]


def test_dropped_connections_are_not_logged_and_passed_ones_are() -> None:
    own, rest = only("virtualOutbound", mesh="accessLogFile: /a")["filterChains"]

    assert "accessLog" not in config_of(own, TCP_PROXY)
    assert "accessLog" in config_of(rest, TCP_PROXY)


def test_interception_decides_how_traffic_arrives() -> None:
    assert only("virtualOutbound", proxy=sidecar(INTERCEPTION_MODE="TPROXY"))["transparent"] is True
    assert only("virtualOutbound", proxy=sidecar(INTERCEPTION_MODE="NONE")) is None
    assert only("127.0.0.1_80", proxy=sidecar(INTERCEPTION_MODE="NONE")) is not None


def test_applications_may_use_the_sidecar_as_a_proxy() -> None:
    by_mesh, by_node = (
        only("127.0.0.1_15080", mesh="proxyHttpPort: 15080"),
        only("127.0.0.1_15007", proxy=sidecar(HTTP_PROXY_PORT="15007")),
    )

    for made in (by_mesh, by_node):
        (chain,) = made["filterChains"]
        assert config_of(chain, HCM)["rds"]["routeConfigName"] == "http_proxy"
        assert config_of(chain, HCM)["httpProtocolOptions"] == {"allowAbsoluteUrl": True}


def test_statistics_are_made_where_the_mesh_wants_them() -> None:
    made = only("virtualOutbound", mesh="defaultProviders: {metrics: [prometheus]}")

    assert filters_of(made["filterChains"][1]) == ["istio.stats", TCP_PROXY]


def test_workloads_share_what_carries_bytes_and_not_what_traces_requests() -> None:
    both = REVIEWS + "---" + worlds.DATABASE
    one = recordings.snapshot_of(both)
    views = [recordings.view_of(one, sidecar(LABELS={"service.istio.io/canonical-name": name})) for name in ("a", "b")]
    first, second = (listeners.build(each) for each in views)

    assert first["10.0.0.2_5432"] is second["10.0.0.2_5432"]
    assert first["virtualOutbound"] is second["virtualOutbound"]
    assert first["0.0.0.0_80"].version != second["0.0.0.0_80"].version


def test_listeners_name_the_objects_they_were_made_from() -> None:
    made = listeners.build(view(REVIEWS))

    assert [str(origin) for origin in made["0.0.0.0_80"].origins] == ["Service default/reviews"]


def test_many_listeners_are_made_in_pieces() -> None:
    services = "".join(
        f"""---
apiVersion: v1
kind: Service
metadata: {{name: s{number}, namespace: default}}
spec: {{clusterIP: 10.1.0.{number}, ports: [{{name: tcp, port: 9000}}]}}
"""
        for number in range(1, 101)
    )
    looked = view(services)
    memo.clear_all()
    assert sum(1 for _ in listeners.steps(looked)) >= 100 // outbound.PIECE
