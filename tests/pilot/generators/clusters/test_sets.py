from typing import Any

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from google.protobuf.any_pb2 import Any as AnyMessage

from pilot.generators import clusters
from pilot.generators.clusters import outbound
from pilot.model.gateway import GatewayServer, Server, ServerTLSMode, ServerTLSSettings
from pilot.model.peer_authentication import MtlsMode
from pilot.model.peer_authentications import PeerAuthentications
from pilot.model.service import Resolution
from pilot.model.sidecar import SidecarIngressListener, SidecarPort
from pilot.model.traffic_policy import ConnectionPoolSettings, TCPSettings
from pilot.resources import Origin, Resource
from pilot.view.proxy import Interception, ProxyKind
from pilot.view.workload import ServiceTarget
from tests.pilot.generators.samples import (
    HTTP,
    behind,
    endpoint,
    entry,
    keyed,
    scope,
    service,
    traits,
    view,
    workload,
)

ONE, TWO = service("one"), service("two")
SCOPE = scope(ONE, TWO)
ENDPOINTS = keyed((ONE, behind(endpoint("10.0.0.1"))), (TWO, behind(endpoint("10.0.0.2"))))
ROUTER = traits(kind=ProxyKind.ROUTER, sends_hbone=True)
DNS_NAME = endpoint("api.example.com", labels={}, tls_mode="disabled")


def names(*args: Any, **more: Any) -> list[str]:
    return list(clusters.build(view(*args, **more)))


def message(made: Resource) -> Any:
    return Cluster.FromString(AnyMessage.FromString(made.body).value)


def outbound_name(of: Any) -> str:
    return f"outbound|80||{of.hostname}"


def test_a_sidecar_has_services_then_fixed_clusters_and_its_own_ports() -> None:
    own = workload(targets=(ServiceTarget(ONE, HTTP, 8080),))

    assert names(SCOPE, ENDPOINTS, workload=own, traits=traits(sends_hbone=True)) == [
        outbound_name(ONE),
        outbound_name(TWO),
        "BlackHoleCluster",
        "PassthroughCluster",
        "inbound|8080||",
        "InboundPassthroughCluster",
        "connect_originate",
    ]


def test_a_sidecar_with_an_end_of_tunnels_and_a_secret_socket_has_clusters_for_them() -> None:
    made = names(scope(), traits=traits(listens_hbone=True, credential_socket=True))

    assert made == [
        "BlackHoleCluster",
        "PassthroughCluster",
        "main_internal",
        "InboundPassthroughCluster",
        "sds-external",
    ]


def test_a_gateway_passes_nothing_through() -> None:
    assert names(SCOPE, ENDPOINTS, traits=ROUTER) == [
        outbound_name(ONE),
        outbound_name(TWO),
        "BlackHoleCluster",
        "connect_originate",
    ]


def test_a_gateway_that_passes_encrypted_bytes_reaches_every_service_of_the_mesh_by_sni() -> None:
    server = Server(tls=ServerTLSSettings(mode=ServerTLSMode.AUTO_PASSTHROUGH))
    origin = Origin("Gateway", "default", "gw")
    gateways = (GatewayServer(origin=origin, namespace="default", name="gw", server=server, hosts=("*.local",)),)
    made = names(scope(ONE, entry(resolution=Resolution.CLIENT_SIDE)), traits=ROUTER, gateways=gateways)

    assert [each for each in made if each.startswith("outbound_.")] == [f"outbound_.80_._.{ONE.hostname}"]


@pytest.mark.parametrize("resolution", [Resolution.ALIAS, Resolution.DYNAMIC_DNS])
def test_names_without_endpoints_of_their_own_have_no_cluster(resolution: Resolution) -> None:
    assert "outbound" not in str(names(scope(entry(resolution=resolution))))


def test_a_service_found_by_dns_has_its_endpoints_in_the_cluster_or_no_cluster() -> None:
    outside = entry()
    within = scope(outside)
    found = keyed((outside, behind(DNS_NAME)))

    assert outbound_name(outside) not in names(within)
    made = message(clusters.build(view(within, found))[outbound_name(outside)])
    assert made.type == Cluster.STRICT_DNS
    assert made.load_assignment.cluster_name == made.name
    assert made.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value == 8080


def test_without_interception_only_the_ports_of_a_sidecar_object_have_clusters() -> None:
    off = traits(interception=Interception.NONE)
    own = workload(targets=(ServiceTarget(ONE, HTTP, 8080),))
    listener = SidecarIngressListener(port=SidecarPort(number=8080, protocol="HTTP"), default_endpoint="0.0.0.0:9000")
    pool = ConnectionPoolSettings(tcp=TCPSettings(max_connections=7))
    with_ingress = scope(
        sidecar=Origin("Sidecar", "default", "mine"), ingress=(listener,), inbound_connection_pool=pool
    )

    assert "inbound|8080||" not in names(SCOPE, workload=own, traits=off)
    made = message(clusters.build(view(with_ingress, workload=own, traits=off))["inbound|8080||"])
    assert made.circuit_breakers.thresholds[0].max_connections.value == 7
    address = made.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address
    assert (address.address, address.port_value) == ("10.9.0.1", 9000)


def test_an_unchanged_set_is_the_same_object_for_all_who_share_it() -> None:
    first = clusters.build(view(SCOPE, ENDPOINTS))

    assert clusters.build(view(SCOPE, ENDPOINTS)) is first
    assert clusters.build(view(SCOPE, ENDPOINTS, workload=workload(locality="r"))) is first
    assert clusters.build(view(SCOPE, ENDPOINTS, traits=traits(namespace="other"))) is first


def test_an_endpoint_more_of_a_known_account_remakes_no_cluster() -> None:
    first = clusters.build(view(SCOPE, ENDPOINTS))
    calls = outbound.build.calls
    more = keyed((ONE, behind(endpoint("10.0.0.1"), endpoint("10.0.0.7"))), (TWO, behind(endpoint("10.0.0.2"))))

    assert clusters.build(view(SCOPE, more)) is first
    assert outbound.build.calls == calls


def test_an_added_service_is_the_only_one_built() -> None:
    first = clusters.build(view(SCOPE, ENDPOINTS))
    calls = outbound.build.calls
    added = service("three")
    second = clusters.build(view(scope(ONE, TWO, added), ENDPOINTS))

    assert outbound.build.calls == calls + 1
    assert set(second) - set(first) == {outbound_name(added)}
    assert all(second[name] is first[name] for name in first)


def test_the_mode_of_a_namespace_remakes_clusters_only_where_mutual_tls_begins_or_ends() -> None:
    first = clusters.build(view(SCOPE, ENDPOINTS))
    strict = view(SCOPE, ENDPOINTS, peer_authentications=PeerAuthentications(mesh=MtlsMode.STRICT))
    off = view(SCOPE, ENDPOINTS, peer_authentications=PeerAuthentications(namespaces={"default": MtlsMode.DISABLE}))

    assert clusters.build(strict) is first
    assert clusters.build(off)[outbound_name(ONE)].version != first[outbound_name(ONE)].version
