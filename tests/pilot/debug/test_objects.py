"""Configuration as pages show it."""

import json
from typing import Any

from pilot.debug import objects
from pilot.debug.console import Answer, Question
from pilot.debug.objects import ObjectPages
from pilot.debug.proxies import ProxyPages, Streams
from pilot.model.features import Features
from pilot.model.mesh import MeshConfig
from pilot.model.objects import Event, ObjectKey
from pilot.model.problem import Problem
from pilot.model.snapshot import Snapshot
from tests import recordings
from tests.pilot.debug.worlds import bookinfo
from tests.pilot.model.meshes import objects as declared

RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: slow, namespace: shop, annotations: {who: me}}
spec: {host: slow, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 1500ms}}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, data: {tls.key: c2VjcmV0}}
"""


def test_objects_are_shown_as_they_were_written_and_secrets_never() -> None:
    (found,) = objects.configurations(recordings.snapshot_of(RULE))
    assert found == {
        "kind": "DestinationRule",
        "apiVersion": "networking.istio.io/v1",
        "metadata": {"name": "slow", "namespace": "shop", "annotations": {"who": "me"}},
        "spec": {"host": "slow", "trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "1.5s"}}}},
    }


def test_mesh_config_has_its_defaults() -> None:
    told: Any = objects.effective(MeshConfig())
    assert (told["connectTimeout"], told["outboundTrafficPolicy"]) == ("10s", {"mode": "ALLOW_ANY"})
    assert told["inboundTrafficPolicy"] == {}
    assert "hboneIdleTimeout" not in told


def test_problems_are_by_kind_and_object() -> None:
    mesh = bookinfo()
    problems = [Problem("expected a port, got none", ObjectKey("Gateway", "shop", "web"))]
    pages = ObjectPages(mesh, ProxyPages(mesh, Streams(list)), lambda: problems)
    found = pages.push_status(Question())
    assert isinstance(found, Answer)
    told = json.loads(found.body)
    assert told["meshpilot_problems_Gateway"]["Gateway shop/web"]["message"].endswith("expected a port, got none")


def test_policies_are_by_namespace() -> None:
    told: Any = objects.push_context(bookinfo().snapshot)
    assert [each["name"] for each in told["AuthorizationPolicies"]["namespace_to_policies"]["default"]] == ["viewers"]
    assert told["NetworkGateways"] == told["UnresolvedGateways"] == []


def test_kinds_are_told_once() -> None:
    found = objects.kinds()
    assert {"group": "networking.istio.io", "version": "v1", "kind": "VirtualService"} in found
    assert len(found) == len({tuple(each.values()) for each in found})


def test_telemetries_are_by_namespace() -> None:
    text = "{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: shop}, spec: {}}"
    told: Any = objects.telemetries(recordings.snapshot_of(text))
    assert told["telemetries"]["namespace_to_telemetries"] == {"shop": [{"name": "t", "namespace": "shop", "spec": {}}]}


def test_services_of_the_mcs_api_are_told_by_cluster() -> None:
    text = """
kind: Service
metadata: {name: web, namespace: a}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceExport
metadata: {name: web, namespace: a}
"""
    made = [Event(each.key, each) for each in declared(text)]
    snapshot, _ = Snapshot.empty(features=Features(mcs_discovery=True)).apply(made)
    snapshot, _ = snapshot.apply_remote("east", made)
    row = {
        "Name": "web",
        "Namespace": "a",
        "Exported": True,
        "Imported": False,
        "ClusterSetVIP": "",
        "Discoverability": {"web.a.svc.cluster.local": "AlwaysDiscoverable"},
    }
    assert objects.services_of_all(snapshot) == [{"Cluster": "Kubernetes", **row}, {"Cluster": "east", **row}]
    assert objects.services_of_all(Snapshot.empty()) is None
