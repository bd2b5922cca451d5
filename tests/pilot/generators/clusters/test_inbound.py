from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators.clusters import inbound
from pilot.model.destination_rule import MergedRule
from pilot.model.features import Features
from pilot.model.mesh import InboundTrafficPolicy, InboundTrafficPolicyMode
from pilot.model.service import Hostname, Service, ServicePort
from pilot.model.sidecar import SidecarIngressListener, SidecarPort
from pilot.model.traffic_policy import ConnectionPoolSettings, PortTrafficPolicy, TCPSettings, TrafficPolicy
from pilot.model.virtual_service import PortSelector
from pilot.resources import Origin, Resource
from pilot.view.proxy import IpMode
from pilot.view.workload import ServiceTarget
from tests.pilot.generators.samples import GRPC, HTTP, as_json, context, entry, rule, service

SIDECAR = Origin("Sidecar", "default", "mine")
POOL = ConnectionPoolSettings(tcp=TCPSettings(max_connections=7))
OTHER_POOL = ConnectionPoolSettings(tcp=TCPSettings(max_connections=8))


def message(made: Resource) -> Any:
    return as_json(Cluster.FromString(AnyMessage.FromString(made.body).value))


def target(of: Service, port: ServicePort = HTTP, number: int = 8080) -> ServiceTarget:
    return ServiceTarget(of, port, number)


def of_targets(*targets: ServiceTarget, **more: Any) -> list[Any]:
    rules = more.pop("rules", {})
    made = inbound.of_targets(targets, rules, more.pop("pool", None), context(**more))
    return [message(each) for each in made]


def rules_of(of: Service, policy: TrafficPolicy | None) -> Mapping[Hostname, MergedRule]:
    return {of.hostname: rule(policy)}


def limit(made: Any) -> int:
    return int(made["circuitBreakers"]["thresholds"][0]["maxConnections"])


def test_a_port_leads_to_the_address_that_was_dialled() -> None:
    (made,) = of_targets(target(service()))

    assert made["name"] == "inbound|8080||"
    assert (made["type"], made["lbPolicy"], made["cleanupInterval"]) == (
        "ORIGINAL_DST",
        "CLUSTER_PROVIDED",
        "9223372035s",
    )
    assert made["upstreamBindConfig"] == {"sourceAddress": {"address": "127.0.0.6", "portValue": 0}}
    assert made["commonLbConfig"] == {}
    assert "transportSocketMatches" not in made
    assert "filters" not in made


def test_inbound_traffic_may_go_to_the_loopback_address() -> None:
    local = InboundTrafficPolicy(mode=InboundTrafficPolicyMode.LOCALHOST)
    mesh = msgspec.structs.replace(context().mesh, inbound_traffic_policy=local)
    (made,) = of_targets(target(service()), mesh=mesh)

    assert made["type"] == "STATIC"
    assert made["loadAssignment"]["endpoints"][0]["lbEndpoints"] == [
        {"endpoint": {"address": {"socketAddress": {"address": "127.0.0.1", "portValue": 8080}}}}
    ]
    assert "upstreamBindConfig" not in made
    assert "lbPolicy" not in made


def test_ports_are_in_order_and_each_has_one_cluster() -> None:
    one, two = service("one"), service("two")
    made = of_targets(target(one, GRPC, 9090), target(one), target(two))

    assert [each["name"] for each in made] == ["inbound|8080||", "inbound|9090||"]
    assert "explicitHttpConfig" in str(made[1])


def test_metadata_names_the_services_of_the_same_port() -> None:
    other = replace(HTTP, number=81)
    (made,) = of_targets(target(service("one")), target(service("two")), target(service("three"), other))

    named = made["metadata"]["filterMetadata"]["istio"]["services"]
    assert [each["name"] for each in named] == ["one", "two"]


def test_a_service_outside_of_the_mesh_is_not_named() -> None:
    (made,) = of_targets(target(entry()))

    assert "metadata" not in made


def test_only_the_connection_pool_of_a_rule_counts() -> None:
    of = service()
    (made,) = of_targets(target(of), rules=rules_of(of, TrafficPolicy(connection_pool=POOL)))

    assert limit(made) == 7
    assert made["metadata"]["filterMetadata"]["istio"]["config"].endswith("destination-rule/reviews")


def test_a_rule_of_subsets_only_says_nothing() -> None:
    of = service()
    (made,) = of_targets(target(of), rules=rules_of(of, None))

    assert "config" not in made["metadata"]["filterMetadata"]["istio"]


def test_the_sidecars_pool_replaces_that_of_the_rule() -> None:
    of = service()
    (made,) = of_targets(target(of), rules=rules_of(of, TrafficPolicy(connection_pool=POOL)), pool=OTHER_POOL)

    assert limit(made) == 8


def test_a_second_source_address_needs_dual_stack() -> None:
    (without,) = of_targets(target(service()), ip_mode=IpMode.DUAL)
    (made,) = of_targets(target(service()), ip_mode=IpMode.DUAL, features=Features(dual_stack=True))

    assert "extraSourceAddresses" not in without["upstreamBindConfig"]
    assert made["upstreamBindConfig"]["extraSourceAddresses"] == [{"address": {"address": "::6", "portValue": 0}}]


