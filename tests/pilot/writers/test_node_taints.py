"""Which taints are taken off; tests/kubernetes/test_rights.py has it done on a real API server."""

import asyncio
from typing import Any, cast

import pytest

from pilot.kube_client import KubeClient
from pilot.writers import following, retry
from pilot.writers.node_taints import NODES, TAINT, NodeTaints
from tests.pilot.agent.eventually import eventually
from tests.pilot.writers.recorder import Recorder

PODS = "/api/v1/pods"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


def mesh(ready: str, **metadata: Any) -> Recorder:
    """A node with the taint and another one, and its agent."""
    api = Recorder(NODES, PODS)
    api.put(NODES, "node-1", spec={"taints": [{"key": TAINT}, {"key": "other"}]})
    labelled = {"labels": {"k8s-app": "istio-cni-node"}, **metadata}
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    api.put(PODS, "cni", "cni", spec={"nodeName": "node-1"}, status=status, metadata=labelled)
    return api


async def written(api: Recorder, *, count: int) -> list[Any]:
    """Bodies of patches, as soon as there are so many."""
    task = asyncio.create_task(NodeTaints(cast(KubeClient, api), "cni").serve())
    try:
        if count:
            await eventually(lambda: len(api.calls) >= count)
        else:
            await eventually(lambda: sum("watch=1" in each for each in api.asked) >= 2)
            await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return [body for _, _, body in api.calls]


async def test_only_our_taint_is_taken_off_and_of_the_version_that_was_seen() -> None:
    (body, *_) = await written(mesh("True"), count=1)
    assert body["spec"] == {"taints": [{"key": "other"}]}
    assert body["metadata"]["resourceVersion"]


async def test_a_node_whose_agent_is_not_ready_or_goes_keeps_it() -> None:
    assert await written(mesh("False"), count=0) == []
    leaving = mesh("True", deletionTimestamp="2026-01-01T00:00:00Z")
    assert await written(leaving, count=0) == []


async def test_a_refused_patch_is_tried_again() -> None:
    api = mesh("True")
    api.failing = (1, 409)
    assert await written(api, count=1)
