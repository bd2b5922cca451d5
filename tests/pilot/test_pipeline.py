"""The whole product as one function: what a proxy is to have of each type."""

from typing import Any

import pytest
from envoy.config.core.v3 import base_pb2

from pilot import pipeline
from pilot.model.snapshot import Snapshot
from pilot.resources import ResourceSet
from pilot.type_urls import ADDRESS, CLUSTER, ENDPOINT, LISTENER, NAME_TABLE, ROUTE, TypeUrl
from pilot.view import node as nodes
from pilot.view.proxy import Proxy
from tests.pilot.model.meshes import edit, mesh_of
from tests.recordings import snapshot_of

TYPES = (CLUSTER, ENDPOINT, LISTENER, ROUTE, NAME_TABLE)
NAME = "outbound|80||web.default.svc.cluster.local"
MESH = """
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80, targetPort: 8080}]}
---
kind: EndpointSlice
metadata: {name: web-a, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.1]}]
"""
ELSEWHERE = """
kind: EndpointSlice
metadata: {name: web-a, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.0.2]}]
"""


def proxy(snapshot: Snapshot, number: int = 1) -> Proxy:
    made: Any = base_pb2.Node(id=f"sidecar~10.2.0.{number}~client-{number}.default~default.svc.cluster.local")
    made.metadata.update({"NAMESPACE": "default", "ISTIO_VERSION": "1.29.1"})
    return nodes.parse_node(made, snapshot.features)


def ask(snapshot: Snapshot, who: Proxy, type_url: TypeUrl) -> ResourceSet:
    names = {ENDPOINT: frozenset({NAME}), ROUTE: frozenset({"80"})}.get(type_url, frozenset())
    found = pipeline.resources_for(snapshot, who, type_url, names)
    assert found is not None
    return found


def test_every_type_has_what_a_sidecar_needs() -> None:
    snapshot = mesh_of(MESH)
    who = proxy(snapshot)
    assert NAME in ask(snapshot, who, CLUSTER)
    assert list(ask(snapshot, who, ENDPOINT)) == [NAME]
    assert "0.0.0.0_80" in ask(snapshot, who, LISTENER)
    assert list(ask(snapshot, who, ROUTE)) == ["80"]
    assert len(ask(snapshot, who, NAME_TABLE)) == 1


def test_only_names_that_are_asked_for_are_answered() -> None:
    snapshot = mesh_of(MESH)
    found = pipeline.resources_for(snapshot, proxy(snapshot), ENDPOINT)
    assert found is not None
    assert list(found) == []


def test_a_type_that_nobody_knows_is_not_served() -> None:
    snapshot = mesh_of(MESH)
    assert pipeline.resources_for(snapshot, proxy(snapshot), TypeUrl("somebody.Thing")) is None


@pytest.mark.parametrize("type_url", TYPES)
def test_proxies_of_one_class_share_one_answer(type_url: TypeUrl) -> None:
    snapshot = mesh_of(MESH)
    assert ask(snapshot, proxy(snapshot, 1), type_url) is ask(snapshot, proxy(snapshot, 2), type_url)


def test_a_moved_endpoint_changes_endpoints_alone() -> None:
    before = mesh_of(MESH)
    after, change = edit(before, ELSEWHERE)
    who = proxy(before)
    assert not change.full
    changed = {each for each in TYPES if ask(before, who, each).version != ask(after, who, each).version}
    assert changed == {ENDPOINT}


def test_the_first_answer_to_a_ztunnel_comes_in_pieces_that_others_share() -> None:
    pods = "---".join(POD.format(number=number) for number in range(200))
    snapshot = snapshot_of(pods, environment={"PILOT_ENABLE_AMBIENT": "true"})
    moment, who = pipeline.Moment(snapshot), [proxy(snapshot, number) for number in (1, 2)]
    pieces = len(list(moment.steps(who[0], ADDRESS, None) or ()))
    assert pieces > 200 / 64
    assert moment.steps(who[0], ADDRESS, None) is None, "it is known"
    assert list(moment.steps(who[1], ADDRESS, None) or ()) == []
    found = moment.resources_for(who[0], ADDRESS, None)
    assert found is moment.resources_for(who[1], ADDRESS, None)
    assert found is not None
    assert len(found) == 200


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: app}}
spec: {{nodeName: n1, containers: [{{name: web, image: x}}]}}
status: {{phase: Running, podIP: 10.2.0.{number}}}
"""
