"""Gateways that lead into networks."""

from pilot.gatewayapi import networks
from pilot.model.features import Features
from pilot.model.network_gateways import NetworkGateway
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from tests.ambient_mesh import AMBIENT
from tests.pilot.model.meshes import objects
from tests.recordings import snapshot_of

REMOTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: b, namespace: istio-system, labels: {topology.istio.io/network: net-b}}
spec:
  gatewayClassName: istio-remote
  addresses: [{value: 203.0.113.1}]
  listeners:
  - {name: hbone, port: 15008, protocol: HBONE}
  - name: tls
    port: 15443
    protocol: TLS
    tls: {mode: Passthrough, options: {gateway.istio.io/listener-protocol: auto-passthrough}}
  - {name: web, port: 443, protocol: TLS, tls: {mode: Passthrough}}
"""


def _passthrough(text: str = REMOTE, **environment: str) -> tuple[NetworkGateway, ...]:
    snapshot = snapshot_of(text, environment={**AMBIENT, **environment})
    return networks.passthrough(snapshot.seen, snapshot.settings)


def test_listener_that_passes_on_mutual_tls_is_a_way_in() -> None:
    assert _passthrough() == (NetworkGateway("203.0.113.1", 15443, "net-b", "Kubernetes"),)


def test_a_listener_at_the_port_for_networks_is_one_too() -> None:
    plain = REMOTE.replace(", options: {gateway.istio.io/listener-protocol: auto-passthrough}", "")
    assert [each.port for each in _passthrough(plain)] == [15443]
    other = plain.replace("net-b}", "net-b, networking.istio.io/gatewayPort: '443'}")
    assert [each.port for each in _passthrough(other)] == [443]


def test_gateways_without_a_network_or_of_other_classes_lead_nowhere() -> None:
    assert _passthrough(REMOTE.replace(", labels: {topology.istio.io/network: net-b}", "")) == ()
    assert _passthrough(REMOTE.replace("istio-remote", "istio")) == ()
    assert _passthrough(PILOT_MULTI_NETWORK_DISCOVER_GATEWAY_API="false") == ()


def test_gateway_here_is_reached_where_its_status_says() -> None:
    own = REMOTE.replace("istio-remote", "istio-east-west") + "status: {addresses: [{value: 203.0.113.9}]}\n"
    assert [each.address for each in _passthrough(own)] == ["203.0.113.9"]
    snapshot = snapshot_of(own, environment=AMBIENT)
    assert [each.uid for each in networks.tunnels(snapshot.seen, snapshot.settings)] == [
        "NetworkGateway/net-b/203.0.113.9/15008"
    ]


def test_gateway_is_found_by_proxies_of_other_networks() -> None:
    snapshot = snapshot_of(REMOTE, environment=AMBIENT)
    assert snapshot.conversions.network_gateways == _passthrough()


def test_another_cluster_tells_of_its_own_gateways_only() -> None:
    own = REMOTE.replace("istio-remote", "istio-east-west") + "status: {addresses: [{value: 203.0.113.9}]}\n"
    for text, found in ((REMOTE, []), (own, ["203.0.113.9"])):
        events = [Event(each.key, each) for each in objects(text)]
        mesh, _ = Snapshot.empty(features=Features(ambient=True)).apply_remote("east", events)
        ways = [each for found in mesh.network_gateways.by_network.values() for each in found]
        assert [each.address for each in ways] == found
        assert all(each.cluster_id == "east" for each in ways)
        assert [each.uid for each in mesh.conversions.waypoints.gateways] == [
            f"NetworkGateway/net-b/{address}/15008" for address in found
        ]
