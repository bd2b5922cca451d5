from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.generators import endpoints
from pilot.generators.endpoints.priorities import group_by_locality
from pilot.generators.endpoints.split_horizon import is_gateway, route_by_network
from pilot.model.endpoint import Endpoint
from pilot.model.features import Features
from pilot.model.network_gateways import NetworkGateway, NetworkGateways
from pilot.model.objects import Event
from tests.networks_mesh import FEATURES, WAYS, cluster, mesh_of
from tests.pilot.generators.samples import behind, client, endpoint, keyed, scope, service, traits, view
from tests.recordings import as_json, names_in, view_of

ONE = NetworkGateway("203.0.113.1", 15443, "far", "c1")
TWO = NetworkGateway("203.0.113.2", 16443, "far", "c1")
OTHER = NetworkGateway("203.0.113.9", 15443, "farther", "c2")
GATEWAYS = NetworkGateways(
    {"far": (ONE, TWO), "farther": (OTHER,)}, {("far", "c1"): (ONE, TWO), ("farther", "c2"): (OTHER,)}, scale=2
)
AT_HOME = client(network="home")


def routed(*found: Endpoint, to: Any = AT_HOME, encrypted: bool = True) -> list[tuple[str, int]]:
    groups = group_by_locality((each, each.weight or 1) for each in found)
    made = route_by_network(groups, to, GATEWAYS, lambda each: encrypted, lambda each: False)
    return [(each.address, weight) for group in made for each, weight in group.endpoints]


def test_near_endpoints_are_dialled_and_their_weights_scaled() -> None:
    near = (endpoint("10.0.0.1", network="home"), endpoint("10.0.0.2", weight=3))

    assert routed(*near) == [("10.0.0.1", 2), ("10.0.0.2", 6)]


def test_far_endpoints_are_shared_by_the_gateways_of_their_network() -> None:
    far = (endpoint("10.0.0.1", network="far", weight=4), endpoint("10.0.0.2", network="far"))

    assert routed(*far) == [("203.0.113.1", 5), ("203.0.113.2", 5)]


def test_gateways_come_after_direct_endpoints_of_the_same_locality() -> None:
    made = routed(
        endpoint("10.0.0.1", network="farther", locality="r"),
        endpoint("10.0.0.2", network="home", locality="r"),
        endpoint("10.0.0.3", network="farther"),
    )

    assert made == [("203.0.113.9", 2), ("10.0.0.2", 2), ("203.0.113.9", 2)]


def test_a_client_of_no_network_dials_all_and_so_does_one_without_a_gateway_to_take() -> None:
    far = endpoint("10.0.0.1", network="far")

    assert routed(far, to=client()) == [("10.0.0.1", 2)]
    assert routed(replace(far, network="unknown")) == [("10.0.0.1", 2)]


def test_what_is_not_encrypted_cannot_pass_a_gateway_and_leaves_its_locality_empty() -> None:
    groups = group_by_locality([(endpoint(network="far", locality="r"), 1)])
    (made,) = route_by_network(groups, AT_HOME, GATEWAYS, lambda each: False, lambda each: True)

    assert (made.locality, made.endpoints, made.weight) == ("r", (), 0)


def test_an_endpoint_without_address_is_reached_only_through_a_gateway() -> None:
    hidden = replace(endpoint(network="far"), addresses=())

    assert routed(hidden) == [("203.0.113.1", 1), ("203.0.113.2", 1)]
    assert routed(replace(hidden, network="home")) == []


@given(st.lists(st.tuples(st.sampled_from(["", "home", "far", "farther"]), st.integers(1, 2**32 - 1)), max_size=6))
def test_weights_are_positive_and_fit_their_field(declared: list[tuple[str, int]]) -> None:
    found = [endpoint(f"10.0.0.{i}", network=network, weight=weight) for i, (network, weight) in enumerate(declared)]

    assert all(0 < weight < 2**32 for _, weight in routed(*found))


@pytest.mark.parametrize(("network", "address"), [("home", "203.0.113.1"), ("far", "10.0.0.1")])
def test_a_gateway_stands_in_the_assignment_of_clients_elsewhere(network: str, address: str) -> None:
    of = service()
    found = keyed((of, behind(endpoint("10.0.0.1", network="far"))))
    single = NetworkGateways({"far": (ONE,)}, {("far", "c1"): (ONE,)}, scale=1)
    made = endpoints.build(
        view(scope(of), found, traits=traits(network=network), network_gateways=single),
        frozenset({f"outbound|80||{of.hostname}"}),
    )
    body = made[f"outbound|80||{of.hostname}"].body

    assert address.encode() in body
    assert b"tlsMode" in body
    assert (b";;;;c1" in body) is (network == "home")


def test_a_gateway_is_told_apart_from_workloads() -> None:
    groups = group_by_locality([(endpoint(network="farther"), 1)])
    (made,) = route_by_network(groups, AT_HOME, GATEWAYS, lambda each: True, lambda each: True)

    assert is_gateway(made.endpoints[0][0])
    assert not is_gateway(endpoint())
    assert made.endpoints[0][0].port == 15443


# --- tunnels inside of tunnels: a waypoint of network east, and the service `web` in networks east and west

