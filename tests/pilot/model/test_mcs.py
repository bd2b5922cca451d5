"""Which endpoints other clusters may use, and the name of a service in all of them."""

from dataclasses import replace

from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from google.protobuf.any_pb2 import Any

from pilot.model.features import Features
from pilot.model.mcs import host_of, is_of_all
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.pipeline import resources_for
from pilot.type_urls import ENDPOINT
from pilot.view import build
from tests.pilot.model.meshes import objects
from tests.test_incremental import proxy

ALL = Features(mcs_discovery=True, mcs_host=True)
SERVICE = """
kind: Service
metadata: {{name: web, namespace: a}}
spec: {{clusterIP: {vip}, selector: {{app: web}}, ports: [{{name: http, port: 80}}]}}
---
kind: EndpointSlice
metadata: {{name: web-1, namespace: a, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [{address}]}}]
"""
EXPORT = "kind: ServiceExport\napiVersion: multicluster.x-k8s.io/v1alpha1\nmetadata: {name: web, namespace: a}\n"
IMPORT = """
kind: ServiceImport
apiVersion: multicluster.x-k8s.io/v1alpha1
metadata: {{name: web, namespace: a}}
spec: {{ips: [{ips}], type: ClusterSetIP, ports: [{{port: 80}}]}}
"""
OWN, EVERYWHERE = "web.a.svc.cluster.local", "web.a.svc.clusterset.local"


def events(*texts: str) -> list[Event]:
    return [Event(each.key, each) for text in texts for each in objects(text)]


def mesh(features: Features, *own: str, east: tuple[str, ...] = ()) -> Snapshot:
    snapshot, _ = Snapshot.empty(features=features).apply(
        events(SERVICE.format(vip="10.0.0.1", address="1.1.1.1"), *own)
    )
    there = events(SERVICE.format(vip="10.9.0.1", address="9.9.9.9"), *east)
    return snapshot.apply_remote("east", there)[0]


def seen(snapshot: Snapshot, cluster: str, host: str) -> set[str]:
    """Addresses of endpoints that a proxy of a cluster is sent."""
    who = proxy("sidecar", "5.5.5.5", "client", "b")
    who = replace(who, traits=replace(who.traits, cluster_id=cluster))
    found = resources_for(snapshot, who, ENDPOINT, frozenset({f"outbound|80||{host}"}))
    assert found is not None
    (body,) = (each.body for each in found.resources.values())
    made = ClusterLoadAssignment.FromString(Any.FromString(body).value)
    return {each.endpoint.address.socket_address.address for group in made.endpoints for each in group.lb_endpoints}


def test_off_everything_is_as_ever() -> None:
    both = mesh(Features(), IMPORT.format(ips="243.0.0.1"))
    assert seen(both, "Kubernetes", OWN) == {"1.1.1.1", "9.9.9.9"}
    assert {each.hostname for each in both.services} == {OWN}


def test_endpoints_are_for_other_clusters_where_they_are_exported() -> None:
    features = Features(mcs_discovery=True)
    neither = mesh(features)
    assert seen(neither, "Kubernetes", OWN) == {"1.1.1.1"}
    assert seen(neither, "east", OWN) == {"9.9.9.9"}
    exported, change = neither.apply_remote("east", events(EXPORT))
    assert change.full
    assert seen(exported, "Kubernetes", OWN) == {"1.1.1.1", "9.9.9.9"}
    assert seen(exported, "east", OWN) == {"9.9.9.9"}
    gone, _ = exported.apply_remote("east", [Event(ObjectKey("ServiceExport", "a", "web"), None)])
    assert seen(gone, "Kubernetes", OWN) == {"1.1.1.1"}


def test_a_host_of_all_clusters_has_the_addresses_of_the_import() -> None:
    both = mesh(ALL, IMPORT.format(ips="243.0.0.1, nonsense"), east=(EXPORT,))
    (found,) = (each for each in both.services if each.hostname == EVERYWHERE)
    assert (found.address, found.cluster_vips) == ("243.0.0.1", {"Kubernetes": ("243.0.0.1",)})
    assert seen(both, "Kubernetes", EVERYWHERE) == {"1.1.1.1", "9.9.9.9"}
    assert is_of_all(found)
    both, _ = both.apply_remote("east", events(IMPORT.format(ips="243.9.0.1")))
    (found,) = (each for each in both.services if each.hostname == EVERYWHERE)
    assert found.cluster_vips == {"Kubernetes": ("243.0.0.1",), "east": ("243.9.0.1",)}
    (own,) = (each for each in both.services if each.hostname == OWN)
    assert own.cluster_vips == {"Kubernetes": ("10.0.0.1",), "east": ("10.9.0.1",)}


def test_an_import_without_addresses_or_service_is_none() -> None:
    both = mesh(ALL, IMPORT.format(ips=""))
    assert {each.hostname for each in both.services} == {OWN}
    alone, _ = Snapshot.empty(features=ALL).apply(events(IMPORT.format(ips="243.0.0.1")))
    assert not alone.services


def test_own_names_may_be_for_the_own_cluster_only() -> None:
    features = Features(mcs_discovery=True, mcs_host=True, mcs_cluster_local=True)
    both = mesh(features, EXPORT, IMPORT.format(ips="243.0.0.1"), east=(EXPORT,))
    assert seen(both, "Kubernetes", OWN) == {"1.1.1.1"}
    assert seen(both, "Kubernetes", EVERYWHERE) == {"1.1.1.1", "9.9.9.9"}


def test_new_endpoints_are_behind_both_names() -> None:
    both = mesh(ALL, IMPORT.format(ips="243.0.0.1"), east=(EXPORT,))
    both, change = both.apply_remote("east", events(SERVICE.format(vip="10.9.0.1", address="9.9.9.8"))[1:])
    assert {host for host, _ in change.hosts} == {OWN, EVERYWHERE}
    assert seen(both, "Kubernetes", EVERYWHERE) == {"1.1.1.1", "9.9.9.8"}
    both, change = both.apply(events(SERVICE.format(vip="10.0.0.1", address="1.1.1.2"))[1:])
    assert {host for host, _ in change.hosts} == {OWN, EVERYWHERE}
    assert seen(both, "Kubernetes", EVERYWHERE) == {"1.1.1.2", "9.9.9.8"}


def test_a_proxy_serves_it_under_its_own_name() -> None:
    both = mesh(ALL, IMPORT.format(ips="243.0.0.1"))
    who = proxy("sidecar", "1.1.1.1", "web-1", "a", app="web")
    targets = build.build(both, who).workload.targets
    assert {each.service.hostname for each in targets} == {OWN}
    assert host_of("web", "a") == EVERYWHERE
