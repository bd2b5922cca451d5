"""Addresses of names in a snapshot."""

from pilot.model.host_addresses import HostAddresses, host_addresses
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from tests.pilot.model.meshes import objects

GATEWAY = """
kind: Service
metadata: {name: ew, namespace: istio-system, labels: {topology.istio.io/network: far}}
spec: {type: LoadBalancer, clusterIP: 10.0.0.5, ports: [{name: tls, port: 15443}]}
status: {loadBalancer: {ingress: [{hostname: lb.example}]}}
"""


def known(*addresses: str) -> Event:
    made = host_addresses("lb.example", addresses)
    return Event(made.key, made)


def ways(snapshot: Snapshot) -> list[str]:
    return [each.address for each in snapshot.network_gateways.by_network.get("far", ())]


def test_a_gateway_by_its_name_is_where_the_name_leads() -> None:
    mesh, _ = Snapshot.empty().apply([Event(each.key, each) for each in objects(GATEWAY)])
    assert mesh.names_to_resolve == {"lb.example"}
    assert ways(mesh) == []
    resolved, change = mesh.apply([known("203.0.113.2", "203.0.113.1")])
    assert change.full
    assert ways(resolved) == ["203.0.113.1", "203.0.113.2"]
    assert resolved.network_gateways.scale == 2
    named = resolved.network_gateways.for_names()
    assert [each.address for each in named.by_network["far"]] == ["lb.example"]
    same, change = resolved.apply([known("203.0.113.1", "203.0.113.2")])
    assert not change
    assert same.host_addresses is resolved.host_addresses
    gone, _ = resolved.apply([Event(ObjectKey(HostAddresses.KIND, "", "lb.example"), None)])
    assert ways(gone) == []


def test_it_holds_for_gateways_of_other_clusters() -> None:
    mesh, _ = Snapshot.empty().apply_remote("east", [Event(each.key, each) for each in objects(GATEWAY)])
    mesh, change = mesh.apply([known("203.0.113.7")])
    assert change.full
    assert ways(mesh) == ["203.0.113.7"]
    assert mesh.network_gateways.by_network["far"][0].cluster_id == "east"
