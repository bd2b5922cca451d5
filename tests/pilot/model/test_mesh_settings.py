from dataclasses import replace

from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.mesh_networks import MeshNetworks, Network, NetworkEndpoints
from pilot.model.mesh_settings import MeshSettings, in_cidr, is_ip


def test_names_follow_domain_and_trust_domain() -> None:
    settings = MeshSettings(MeshConfig(trust_domain="td"), Features(cluster_domain="example.org", cluster_id="c1"))
    assert settings.host_of("web", "app") == "web.app.svc.example.org"
    assert settings.spiffe_id("app", "web") == "spiffe://td/ns/app/sa/web"
    assert settings.spiffe_id("app", "") == ""
    assert (settings.domain, settings.cluster_id) == ("example.org", "c1")


NETWORKS = MeshNetworks(
    {
        "by-address": Network((NetworkEndpoints(from_cidr="10.0.0.0/8"), NetworkEndpoints(from_cidr="nonsense"))),
        "elsewhere": Network((NetworkEndpoints(from_registry="other"),)),
    }
)


def test_a_network_comes_from_the_label_then_the_system_namespace_then_the_file() -> None:
    settings = MeshSettings(networks=NETWORKS)
    assert settings.network_of(("10.1.1.1",), "label") == "label"
    assert settings.network_of(("10.1.1.1",)) == "by-address"
    assert settings.network_of(("192.168.0.1",)) == ""
    assert settings.network_of(("a.name",)) == ""
    assert replace(settings, system_network="system").network_of(("10.1.1.1",)) == "system"


def test_the_registry_wins_over_addresses() -> None:
    own = Network((NetworkEndpoints(from_registry="Kubernetes"),))
    networks = MeshNetworks({**NETWORKS.networks, "own": own})
    assert MeshSettings(networks=networks).network_of(("10.1.1.1",)) == "own"


def test_addresses_are_told_from_names() -> None:
    assert is_ip("10.0.0.1")
    assert is_ip("2001:db8::1")
    assert not is_ip("example.com")
    assert in_cidr("10.0.0.1", "10.0.0.5/24")
    assert not in_cidr("10.0.1.1", "10.0.0.0/24")
