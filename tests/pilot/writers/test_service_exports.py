"""ServiceExports are made for Services that are not for their own cluster only."""

import asyncio

from pilot.kube_client import KubeClient
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.writers.service_exports import EXPORTS, ServiceExports, select_missing
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.meshes import objects
from tests.pilot.writers.recorder import Recorder

TEXT = """
kind: Service
metadata: {name: web, namespace: a, uid: u1}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}
---
kind: Service
metadata: {name: dns, namespace: kube-system}
spec: {clusterIP: 10.0.0.2, ports: [{port: 53}]}
---
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.0.0.3, ports: [{port: 443}]}
"""
DONE = "---\nkind: ServiceExport\napiVersion: multicluster.x-k8s.io/v1alpha1\nmetadata: {name: web, namespace: a}\n"


def mesh(text: str) -> Snapshot:
    return Snapshot.empty().apply(Event(each.key, each) for each in objects(text))[0]


def test_all_but_those_of_one_cluster_and_those_that_have_one() -> None:
    assert select_missing(mesh(TEXT)) == {("a", "web")}
    assert not select_missing(mesh(TEXT + DONE))


async def test_the_service_owns_its_export_and_a_refusal_is_no_reason_to_stop() -> None:
    api, current = Recorder(), [mesh(TEXT)]
    api.failing = (1, 500)
    client: KubeClient = api  # type: ignore[assignment]
    serving = asyncio.create_task(ServiceExports(client, lambda: current[0]).serve())
    try:
        await eventually(lambda: api.calls)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    ((method, path, body),) = api.calls
    assert (method, path) == ("POST", EXPORTS.format("a"))
    owner = {"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "u1"}
    assert body["metadata"] == {"name": "web", "ownerReferences": [owner]}
