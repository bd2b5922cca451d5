from typing import Any

from envoy.config.route.v3.route_components_pb2 import Route
from google.protobuf import json_format

from pilot.generators.routes.domains import domains_of
from pilot.generators.routes.settings import route_settings
from pilot.generators.routes.translate import Routes
from pilot.generators.routes.virtual_host import (
    Host,
    build_configuration,
    build_host,
    catch_all,
    empty_configuration,
    service_routes,
    with_domains,
    with_every_domain,
)
from pilot.model.features import Features
from pilot.model.proxy_config import ProxyConfig
from pilot.model.traffic_policy import ConsistentHashLB, LoadBalancerSettings, TrafficPolicy
from pilot.resources import Origin, Resource
from tests.pilot.generators.samples import rule, service
from tests.pilot.generators.worlds import mesh_config
from tests.recordings import message_of

SETTINGS = route_settings(mesh_config(), ProxyConfig(), Features())
ORIGIN = Origin("VirtualService", "ns", "vs")
ROUTES = Routes((Route(name="a").SerializeToString(), Route(name="b").SerializeToString()), False, (ORIGIN,))
DOMAINS = domains_of(("a.b", "A.c"))


def plain(resource: Resource) -> Any:
    return json_format.MessageToDict(message_of(resource))


def host(**more: Any) -> Host:
    return build_host("h", DOMAINS, ROUTES, **{"attempt_count": True, **more})


def only(made: Host) -> Any:
    return plain(build_configuration("80", [made]))["virtualHosts"][0]


def test_a_configuration_is_its_virtual_hosts_joined() -> None:
    made = build_configuration("80", [host(), catch_all(SETTINGS, "")], Origin("Gateway", "ns", "gw"))

    assert [each["name"] for each in plain(made)["virtualHosts"]] == ["h", "block_all"]
    assert plain(made)["validateClusters"] is False
    assert plain(made)["ignorePortInHostMatching"] is True
    assert plain(made)["maxDirectResponseBodySizeBytes"] == 1_048_576
    assert made.origins == (ORIGIN, Origin("Gateway", "ns", "gw"))


def test_a_virtual_host_has_its_routes_in_order() -> None:
    assert only(host()) == {
        "name": "h",
        "domains": ["a.b", "A.c"],
        "routes": [{"name": "a"}, {"name": "b"}],
        "includeRequestAttemptCount": True,
    }
    assert "includeRequestAttemptCount" not in only(host(attempt_count=False))
    assert only(host(require_tls=True))["requireTls"] == "ALL"
    assert "envoy.filters.http.stateful_session" in only(host(session=("cookie", "c")))["typedPerFilterConfig"]


def test_a_virtual_host_is_made_once() -> None:
    assert host() is host()
    assert host(attempt_count=False) is not host()


def test_names_can_be_changed_without_touching_the_routes() -> None:
    assert only(with_every_domain(host()))["domains"] == ["*"]
    assert only(with_domains(host(), ["a.b"]))["domains"] == ["a.b"]
    assert only(with_domains(host(), ["a.b"]))["routes"] == only(host())["routes"]


def test_other_names_are_passed_on_or_refused() -> None:
    assert only(catch_all(SETTINGS, "out"))["routes"][0]["route"]["cluster"] == "out"
    assert only(catch_all(SETTINGS, ""))["routes"][0]["directResponse"] == {"status": 502}


def test_nothing_known_is_an_empty_configuration() -> None:
    assert plain(empty_configuration("x")) == {"name": "x", "validateClusters": False}


def test_the_route_of_a_service_hashes_as_its_rule_says() -> None:
    hashing = LoadBalancerSettings(consistent_hash=ConsistentHashLB(use_source_ip=True))
    ruled = rule(TrafficPolicy(load_balancer=hashing))
    (body,) = service_routes(service(), 80, SETTINGS, ruled).bodies
    made = json_format.MessageToDict(Route.FromString(body))

    assert made["route"]["hashPolicy"] == [{"connectionProperties": {"sourceIp": True}}]
    assert "retryHostPredicate" in made["route"]["retryPolicy"]
    assert service_routes(service(), 80, SETTINGS, ruled).origins == (service().origin, ruled.origin)
    assert service_routes(service(), 80, SETTINGS, rule()).origins == (service().origin,)
