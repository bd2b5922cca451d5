"""The ways into networks: declared ones, services with a network label, and what weights are scaled by."""

from typing import Any

from pilot.model import network_gateways
from pilot.model.mesh_networks import IstioNetworkGateway, MeshNetworks, Network
from pilot.model.network_gateways import NO_GATEWAYS, NetworkGateway
from pilot.model.service import Hostname, Namespace, PortProtocol, Registry, Resolution, Service, ServicePort
from pilot.resources import Origin

NO_NETWORKS = MeshNetworks()


def service(name: str, *ports: int, addresses: tuple[str, ...] = ("203.0.113.1",), **more: Any) -> Service:
    return Service(
        **{
            "hostname": Hostname(f"{name}.istio-system.svc.cluster.local"),
            "namespace": Namespace("istio-system"),
            "name": name,
            "ports": tuple(ServicePort(f"p{port}", port, PortProtocol.TLS) for port in ports),
            "resolution": Resolution.CLIENT_SIDE,
            "registry": Registry.KUBERNETES,
            "origin": Origin("Service", "istio-system", name),
            "labels": {"topology.istio.io/network": "n"},
            "external_addresses": {"c": addresses},
            **more,
        }
    )


def networks(**declared: IstioNetworkGateway) -> MeshNetworks:
    return MeshNetworks(networks={name: Network(gateways=(each,)) for name, each in declared.items()})


def test_a_mesh_without_gateways_has_one_network() -> None:
    made = network_gateways.build((service("a", 80, labels={}),), NO_NETWORKS)

    assert made is NO_GATEWAYS
    assert not made
    assert made.into("n", "c") == ()


def test_a_service_says_by_a_label_which_network_it_leads_into() -> None:
    made = network_gateways.build((service("ew", 15443, addresses=("203.0.113.2", "203.0.113.1")),), NO_NETWORKS)

    assert made.into("n", "c") == (
        NetworkGateway("203.0.113.1", 15443, "n", "c"),
        NetworkGateway("203.0.113.2", 15443, "n", "c"),
    )
    assert made.scale == 2


def test_the_port_may_be_another_and_has_to_be_there() -> None:
    other = {"topology.istio.io/network": "n", "networking.istio.io/gatewayPort": "16443"}

    assert network_gateways.build((service("ew", 16443, labels=other),), NO_NETWORKS).into("n", "c")[0].port == 16443
    assert not network_gateways.build((service("ew", 15443, labels=other),), NO_NETWORKS)
    assert not network_gateways.build((service("ew", 443),), NO_NETWORKS)


def test_node_ports_are_dialled_instead_of_the_services_own() -> None:
    made = network_gateways.build((service("ew", 15443, external_ports={"c": {15443: 31000}}),), NO_NETWORKS)

    assert made.into("n", "c")[0].port == 31000


def test_mesh_networks_name_an_address_or_a_service() -> None:
    ew = service("ew", 15443, labels={})
    made = network_gateways.build(
        (ew,),
        networks(
            by_address=IstioNetworkGateway(address="203.0.113.7", port=15443),
            by_name=IstioNetworkGateway(registry_service_name=ew.hostname, port=15443),
            unknown=IstioNetworkGateway(registry_service_name="nobody", port=15443),
        ),
    )

    assert made.into("by_address", "any") == (NetworkGateway("203.0.113.7", 15443, "by_address"),)
    assert made.into("by_name", "c") == (NetworkGateway("203.0.113.1", 15443, "by_name", "c"),)
    assert made.into("unknown", "c") == ()


def test_a_name_that_nobody_resolved_is_no_way() -> None:
    assert not network_gateways.build((), networks(n=IstioNetworkGateway(address="ew.example.com", port=15443)))


def test_gateways_of_the_same_cluster_come_first() -> None:
    near = service("near", 15443, external_addresses={"c1": ("203.0.113.1",)})
    far = service("far", 15443, external_addresses={"c2": ("203.0.113.2", "203.0.113.3")})
    made = network_gateways.build((near, far), NO_NETWORKS)

    assert [each.address for each in made.into("n", "c1")] == ["203.0.113.1"]
    assert len(made.into("n", "elsewhere")) == 3
    assert made.scale == 6


def test_the_same_gateways_are_the_same_object() -> None:
    ew = service("ew", 15443)

    assert network_gateways.build((ew,), NO_NETWORKS) is network_gateways.build(
        (ew, service("x", 80, labels={})), NO_NETWORKS
    )
