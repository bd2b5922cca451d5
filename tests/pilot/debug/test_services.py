"""Services and endpoints as istiod's pages show them."""

from typing import Any, cast

from pilot.debug import services
from pilot.debug.console import Later, Question
from pilot.mesh import Mesh
from tests import recordings
from tests.networks_mesh import WAYS, cluster, mesh_of
from tests.pilot.debug.worlds import bookinfo

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  exportTo: ["."]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: https, protocol: TLS}]
---
apiVersion: v1
kind: Service
metadata: {name: ways, namespace: istio-system, labels: {topology.istio.io/network: net-2}}
spec: {clusterIP: 10.0.7.7, externalIPs: [203.0.113.9], ports: [{name: tls, port: 15443}]}
"""


def test_a_service_entry_is_shown_with_numbers_and_sets() -> None:
    snapshot = recordings.snapshot_of(ENTRY)
    found: Any = services.registry(snapshot)
    entry = next(each for each in found if each["hostname"] == "api.example.com")
    assert entry["Attributes"]["ExportTo"] == {".": {}}
    assert (entry["Attributes"]["ServiceRegistry"], entry["Attributes"]["ObjectName"]) == ("External", "api")
    assert (entry["Resolution"], entry["MeshExternal"]) == (1, True)
    assert entry["ports"] == [{"name": "https", "port": 443, "protocol": "TLS"}]


def test_ways_into_networks_are_told() -> None:
    found: Any = services.networks(recordings.snapshot_of(ENTRY))
    assert [(each["Network"], each["Addr"], each["Port"]) for each in found] == [("net-2", "203.0.113.9", 15443)]
    both = ENTRY.replace("port: 15443}]", "port: 15443}, {name: hbone, port: 15008}]")
    found = services.networks(recordings.snapshot_of(both))
    assert [(each["Port"], each["HBONEPort"]) for each in found] == [(15443, 15008)]


def test_a_gateway_that_takes_tunnels_is_told_with_its_account() -> None:
    (found,) = cast("list[Any]", services.networks(mesh_of(cluster("east", "10.0.0.1", more=f"---{WAYS}"))))
    assert (found["Network"], found["Addr"], found["Port"], found["HBONEPort"]) == ("west", "198.51.100.7", 0, 15008)
    assert found["ServiceAccount"] == {"Namespace": "istio-system", "Name": "to-west-istio-remote"}


def test_without_networks_there_is_null() -> None:
    assert services.networks(recordings.snapshot_of("")) is None


def test_endpoints_are_by_host_namespace_and_registry() -> None:
    mesh: Mesh = bookinfo()
    page = {each.name: each.page for each in services.entries(mesh)}["endpointz"]
    later = page(Question())
    assert isinstance(later, Later)
    found: Any = later.make()
    (endpoint,) = found["details.default.svc.cluster.local"]["default"]["Shards"]["Kubernetes/Kubernetes"]
    assert (endpoint["Addresses"], endpoint["EndpointPort"], endpoint["TLSMode"]) == (["172.30.0.2"], 9080, "istio")
    assert endpoint["Locality"] == {"Label": "us-east1/us-east1-b/", "ClusterID": "Kubernetes"}
