from dataclasses import replace

import msgspec

from pilot.generators.clusters.facts import service_facts
from pilot.model.endpoint import Endpoint
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.mesh import MeshConfig
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import Resolution
from pilot.model.traffic_policy import LoadBalancerSettings, SimpleLB, TrafficPolicy
from tests.pilot.generators.samples import endpoint, entry, rule, service

MESH = MeshConfig()
PERMISSIVE = MtlsMode.PERMISSIVE


def behind(*endpoints: Endpoint) -> ServiceEndpoints:
    return ServiceEndpoints(
        endpoints,
        tuple(sorted({each.service_account for each in endpoints if each.service_account})),
        any(each.tls_mode != "istio" for each in endpoints),
    )


def test_accounts_of_endpoints_and_of_the_service_are_united() -> None:
    made = service_facts(
        service(service_accounts=("spiffe://a/ns/b/sa/c",)), None, behind(endpoint()), PERMISSIVE, MESH
    )

    assert made.accounts == ("spiffe://a/ns/b/sa/c", "spiffe://cluster.local/ns/default/sa/reviews")


def test_accounts_are_known_under_every_name_of_the_trust_domain() -> None:
    mesh = msgspec.structs.replace(MESH, trust_domain_aliases=("old.domain",))
    declared = service(service_accounts=("spiffe://else/ns/a/sa/b", "api.example.com"))
    made = service_facts(declared, None, behind(endpoint()), PERMISSIVE, mesh)

    assert made.accounts == (
        "api.example.com",
        "spiffe://cluster.local/ns/default/sa/reviews",
        "spiffe://else/ns/a/sa/b",
        "spiffe://old.domain/ns/default/sa/reviews",
    )


def test_servers_inside_do_mutual_tls_unless_told_not_to() -> None:
    assert service_facts(service(), None, NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls
    assert not service_facts(service(), None, NO_ENDPOINTS, MtlsMode.DISABLE, MESH).mutual_tls
    assert not service_facts(entry(), None, NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls


def test_a_headless_service_does_it_only_if_all_its_endpoints_do() -> None:
    headless = service(resolution=Resolution.PASSTHROUGH)
    plain = endpoint("10.0.0.2", tls_mode="disabled")

    assert service_facts(headless, None, behind(endpoint()), PERMISSIVE, MESH).mutual_tls
    assert not service_facts(headless, None, behind(endpoint(), plain), PERMISSIVE, MESH).mutual_tls
    assert not service_facts(headless, None, NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls


def test_so_does_one_whose_addresses_a_rule_lets_clients_choose() -> None:
    dialled = rule(TrafficPolicy(load_balancer=LoadBalancerSettings(simple=SimpleLB.PASSTHROUGH)))
    plain = endpoint("10.0.0.2", tls_mode="disabled")

    assert service_facts(service(), dialled, behind(endpoint()), PERMISSIVE, MESH).mutual_tls
    assert not service_facts(service(), dialled, behind(endpoint(), plain), PERMISSIVE, MESH).mutual_tls


def test_tunnels_need_every_endpoint() -> None:
    tunnelled = endpoint(labels={"networking.istio.io/tunnel": "http"})

    assert service_facts(service(), None, behind(tunnelled), PERMISSIVE, MESH).tunnels
    assert not service_facts(service(), None, behind(tunnelled, endpoint()), PERMISSIVE, MESH).tunnels
    assert not service_facts(service(), None, NO_ENDPOINTS, PERMISSIVE, MESH).tunnels


def test_an_endpoint_more_of_the_same_account_changes_no_fact() -> None:
    declared = service()
    before = service_facts(declared, None, behind(endpoint()), PERMISSIVE, MESH)
    after = service_facts(
        declared, None, behind(endpoint(), replace(endpoint(), addresses=("10.9.9.9",))), PERMISSIVE, MESH
    )

    assert after is before