def test_a_pattern_of_the_mesh_names_inbound_clusters() -> None:
    mesh = msgspec.structs.replace(context().mesh, inbound_cluster_stat_name="in_%SERVICE%")

    assert of_targets(target(service()), mesh=mesh)[0]["altStatName"] == "in_reviews.default;"


# --- ingress of a Sidecar -------------------------------------------------------------------------------------------


def of_ingress(endpoint: str, *targets: ServiceTarget, port: int = 8080, **more: Any) -> Any:
    listener = SidecarIngressListener(
        port=SidecarPort(number=port, protocol="HTTP", name="web"), default_endpoint=endpoint, **more
    )
    made = inbound.of_ingress(
        (listener,), targets, {}, SIDECAR, POOL, ("10.1.1.1", "fd00::1"), context(ip_mode=IpMode.DUAL)
    )
    assert len(made) == 1
    return message(made[0])


@pytest.mark.parametrize(
    ("endpoint", "address", "bound"),
    [
        ("127.0.0.1:9000", {"socketAddress": {"address": "127.0.0.1", "portValue": 9000}}, False),
        ("[::1]:9000", {"socketAddress": {"address": "::1", "portValue": 9000}}, False),
        ("0.0.0.0:9000", {"socketAddress": {"address": "10.1.1.1", "portValue": 9000}}, True),
        ("[::]:9000", {"socketAddress": {"address": "fd00::1", "portValue": 9000}}, True),
        ("unix:///run/a.sock", {"pipe": {"path": "/run/a.sock"}}, True),
    ],
)
def test_an_ingress_port_leads_where_it_says(endpoint: str, address: Any, bound: bool) -> None:
    made = of_ingress(endpoint)

    assert made["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"]["address"] == address
    assert made["type"] == "STATIC"
    assert ("upstreamBindConfig" in made) is bound


@pytest.mark.parametrize(
    ("endpoint", "own", "mode", "expected"),
    [
        ("127.0.0.1:9000", "fd00::1", IpMode.V6, "::1"),
        ("[::1]:9000", "10.1.1.1", IpMode.V4, "127.0.0.1"),
        ("0.0.0.0:9000", "fd00::1", IpMode.V6, "127.0.0.1"),
        ("[::]:9000", "10.1.1.1", IpMode.V4, "::1"),
    ],
)
def test_an_ingress_port_of_the_other_family_leads_to_the_loopback(
    endpoint: str, own: str, mode: IpMode, expected: str
) -> None:
    listener = SidecarIngressListener(port=SidecarPort(number=8080, protocol="HTTP"), default_endpoint=endpoint)
    (made,) = inbound.of_ingress((listener,), (), {}, SIDECAR, None, (own,), context(ip_mode=mode))
    endpoints = message(made)["loadAssignment"]["endpoints"][0]["lbEndpoints"]

    assert endpoints[0]["endpoint"]["address"]["socketAddress"]["address"] == expected


def test_an_ingress_port_without_endpoint_keeps_the_address() -> None:
    assert of_ingress("")["type"] == "ORIGINAL_DST"


@pytest.mark.parametrize("endpoint", ["127.0.0.1", "127.0.0.1:~", "127.0.0.1:65536", "localhost:80", ":80", "unix://"])
def test_an_ingress_port_to_no_endpoint_has_no_cluster(endpoint: str) -> None:
    listener = SidecarIngressListener(port=SidecarPort(number=8080, protocol="HTTP"), default_endpoint=endpoint)

    assert inbound.of_ingress((listener,), (), {}, SIDECAR, None, ("10.1.1.1",), context()) == ()


def test_an_ingress_port_that_no_service_has_stands_for_itself() -> None:
    assert "metadata" not in of_ingress("127.0.0.1:9000")
    named = of_ingress("127.0.0.1:9000", target(service()))
    assert named["metadata"]["filterMetadata"]["istio"]["services"][0]["name"] == "reviews"


def test_an_ingress_port_has_the_rule_of_the_first_service_behind_it_for_its_own_number() -> None:
    first, second = service(), service("other")
    entry_of_port = PortTrafficPolicy(port=PortSelector(number=8080), connection_pool=OTHER_POOL)
    rules = rules_of(first, TrafficPolicy(connection_pool=POOL, port_level_settings=(entry_of_port,)))
    listener = SidecarIngressListener(port=SidecarPort(number=8080, protocol="HTTP", name="web"))
    (made,) = inbound.of_ingress(
        (listener,), (target(first), target(second)), rules, SIDECAR, None, ("10.1.1.1",), context()
    )

    assert limit(message(made)) == 8
    named = message(made)["metadata"]["filterMetadata"]["istio"]["services"]
    assert [each["name"] for each in named] == ["reviews"]


def test_the_pool_of_the_port_comes_before_that_of_the_sidecar() -> None:
    assert limit(of_ingress("127.0.0.1:9000")) == 7
    assert limit(of_ingress("127.0.0.1:9000", connection_pool=OTHER_POOL)) == 8


def test_addresses_are_asked_for_only_where_a_wildcard_stands_for_them() -> None:
    def listener(endpoint: str) -> SidecarIngressListener:
        return SidecarIngressListener(default_endpoint=endpoint)

    assert inbound.needs_addresses((listener("0.0.0.0:1"),))
    assert inbound.needs_addresses((listener(""), listener("[::]:1")))
    assert not inbound.needs_addresses((listener("127.0.0.1:1"), listener("unix:///a")))
