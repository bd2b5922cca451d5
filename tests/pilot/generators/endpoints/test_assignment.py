from dataclasses import replace
from typing import Any

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

from pilot.generators.endpoints import assignment
from pilot.generators.endpoints.assignment import Target
from pilot.generators.endpoints.plaintext import Plaintext
from pilot.model import network_gateways
from pilot.model.endpoint import Endpoint
from pilot.model.features import Features
from pilot.model.mesh_networks import IstioNetworkGateway, MeshNetworks, Network
from pilot.resources import Origin
from tests.pilot.generators.samples import FEATURES, HTTP, as_json, behind, client, endpoint, entry, service

NAME = "outbound|80||reviews.default.svc.cluster.local"
ENCRYPTED = Plaintext(everywhere=False)
TUNNELLED = {"networking.istio.io/tunnel": "http"}


def target(**more: Any) -> Target:
    return Target(
        **{
            "name": NAME,
            "service": service(),
            "port": HTTP,
            "rule": None,
            "labels": {},
            "mtls": None,
            "preference": None,
            "client": client(),
            "own_cluster_only": False,
            "encrypted_only": False,
            "origins": (Origin("Service", "default", "reviews"),),
            **more,
        }
    )


def groups(
    meant: Target,
    *endpoints: Endpoint,
    plaintext: Plaintext = ENCRYPTED,
    features: Features = FEATURES,
    names: bool = False,
) -> Any:
    made = assignment.load_assignment(meant, behind(*endpoints), plaintext, features, names=names)
    return as_json(ClusterLoadAssignment.FromString(made)).get("endpoints", [])


def matches(meant: Target, *endpoints: Endpoint, **more: Any) -> list[Any]:
    found = [each for group in groups(meant, *endpoints, **more) for each in group["lbEndpoints"]]
    return [each["metadata"]["filterMetadata"].get("envoy.transport_socket_match") for each in found]


def test_endpoints_are_grouped_by_locality_with_summed_weights() -> None:
    made = groups(target(), endpoint("10.0.0.1", locality="r/z", weight=3), endpoint("10.0.0.2", locality="r/z"))

    assert [(each["locality"], each["loadBalancingWeight"]) for each in made] == [({"region": "r", "zone": "z"}, 4)]
    assert [each["loadBalancingWeight"] for each in made[0]["lbEndpoints"]] == [3, 1]


def test_the_pieces_are_put_together_as_protobuf_would_write_them() -> None:
    found = behind(endpoint("10.0.0.1", locality="r/z/s", weight=3), endpoint("10.0.0.2"))
    made = assignment.load_assignment(target(), found, ENCRYPTED, FEATURES)

    assert ClusterLoadAssignment.FromString(made).SerializeToString(deterministic=True) == made


def test_an_unknown_locality_is_an_empty_message() -> None:
    assert groups(target(), endpoint())[0]["locality"] == {}


def test_no_endpoints_leave_only_the_name() -> None:
    made = assignment.build(target(), behind(), ENCRYPTED, FEATURES)

    assert made.name == NAME
    assert made.body == assignment.build_unknown(NAME).body
    assert made.origins == (Origin("Service", "default", "reviews"),)


def test_mutual_tls_is_used_where_the_workload_does_it() -> None:
    assert matches(target(), endpoint()) == [{"tlsMode": "istio"}]
    assert matches(target(), endpoint(tls_mode="disabled")) == [None]
    assert matches(target(), endpoint(), plaintext=Plaintext(everywhere=True)) == [None]


def test_a_rule_decides_before_the_workload() -> None:
    assert matches(target(mtls=False), endpoint()) == [None]
    assert matches(target(mtls=True), endpoint(), plaintext=Plaintext(everywhere=True)) == [{"tlsMode": "istio"}]
    assert matches(target(mtls=True), endpoint(tls_mode="disabled")) == [None]


