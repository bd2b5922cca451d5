from pilot.model.decoding import decode_value
from pilot.model.mesh_networks import IstioNetworkGateway, MeshNetworks, NetworkEndpoints


def test_networks_have_endpoints_and_gateways() -> None:
    value = {
        "networks": {
            "n1": {
                "endpoints": [{"fromRegistry": "cluster1"}, {"fromCidr": "192.168.0.0/16"}],
                "gateways": [
                    {"address": "1.2.3.4", "port": 15443, "locality": "r/z"},
                    {"registryServiceName": "gw.istio-system.svc.cluster.local", "port": 15443},
                ],
            }
        }
    }
    networks, faults = decode_value(value, MeshNetworks)
    assert faults == ()
    assert networks is not None
    network = networks.networks["n1"]
    assert network.endpoints == (
        NetworkEndpoints(from_registry="cluster1"),
        NetworkEndpoints(from_cidr="192.168.0.0/16"),
    )
    assert network.gateways[0] == IstioNetworkGateway(address="1.2.3.4", port=15443, locality="r/z")
    assert network.gateways[1].address is None


def test_an_endpoint_is_in_a_network_by_one_rule_only() -> None:
    value = {"networks": {"n1": {"endpoints": [{"fromRegistry": "a", "fromCidr": "10.0.0.0/8"}]}}}
    networks, faults = decode_value(value, MeshNetworks)
    assert networks is None
    assert faults[0].path == ("networks", "n1", "endpoints", 0, "fromRegistry")
