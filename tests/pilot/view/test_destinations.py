from pilot.model.routing import MESH
from pilot.view.destinations import destinations_of
from tests.pilot.model.meshes import mesh_of

ROUTES = """
kind: VirtualService
metadata: {name: v, namespace: app}
spec:
  hosts: [web]
  gateways: [mesh, gw]
  http:
  - route: [{destination: {host: one, port: {number: 80}}}, {destination: {host: one, port: {number: 81}}}]
    mirror: {host: copy}
    mirrors: [{destination: {host: more, port: {number: 9}}}]
  - route: [{destination: {host: two, port: {number: 80}}}, {destination: {host: two}}]
  - match: [{gateways: [gw]}]
    route: [{destination: {host: outside}}]
  tcp: [{route: [{destination: {host: tcp}}]}]
  tls: [{match: [{sniHosts: [a], gateways: [gw]}, {sniHosts: [b]}], route: [{destination: {host: tls}}]}]
"""


def test_where_routes_lead_and_to_which_ports() -> None:
    (routes,) = mesh_of(ROUTES).virtual_services
    found = {host.partition(".")[0]: ports for host, ports in destinations_of(routes, MESH).items()}
    assert found == {
        "one": {80, 81},
        "copy": frozenset(),
        "more": {9},
        "two": frozenset(),
        "tcp": frozenset(),
        "tls": frozenset(),
    }


def test_a_gateway_has_destinations_of_its_own() -> None:
    (routes,) = mesh_of(ROUTES).virtual_services
    assert "outside.app.svc.cluster.local" in destinations_of(routes, "app/gw")
    assert "one.app.svc.cluster.local" in destinations_of(routes, "app/gw")