def test_a_tunnel_is_opened_to_workloads_that_take_one_unless_they_have_a_sidecar() -> None:
    opener = target(client=client(tunnels=True))
    plain = endpoint(labels=TUNNELLED, tls_mode="disabled")

    assert matches(opener, plain) == [{"tunnel": "http"}]
    assert matches(opener, replace(plain, labels={"gateway.istio.io/managed": "istio.io-mesh-controller"})) == [
        {"tunnel": "http"}
    ]
    assert matches(target(), plain) == [None]
    assert matches(opener, replace(plain, tls_mode="istio")) == [{"tlsMode": "istio"}]
    assert matches(opener, replace(plain, tls_mode="istio"), features=Features(prefer_sending_hbone=True)) == [
        {"tunnel": "http"}
    ]


def test_an_encrypted_gateway_leads_only_to_workloads_that_decrypt() -> None:
    made = groups(
        target(encrypted_only=True),
        endpoint("10.0.0.1"),
        endpoint("10.0.0.2", tls_mode="disabled"),
        endpoint("10.0.0.3", tls_mode="disabled", locality="r"),
    )

    assert [each.get("loadBalancingWeight") for each in made] == [1, None]
    assert [len(each.get("lbEndpoints", [])) for each in made] == [1, 0]


def test_names_stand_in_clusters_that_resolve_them() -> None:
    named = endpoint("api.example.com", port_name="http", labels={})

    assert groups(target(service=entry()), named) == []
    assert len(groups(target(service=entry()), named, names=True)) == 1


def test_only_the_newest_endpoints_of_a_target_are_remembered() -> None:
    meant, before, after = target(), behind(endpoint()), behind(endpoint("10.0.0.2"))
    first = assignment.build(meant, before, ENCRYPTED, FEATURES)

    assert assignment.build(meant, before, ENCRYPTED, FEATURES) is first
    assert assignment.build(meant, after, ENCRYPTED, FEATURES).version != first.version
    again = assignment.build(meant, before, ENCRYPTED, FEATURES)
    assert again is not first
    assert again == first


def test_tunnels_everywhere_need_every_endpoint() -> None:
    takes, does_not = endpoint(labels=TUNNELLED), endpoint()

    assert assignment.all_support_tunnel((takes,))
    assert not assignment.all_support_tunnel((takes, does_not))
    assert not assignment.all_support_tunnel(())


def test_captured_workloads_are_reached_through_tunnels() -> None:
    captured = Endpoint(addresses=("10.0.0.1",), port=80, port_name="http", cluster_id="k", hbone=True)
    waypoint = Endpoint(
        addresses=("10.0.0.2",), port=80, port_name="http", cluster_id="k",
        labels={"gateway.istio.io/managed": "istio.io-mesh-controller"},
    )  # fmt: skip
    assert assignment.supports_tunnel(captured)
    assert assignment.supports_tunnel(waypoint)
    assert assignment.all_support_tunnel([captured])
    assert not assignment.all_support_tunnel([captured, waypoint])
    assert not assignment.all_support_tunnel([])


def test_a_gateway_is_named_where_envoy_looks_names_up_and_is_an_address_elsewhere() -> None:
    declared = MeshNetworks(
        networks={"far": Network(gateways=(IstioNetworkGateway(address="lb.example", port=15443),))}
    )
    ways = network_gateways.build((), declared, (), {"lb.example": ("203.0.113.9",)})
    far = endpoint("10.0.0.1", network="far", tls_mode="istio")
    for names, dialled in ((False, "203.0.113.9"), (True, "lb.example")):
        meant = target(client=client(network="near"))
        body = assignment.load_assignment(meant, behind(far), ENCRYPTED, FEATURES, ways, names=names)
        (found,) = as_json(ClusterLoadAssignment.FromString(body))["endpoints"]
        addresses = [each["endpoint"]["address"]["socketAddress"]["address"] for each in found["lbEndpoints"]]
        assert addresses == [dialled]
