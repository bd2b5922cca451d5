"""Which statuses are written."""

import asyncio
from typing import cast

import pytest

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient
from pilot.model.features import Features
from pilot.model.objects import Event, ObjectKey
from pilot.model.snapshot import Snapshot
from pilot.writers import following, statuses
from pilot.writers.statuses import GATEWAY_LOCK, OTHERS_LOCK, Statuses, StatusWriter, lock_of
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.meshes import objects
from tests.pilot.writers.recorder import Recorder

CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
CLASS = (
    "kind: GatewayClass\nmetadata: {name: istio, generation: 1}\nspec: {controllerName: istio.io/gateway-controller}"
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)
    monkeypatch.setattr(statuses, "PAUSE", 0.001)


def mesh(text: str) -> Snapshot:
    return Snapshot.empty(features=Features(shares_cluster=True)).apply(
        Event(each.key, each) for each in objects(text)
    )[0]


async def test_only_differences_are_written_once_and_strangers_conditions_are_not_ours() -> None:
    api, snapshots = Recorder(CLASSES), [mesh(CLASS)]
    foreign = {"type": "SupportedVersion", "status": "True"}
    api.put(CLASSES, "istio", kind="GatewayClass", status={"conditions": [foreign]})
    found = Statuses(lambda: snapshots[-1])
    task = asyncio.create_task(StatusWriter(cast(KubeClient, api), found, GATEWAY_LOCK).serve())
    try:
        await eventually(lambda: api.calls)
        ((method, path, body),) = api.calls
        assert (method, path) == ("PATCH", f"{CLASSES}/istio/status?fieldManager=meshpilot&force=true")
        (condition,) = body["status"]["conditions"]
        assert (condition["type"], condition["status"], condition["observedGeneration"]) == ("Accepted", "True", 1)
        snapshots.append(mesh(CLASS + "\n---\nkind: Namespace\nmetadata: {name: other}"))
        await asyncio.sleep(0.05)
        assert len(api.calls) == 1
        snapshots.append(mesh(CLASS.replace("generation: 1", "generation: 2")))
        await eventually(lambda: len(api.calls) == 2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_kind_that_our_role_does_not_name_is_asked_for_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    api, snapshots = Recorder(CLASSES), [mesh(CLASS)]
    api.put(CLASSES, "istio", kind="GatewayClass")
    api.failing, api.words = (1, 403), 'User "x" cannot patch resource "gatewayclasses/status"'
    writer = StatusWriter(cast(KubeClient, api), Statuses(lambda: snapshots[-1]), GATEWAY_LOCK)
    task = asyncio.create_task(writer.serve())
    try:
        await eventually(lambda: api.failing[0] == 0)
        snapshots.append(mesh(CLASS.replace("generation: 1", "generation: 2")))
        await asyncio.sleep(0.05)
        assert not api.calls
        monkeypatch.setattr(statuses, "ASK_AGAIN", 0.0)
        writer.give_up("GatewayClass", KubernetesError("still"))  # and the time is over at once
        await eventually(lambda: api.calls)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_others_guard_is_not_written() -> None:
    api, snapshot = Recorder(CLASSES), mesh(CLASS)
    others = StatusWriter(cast(KubeClient, api), Statuses(lambda: snapshot), OTHERS_LOCK)
    task = asyncio.create_task(others.serve())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not api.calls


def test_gateways_of_another_revision_are_not_spoken_of() -> None:
    text = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: NAME, namespace: a, labels: {istio.io/rev: REVISION}}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
    named = (("ours", "default"), ("theirs", "canary"))
    made = mesh("\n---\n".join(text.replace("NAME", name).replace("REVISION", rev) for name, rev in named))
    found = Statuses(lambda: made).found()
    assert {key.name for key in found if key.kind == "KubernetesGateway"} == {"ours"}


def test_each_kind_has_its_lock() -> None:
    kinds = {"HTTPRoute": "istio-gateway-status-leader", "Ingress": "istio-leader", "Sidecar": "istio-status-leader"}
    assert {kind: lock_of(ObjectKey(kind, "a", "b")) for kind in kinds} == kinds
