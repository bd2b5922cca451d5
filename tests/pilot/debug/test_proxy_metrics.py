"""Figures of connected proxies."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from envoy.config.core.v3.base_pb2 import Node
from prometheus_client import CollectorRegistry

from pilot.debug import proxy_metrics
from pilot.debug.exposition import generate
from pilot.debug.proxy_metrics import ProxyMetrics
from pilot.mesh import Mesh
from pilot.view.node import parse_node
from pilot.xds.discovery import Connection
from tests.pilot.debug.test_mesh_metrics import series
from tests.pilot.debug.worlds import bookinfo, connected, connections, nodes
from tests.pilot.status.test_patches import patched

ALONE = "pilot_k8s_proxies_with_no_service_targets"


def stranger(mesh: Mesh, number: int, cluster: str) -> Connection:
    """A sidecar that nobody knows."""
    node = Node()
    node.CopyFrom(next(iter(nodes().values())))
    node.id = f"sidecar~10.9.9.9~nobody-{number}.nowhere~nowhere.svc.cluster.local"
    node.metadata["CLUSTER_ID"], node.metadata["NAMESPACE"] = cluster, "nowhere"
    found = connected(mesh, node, number)
    return replace(found, proxy=parse_node(node, mesh.snapshot.features))


def reading(mesh: Mesh, found: Callable[[], list[Connection]], **settings: bool) -> Callable[[], dict[str, float]]:
    registry = CollectorRegistry()
    ProxyMetrics(registry, mesh, found, found, **settings)
    return lambda: series(generate(registry))


def test_proxies_without_services_are_counted_once() -> None:
    mesh = bookinfo()
    rows = connections(mesh)
    figures = reading(mesh, lambda: rows)
    assert not [each for each in figures() if each.startswith(ALONE)]
    rows.append(stranger(mesh, 8, "Kubernetes"))
    assert figures()[ALONE + '{reason="no_matching_services"}'] == 1
    assert figures()[ALONE + '{reason="no_matching_services"}'] == 1
    rows.append(stranger(mesh, 9, "elsewhere"))
    assert figures()[ALONE + '{reason="incorrect_cluster"}'] == 1
    del rows[-2:]
    assert figures()[ALONE + '{reason="incorrect_cluster"}'] == 1


def test_many_that_come_at_once_are_looked_at_one_page_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_metrics, "AT_A_TIME", 2)
    mesh = bookinfo()
    rows = [stranger(mesh, number, "Kubernetes") for number in range(3)]
    figures = reading(mesh, lambda: rows)
    assert figures()[ALONE + '{reason="no_matching_services"}'] == 2
    assert figures()[ALONE + '{reason="no_matching_services"}'] == 3


def test_tools_and_grpc_clients_need_no_service() -> None:
    mesh = bookinfo()
    one = stranger(mesh, 1, "Kubernetes")
    asking = replace(one, proxy=replace(one.proxy, raw_metadata={**one.proxy.raw_metadata, "GENERATOR": "event"}))
    assert not [each for each in reading(mesh, lambda: [asking])() if each.startswith(ALONE)]


def test_patches_are_told_where_somebody_wants_it() -> None:
    mesh = patched()
    found = reading(mesh, lambda: connections(mesh), tells_patches=True)()
    name = 'pilot_envoy_filter_status{name="istio-system/some",patch="cluster",result="%s"}'
    assert (found[name % "applied"], found[name % "error"]) == (1, 1)
    assert not [each for each in found if "nowhere/elsewhere" in each]
    assert not [each for each in reading(mesh, lambda: connections(mesh))() if "envoy_filter" in each]
