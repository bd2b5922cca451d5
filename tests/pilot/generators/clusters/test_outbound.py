from dataclasses import replace
from typing import Any

import msgspec
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators import policy
from pilot.generators.clusters import outbound
from pilot.generators.clusters.facts import ServiceFacts
from pilot.generators.envoy.alpn import Speaks
from pilot.model.destination_rule import MergedRule, Subset
from pilot.model.features import Features
from pilot.model.service import Resolution, Service, TrafficDistribution
from pilot.model.traffic_policy import (
    ClientTLSMode,
    ClientTLSSettings,
    ConnectionPoolSettings,
    HTTPSettings,
    LoadBalancerSettings,
    OutlierDetection,
    SimpleLB,
    TCPSettings,
    TrafficPolicy,
)
from pilot.resources import Resource
from pilot.view.proxy import ProxyKind
from tests.pilot.generators.samples import (
    GRPC,
    HTTP,
    SNIFFED,
    STOCK,
    TCP,
    UDP,
    as_json,
    context,
    entry,
    rule,
    service,
)

FACTS = ServiceFacts(("spiffe://cluster.local/ns/default/sa/reviews",), mutual_tls=True, tunnels=False)
PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
PASSTHROUGH = TrafficPolicy(load_balancer=LoadBalancerSettings(simple=SimpleLB.PASSTHROUGH))
V1 = Subset(name="v1", labels={"version": "v1"})


def message(made: Resource) -> Any:
    return Cluster.FromString(AnyMessage.FromString(made.body).value)


def clusters(of: Service, by: MergedRule | None = None, facts: ServiceFacts = FACTS, **more: Any) -> dict[str, Any]:
    built = outbound.build(of, by, facts, context(**more))
    return {each.name: as_json(message(each)) for each in built}


def only(of: Service, by: MergedRule | None = None, facts: ServiceFacts = FACTS, **more: Any) -> Any:
    (made,) = clusters(of, by, facts, **more).values()
    return made