INBOUND = "inbound-vip|80|http|web.shop.svc.cluster.local"
OUTBOUND = "outbound|80||web.shop.svc.cluster.local"
WAYPOINT = f"""---
{WAYS}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: waypoint, namespace: shop}}
spec:
  gatewayClassName: istio-waypoint
  listeners: [{{name: mesh, port: 15008, protocol: HBONE}}]
---
apiVersion: v1
kind: Service
metadata: {{name: waypoint, namespace: shop, labels: {{gateway.istio.io/managed: istio.io-mesh-controller}}}}
spec:
  clusterIP: 10.0.0.100
  selector: {{gateway.networking.k8s.io/gateway-name: waypoint}}
  ports: [{{name: mesh, port: 15008, appProtocol: hbone}}]
"""
HERE = "istio.io/global: 'true', istio.io/use-waypoint: waypoint"
FAR = cluster("west", "10.9.0.1", "10.2.0.1", "10.2.0.2", labels=HERE)


def proxy(kind: str, **metadata: Any) -> dict[str, Any]:
    known = {"NAMESPACE": "shop", "CLUSTER_ID": "Kubernetes", "NETWORK": "east", "ISTIO_VERSION": "1.29.1"}
    labels = {"gateway.networking.k8s.io/gateway-name": "waypoint"}
    node = f"{kind}~10.1.0.9~{kind}-0.shop~shop.svc.cluster.local"
    return {"id": node, "cluster": "any", "metadata": {**known, "LABELS": labels, **metadata}}


def assigned(name: str, declared: dict[str, Any], own: list[Event], features: Features = FEATURES) -> Any:
    seen = view_of(mesh_of(own, FAR, features=features), declared)
    made = as_json(endpoints.build(seen, frozenset({name})))[name]
    return [each for group in made.get("endpoints", ()) for each in group["lbEndpoints"]]


def test_a_waypoint_reaches_another_network_by_a_tunnel_inside_of_a_tunnel() -> None:
    near, far = assigned(
        INBOUND, proxy("waypoint"), cluster("east", "10.0.0.1", "10.1.0.1", labels=HERE, more=WAYPOINT)
    )
    assert near["endpoint"]["address"]["envoyInternalAddress"]["serverListenerName"] == "connect_originate"
    assert far["endpoint"]["address"]["envoyInternalAddress"] == {
        "serverListenerName": "inner_connect_originate",
        "endpointId": "198.51.100.7:15008",
    }
    assert far["metadata"]["filterMetadata"] == {
        "envoy.filters.listener.original_dst": {"local": "198.51.100.7:15008"},
        "istio": {
            "double_hbone": {"hbone_target_address": "web.shop.svc.cluster.local:80"},
            "workload": ";;;;",
        },
    }
    assert (near["loadBalancingWeight"], far["loadBalancingWeight"]) == (1, 2)


def test_what_is_not_global_is_not_looked_for_in_other_clusters() -> None:
    local = "istio.io/use-waypoint: waypoint"
    own = cluster("east", "10.0.0.1", "10.1.0.1", labels=local, more=WAYPOINT)
    (near,) = assigned(INBOUND, proxy("waypoint"), own)
    assert near["endpoint"]["address"]["envoyInternalAddress"]["endpointId"] == "10.1.0.1:8080"


def test_gateways_do_so_where_they_are_told_to() -> None:
    own = cluster("east", "10.0.0.1", "10.1.0.1", more=f"---{WAYS}")
    listeners = ["connect_originate", "inner_connect_originate"]
    for ingress, expected in ((True, listeners), (False, ["connect_originate"])):
        features = replace(FEATURES, multi_network_ingress=ingress)
        found = assigned(OUTBOUND, proxy("router"), own, features)
        tunnelled = (each["endpoint"]["address"].get("envoyInternalAddress", {}) for each in found)
        assert sorted({each["serverListenerName"] for each in tunnelled if each}) == expected
        if ingress:
            assert found[-1]["metadata"]["filterMetadata"]["envoy.transport_socket_match"] == {"tunnel": "http"}


def waypoint_at(address: str) -> str:
    return f"""
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: waypoint-1, namespace: shop, labels: {{kubernetes.io/service-name: waypoint}}}}
addressType: IPv4
ports: [{{name: mesh, port: 15008}}]
endpoints:
- {{addresses: [{address}], conditions: {{ready: true}}, targetRef: {{kind: Pod, name: waypoint-0, namespace: shop}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: waypoint-0, namespace: shop, labels: {{gateway.istio.io/managed: istio.io-mesh-controller}}}}
spec: {{nodeName: n1, containers: [{{name: x, image: x}}]}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}], conditions: [{{type: Ready, status: 'True'}}]}}
"""


def test_a_gateway_goes_through_the_waypoint_of_its_own_cluster() -> None:
    labels = f"{HERE}, istio.io/ingress-use-waypoint: 'true'"
    shared = WAYPOINT.replace("istio.io-mesh-controller", "istio.io-mesh-controller, istio.io/global: 'true'")
    own = cluster("east", "10.0.0.1", "10.1.0.1", labels=labels, more=shared + waypoint_at("10.1.0.100"))
    far = cluster("west", "10.9.0.1", "10.2.0.1", labels=labels, more=shared + waypoint_at("10.2.0.100"))
    seen = view_of(mesh_of(own, far, features=replace(FEATURES, multi_network_ingress=True)), proxy("router"))
    made = as_json(endpoints.build(seen, frozenset({OUTBOUND})))[OUTBOUND]
    assert list(names_in(made, "endpointId")) == ["10.1.0.100:15008"]
