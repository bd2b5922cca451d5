"""Gateways that take HBONE."""

from pilot.gatewayapi.waypoints import convert
from pilot.model.waypoint import ApplicationTunnel, Traffic, TunnelAddress, Waypoints
from tests.ambient_mesh import AMBIENT, WAYPOINT
from tests.recordings import snapshot_of


def _convert(text: str, **environment: str) -> Waypoints:
    snapshot = snapshot_of(text, environment={**AMBIENT, **environment})
    return convert(snapshot.seen, snapshot.settings)


def test_waypoint_is_reached_at_its_service() -> None:
    made = _convert(WAYPOINT).by_name["app", "wp"]
    assert made.address == TunnelAddress("wp.app.svc.cluster.local", "app")
    assert made.traffic is Traffic.ALL
    assert made.allowed == "Same"


def test_waypoint_without_service_is_at_the_addresses_of_its_status() -> None:
    text = WAYPOINT.partition("---")[0]
    assert _convert(text).by_name["app", "wp"].address is None
    written = text + "status: {addresses: [{type: IPAddress, value: 10.0.0.7}, {type: Hostname, value: a.b}]}\n"
    assert _convert(written).by_name["app", "wp"].address == TunnelAddress("a.b", "app")


def test_nothing_takes_hbone_while_ambient_is_off() -> None:
    assert _convert(WAYPOINT, PILOT_ENABLE_AMBIENT="false") == Waypoints()


def test_binding_names_protocol_and_port() -> None:
    bound = WAYPOINT.replace(
        "labels:", "annotations: {ambient.istio.io/waypoint-inbound-binding: PROXY/15088}, labels:"
    )
    made = _convert(bound).by_name["app", "wp"]
    assert made.tunnel == ApplicationTunnel("PROXY", 15088)
    assert made.allowed == "None"  # no listener has that port


def test_remote_gateway_with_a_network_is_a_way_into_it() -> None:
    remote = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: b, namespace: istio-system, labels: {topology.istio.io/network: net-b}}
spec:
  gatewayClassName: istio-remote
  addresses: [{value: 203.0.113.1}, {type: Hostname, value: gw.example.com}]
  listeners: [{name: hbone, port: 15008, protocol: HBONE}, {name: tls, port: 15443, protocol: TLS}]
"""
    made = _convert(remote)
    assert [each.uid for each in made.gateways] == [
        "NetworkGateway/net-b/203.0.113.1/15008",
        "NetworkGateway/net-b/gw.example.com/15008",
    ]
    assert {each.account for each in made.gateways} == {"b-istio-remote"}
    assert made.by_name == {}
