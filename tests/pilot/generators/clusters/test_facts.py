from dataclasses import replace

import msgspec

from pilot.generators.clusters.facts import service_facts
from pilot.model.endpoint import Endpoint
from pilot.model.endpoint_index import NO_ENDPOINTS, ServiceEndpoints
from pilot.model.mesh import MeshConfig
from pilot.model.peer_authentication import MtlsMode
from pilot.model.service import Resolution
from tests.pilot.generators.samples import endpoint, entry, service

MESH = MeshConfig()
PERMISSIVE = MtlsMode.PERMISSIVE


def behind(*endpoints: Endpoint) -> ServiceEndpoints:
    return ServiceEndpoints(
        endpoints,
        tuple(sorted({each.service_account for each in endpoints if each.service_account})),
        any(each.tls_mode != "istio" for each in endpoints),
    )


def test_accounts_of_endpoints_and_of_the_service_are_united() -> None:
    made = service_facts(service(service_accounts=("spiffe://a/ns/b/sa/c",)), behind(endpoint()), PERMISSIVE, MESH)

    assert made.accounts == ("spiffe://a/ns/b/sa/c", "spiffe://cluster.local/ns/default/sa/reviews")


def test_accounts_are_known_under_every_name_of_the_trust_domain() -> None:
    mesh = msgspec.structs.replace(MESH, trust_domain_aliases=("old.domain",))
    declared = service(service_accounts=("spiffe://else/ns/a/sa/b", "api.example.com"))
    made = service_facts(declared, behind(endpoint()), PERMISSIVE, mesh)

    assert made.accounts == (
        "api.example.com",
        "spiffe://cluster.local/ns/default/sa/reviews",
        "spiffe://else/ns/a/sa/b",
        "spiffe://old.domain/ns/default/sa/reviews",
    )


def test_servers_inside_do_mutual_tls_unless_told_not_to() -> None:
    assert service_facts(service(), NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls
    assert not service_facts(service(), NO_ENDPOINTS, MtlsMode.DISABLE, MESH).mutual_tls
    assert not service_facts(entry(), NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls


def test_a_headless_service_does_it_only_if_all_its_endpoints_do() -> None:
    headless = service(resolution=Resolution.PASSTHROUGH)
    plain = endpoint("10.0.0.2", tls_mode="disabled")

    assert service_facts(headless, behind(endpoint()), PERMISSIVE, MESH).mutual_tls
    assert not service_facts(headless, behind(endpoint(), plain), PERMISSIVE, MESH).mutual_tls
    assert not service_facts(headless, NO_ENDPOINTS, PERMISSIVE, MESH).mutual_tls


def test_tunnels_need_every_endpoint() -> None:
    tunnelled = endpoint(labels={"networking.istio.io/tunnel": "http"})

    assert service_facts(service(), behind(tunnelled), PERMISSIVE, MESH).tunnels
    assert not service_facts(service(), behind(tunnelled, endpoint()), PERMISSIVE, MESH).tunnels
    assert not service_facts(service(), NO_ENDPOINTS, PERMISSIVE, MESH).tunnels


def test_an_endpoint_more_of_the_same_account_changes_no_fact() -> None:
    declared = service()
    before = service_facts(declared, behind(endpoint()), PERMISSIVE, MESH)
    after = service_facts(declared, behind(endpoint(), replace(endpoint(), addresses=("10.9.9.9",))), PERMISSIVE, MESH)

    assert after is before
