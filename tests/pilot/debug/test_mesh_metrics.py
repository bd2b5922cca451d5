"""Figures of the mesh, made when they are asked for; and which of istiod's names we have."""

import re

import pytest
from prometheus_client import CollectorRegistry

from pilot.debug.exposition import generate
from pilot.debug.feed_metrics import FeedMetrics
from pilot.debug.mesh_metrics import MeshMetrics
from pilot.debug.pages import ClusterState
from pilot.mesh import Mesh
from pilot.model.features import Features
from pilot.model.object_store import ObjectStore
from pilot.model.snapshot import Snapshot
from pilot.type_urls import CLUSTER
from pilot.xds.metrics import XdsMetrics
from tests import recordings
from tests.pilot.debug.worlds import bookinfo
from tests.shared import shared_path

CONFLICTS = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one, namespace: shop}
spec: {hosts: [a.shop.svc.cluster.local], http: [{route: [{destination: {host: a}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: two, namespace: shop}
spec: {hosts: [a.shop.svc.cluster.local], http: [{route: [{destination: {host: a}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a, namespace: shop}
spec: {host: a, subsets: [{name: v1, labels: {v: "1"}}, {name: v1, labels: {v: "2"}}]}
"""


def figures(mesh: Mesh, *clusters: ClusterState) -> dict[str, float]:
    """Every series."""
    registry = CollectorRegistry()
    MeshMetrics(registry, mesh, lambda: clusters or [ClusterState("Kubernetes", "", "synced")])
    return series(generate(registry))


def series(text: str) -> dict[str, float]:
    found = re.findall(r"^([a-z0-9_]+(?:{[^}]*})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_the_mesh_in_numbers() -> None:
    found = figures(bookinfo())
    assert (found["pilot_services"], found["pilot_virt_services"]) == (6, 1)
    assert (found["pilot_eds_no_instances"], found["endpoint_no_pod"], found["pilot_vservice_dup_domain"]) == (1, 0, 0)
    assert found['istio_build{component="pilot",tag="1.29.1"}'] == 1
    assert found['istiod_managed_clusters{cluster_type="local"}'] == 1
    assert found['istiod_managed_clusters{cluster_type="remote"}'] == 0
    assert found["process_resident_memory_bytes"] > 0
    assert found["istiod_uptime_seconds"] >= 0


def test_conflicts_are_counted() -> None:
    found = figures(Mesh(recordings.snapshot_of(CONFLICTS)))
    assert found["pilot_vservice_dup_domain"] == 1
    assert found["pilot_eds_no_instances"] == 1
    assert found["pilot_destrule_subsets"] == 1


def test_ambient_has_names_of_its_own() -> None:
    snapshot = Snapshot.empty(features=Features(ambient=True))
    found = figures(Mesh(snapshot), ClusterState("Kubernetes", "", "synced"), ClusterState("r", "istio-system/r", "x"))
    assert found['ambient_istiod_managed_clusters{ambient_cluster_type="local"}'] == 1
    assert found['ambient_istiod_managed_clusters{ambient_cluster_type="remote"}'] == 1
    assert not [each for each in figures(Mesh(Snapshot.empty())) if each.startswith("ambient_")]


def test_states_of_remote_clusters() -> None:
    found = figures(Mesh(Snapshot.empty()), ClusterState("r", "istio-system/r", "timeout"))
    label = 'istiod_remote_cluster_sync_status{cluster="r",cluster_type="remote",status="%s"}'
    assert (found[label % "timeout"], found[label % "synced"]) == (1, 0)


DELIBERATELY_LACKING = {
    "pilot_endpoint_not_ready": "would need a look at every proxy's own endpoint for each scrape; nothing shows it",
    "process_network_receive_bytes_total": "the process library has no such figure for Python",
    "process_network_transmit_bytes_total": "likewise",
    "process_virtual_memory_max_bytes": "likewise",
    "citadel_server_root_cert_expiry_seconds": "ca/metrics.py has it: see its test",
    "citadel_server_root_cert_expiry_timestamp": "likewise",
}
"""Names that istiod has on its page and these collectors do not; `go_*` are figures of another language."""


@pytest.mark.shared
def test_every_other_name_of_istiod_is_there_with_its_type() -> None:
    registry, mesh = CollectorRegistry(), bookinfo()
    MeshMetrics(registry, mesh, lambda: [ClusterState("Kubernetes", "", "synced")])
    feed, xds = FeedMetrics(registry), XdsMetrics(registry)
    feed.took(recordings.decode_objects(CONFLICTS), ObjectStore(), from_cluster=True)
    xds.connected("1.29.1")
    xds.sent(CLUSTER, 10, 0.1, 0.1)
    xds.received(10)
    ours = dict(re.findall(r"^# TYPE (\S+) (\S+)$", generate(registry), re.MULTILINE))
    text = shared_path("aux", "debug", "monitoring_metrics.txt").read_text()
    theirs = {
        name: kind
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
        if not name.startswith("go_")
    }
    assert theirs.keys() - ours.keys() == DELIBERATELY_LACKING.keys()
    assert {name: kind for name, kind in ours.items() if name in theirs and theirs[name] != kind} == {}
    shapes = r"^(\w+)_bucket{(?:type=\"[^\"]*\",)?le=\"([^\"]*)\"}"

    def buckets(page: str) -> set[tuple[str, float]]:
        return {(name, float(bound)) for name, bound in re.findall(shapes, page, re.MULTILINE)}

    assert buckets(text) <= buckets(
        re.sub(r'{le="([^"]*)",type="([^"]*)"}', r'{type="\2",le="\1"}', generate(registry))
    )