def test_a_port_without_a_rule() -> None:
    made = only(service())
    name = "outbound|80||reviews.default.svc.cluster.local"

    assert made.pop("transportSocketMatches")
    assert made.pop("filters")[0]["name"] == "istio.metadata_exchange"
    assert made == {
        "name": name,
        "altStatName": f"{name};",
        "type": "EDS",
        "edsClusterConfig": {
            "edsConfig": {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"},
            "serviceName": name,
        },
        "connectTimeout": "10s",
        "lbPolicy": "LEAST_REQUEST",
        "circuitBreakers": {
            "thresholds": [
                {
                    "maxConnections": 4294967295,
                    "maxPendingRequests": 4294967295,
                    "maxRequests": 4294967295,
                    "maxRetries": 4294967295,
                }
            ]
        },
        "commonLbConfig": {},
        "metadata": {
            "filterMetadata": {
                "istio": {
                    "services": [
                        {"host": "reviews.default.svc.cluster.local", "name": "reviews", "namespace": "default"}
                    ]
                }
            }
        },
    }


def test_every_port_has_a_cluster_for_each_subset_but_udp_has_none() -> None:
    made = clusters(service("reviews", HTTP, UDP, TCP), rule(None, V1))

    assert [name.rpartition("|")[0] for name in made] == [
        "outbound|80|",
        "outbound|80|v1",
        "outbound|9000|",
        "outbound|9000|v1",
    ]


def test_a_subset_names_itself_in_sni_and_metadata() -> None:
    made = clusters(service(), rule(None, V1))["outbound|80|v1|reviews.default.svc.cluster.local"]

    assert made["metadata"]["filterMetadata"]["istio"]["subset"] == "v1"
    assert made["metadata"]["filterMetadata"]["istio"]["config"].endswith("/destination-rule/reviews")
    assert "outbound_.80_.v1_.reviews.default.svc.cluster.local" in str(
        outbound.build(service(), rule(None, V1), FACTS, context())[1].body
    )


def test_a_resource_knows_its_service_and_every_rule_merged_into_it() -> None:
    by = rule()
    (made,) = outbound.build(service(), by, FACTS, context())

    assert [str(each) for each in made.origins] == ["Service default/reviews", "DestinationRule default/reviews"]


@pytest.mark.parametrize(
    ("port", "kind", "protocol"),
    [
        (HTTP, ProxyKind.SIDECAR, None),
        (GRPC, ProxyKind.SIDECAR, "explicitHttpConfig"),
        (SNIFFED, ProxyKind.SIDECAR, "useDownstreamProtocolConfig"),
        (SNIFFED, ProxyKind.ROUTER, None),
    ],
)
def test_the_protocol_follows_the_port(port: Any, kind: ProxyKind, protocol: str | None) -> None:
    (made,) = outbound.build(service("a", port), None, FACTS, context(kind=kind))
    options = message(made).typed_extension_protocol_options

    assert (PROTOCOL in options) is (protocol is not None)
    if protocol is not None:
        assert protocol in str(as_json(message(made)))


def test_headless_services_keep_the_address_of_the_client_but_not_at_gateways() -> None:
    headless = service(resolution=Resolution.PASSTHROUGH)

    assert (only(headless)["type"], only(headless)["lbPolicy"]) == ("ORIGINAL_DST", "CLUSTER_PROVIDED")
    assert only(headless, kind=ProxyKind.ROUTER)["type"] == "EDS"
    assert only(headless, features=Features(eds_for_headless=True))["type"] == "EDS"


def test_an_entry_without_resolution_may_change_the_port() -> None:
    made = only(entry("none.example.com", replace(HTTP, target_port=8080), resolution=Resolution.PASSTHROUGH))

    assert made["originalDstLbConfig"] == {"upstreamPortOverride": 8080}


def test_passthrough_by_rule_forgets_endpoints() -> None:
    made = only(service(), rule(PASSTHROUGH))

    assert (made["type"], made["lbPolicy"]) == ("ORIGINAL_DST", "CLUSTER_PROVIDED")
    assert "edsClusterConfig" not in made
    assert made["transportSocket"]["name"] == "envoy.transport_sockets.tls"


def test_a_rule_sets_limits_and_outlier_detection() -> None:
    said = TrafficPolicy(
        connection_pool=ConnectionPoolSettings(tcp=TCPSettings(max_connections=3)),
        outlier_detection=OutlierDetection(consecutive_5xx_errors=5),
        load_balancer=LoadBalancerSettings(simple=SimpleLB.ROUND_ROBIN),
    )
    made = only(service(), rule(said))

    assert made["circuitBreakers"]["thresholds"][0]["maxConnections"] == 3
    assert made["outlierDetection"]["consecutive5xx"] == 5
    assert made["commonLbConfig"] == {"healthyPanicThreshold": {}}
    assert "lbPolicy" not in made


def test_traffic_distribution_weighs_localities_and_never_panics() -> None:
    made = only(service(traffic_distribution=TrafficDistribution.SAME_ZONE))

    assert made["commonLbConfig"] == {"healthyPanicThreshold": {}, "localityWeightedLbConfig": {}}
    always = only(service(), features=Features(locality_weighted_lb=True))
    assert always["commonLbConfig"] == {"localityWeightedLbConfig": {}}


@pytest.mark.parametrize("label", ["istio.io/persistent-session", "istio.io/persistent-session-header"])
def test_sessions_may_stick_to_draining_endpoints(label: str) -> None:
    made = clusters(service(labels={label: "x"}), rule(None, V1))
    default, subset = made.values()

    assert default["commonLbConfig"]["overrideHostStatus"] == {
        "statuses": ["HEALTHY", "DRAINING", "UNKNOWN", "DEGRADED"]
    }
    assert subset["commonLbConfig"] == {}


def test_external_and_tunnelled_are_said_of_the_default_cluster_only() -> None:
    outside = clusters(entry(resolution=Resolution.CLIENT_SIDE), rule(None, V1))
    tunnelled = clusters(service(), rule(None, V1), replace(FACTS, tunnels=True))

    assert [each["metadata"]["filterMetadata"]["istio"].get("external") for each in outside.values()] == [True, None]
    assert [each["metadata"]["filterMetadata"]["istio"].get("disable_mx") for each in tunnelled.values()] == [
        True,
        None,
    ]


@pytest.mark.parametrize("mode", [ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL])
def test_tls_to_a_server_keeps_istios_alpn_away_even_where_it_cannot_be_made(mode: ClientTLSMode) -> None:
    said = TrafficPolicy(tls=ClientTLSSettings(mode=mode))

    assert only(service(), rule(said))["metadata"]["filterMetadata"]["istio"]["alpn_override"] == "false"


def test_the_name_of_an_outside_server_comes_from_the_request() -> None:
    said = TrafficPolicy(tls=ClientTLSSettings(mode=ClientTLSMode.SIMPLE))
    (made,) = outbound.build(entry(resolution=Resolution.CLIENT_SIDE), rule(said), FACTS, context())

    options = message(made).typed_extension_protocol_options[PROTOCOL].value
    assert options
    assert message(made).transport_socket_matches[1].name == "user"


def test_a_name_for_statistics_is_made_from_the_meshs_pattern() -> None:
    mesh = msgspec.structs.replace(context().mesh, outbound_cluster_stat_name="out_%SERVICE%_%SUBSET_NAME%")

    made = clusters(service(), rule(None, V1), mesh=mesh)
    assert [each["altStatName"] for each in made.values()] == ["out_reviews.default_;", "out_reviews.default_v1;"]


def test_stock_envoy_gets_nothing_that_it_does_not_know() -> None:
    made = only(service(), flavour=STOCK)

    assert "filters" not in made
    assert "metadata_exchange" not in str(made)
    assert b"istio-peer-exchange" not in outbound.build(service(), None, FACTS, context(flavour=STOCK))[0].body


def test_clusters_for_encrypted_bytes_have_no_tls_of_their_own() -> None:
    (default, subset) = outbound.build_sni(service(), rule(None, V1), FACTS, context(kind=ProxyKind.ROUTER))
    made = message(default)

    assert default.name == "outbound_.80_._.reviews.default.svc.cluster.local"
    assert subset.name == "outbound_.80_.v1_.reviews.default.svc.cluster.local"
    assert made.eds_cluster_config.service_name == default.name
    assert not made.transport_socket_matches
    assert not made.HasField("transport_socket")


def test_the_same_service_rule_facts_and_context_are_built_once() -> None:
    of, by, where = service(), rule(None, V1), context()
    first = outbound.build(of, by, FACTS, where)

    assert outbound.build(of, by, FACTS, where) is first
    assert outbound.build(of, None, FACTS, where) is not first


def test_what_goes_through_a_cluster_is_known_to_those_who_lead_there() -> None:
    client = TrafficPolicy(connection_pool=ConnectionPoolSettings(http=HTTPSettings(use_client_protocol=True)))

    assert outbound.speaks(HTTP, policy.NONE, context()) is Speaks.HTTP1
    assert outbound.speaks(GRPC, policy.NONE, context()) is Speaks.HTTP2
    assert outbound.speaks(TCP, policy.NONE, context()) is Speaks.TCP
    assert outbound.speaks(SNIFFED, policy.NONE, context()) is Speaks.ANY
    assert outbound.speaks(SNIFFED, policy.NONE, context(kind=ProxyKind.ROUTER)) is Speaks.ANY
    assert outbound.speaks(HTTP, policy.NONE, context(preserve_case=True)) is Speaks.HTTP1
    assert outbound.speaks(HTTP, policy.for_port(rule(client), 80), context()) is Speaks.ANY
