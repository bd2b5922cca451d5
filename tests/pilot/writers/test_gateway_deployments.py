"""Which Gateways are deployed, and what is left alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from pilot.kube_client import KubeClient
from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.writers import following
from pilot.writers.gateway_deployments import COLLECTIONS, DEFAULTS_LABEL, GATEWAYS, GatewayDeployments
from tests.pilot.agent.eventually import eventually
from tests.pilot.model.meshes import objects
from tests.pilot.writers.recorder import Recorder
from webhook.injection import built_in
from webhook.injection.inject import Installation
from webhook.injection.mesh import Mesh

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: demo}
spec: {gatewayClassName: CLASS, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)


class Api(Recorder):
    """Answers what is asked at the start. `defaults`: ConfigMaps with parameters for a class."""

    defaults: tuple[dict[str, Any], ...] = ()

    async def call(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        if path == "/version":
            return {"major": "1", "minor": "31+"}
        if method == "GET" and "?" in path:
            return {"items": self.defaults if "/configmaps" in path else []}
        return await super().call(method, path, body, content_type)


def api(class_: str, **annotations: str) -> Api:
    made = Api(GATEWAYS, *(each.format("") for each in COLLECTIONS.values()))
    listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
    spec = {"gatewayClassName": class_, "listeners": listeners}
    named = {key.replace("_", "/"): value for key, value in annotations.items()}
    made.put(GATEWAYS, "edge", "demo", spec=spec, metadata={"annotations": named})
    return made


@contextlib.asynccontextmanager
async def deploying(made: Api, class_: str, text: str = GATEWAY) -> AsyncIterator[None]:
    declared = objects(text.replace("CLASS", class_))
    snapshot = Snapshot.empty().apply(Event(each.key, each) for each in declared)[0]
    installation = Installation(built_in.config(), built_in.values(), Mesh())
    task = asyncio.create_task(
        GatewayDeployments(cast(KubeClient, made), lambda: snapshot, lambda: installation).serve()
    )
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_gateway_of_our_class_is_deployed_by_server_side_apply() -> None:
    made = api("istio")
    async with deploying(made, "istio"):
        await eventually(lambda: len(made.calls) == 3)
    assert {path for _, path, _ in made.calls} == {
        COLLECTIONS[kind].format("/namespaces/demo")
        + "/edge-istio?fieldManager=istio.io%2Fgateway-controller&force=true"
        for kind in ("ServiceAccount", "Deployment", "Service")
    }


async def test_other_defaults_of_a_class_reach_all_its_gateways_whoever_sees_them_first() -> None:
    made = api("istio")
    spec = made.objects[GATEWAYS]["demo", "edge"]["spec"]
    made.put(GATEWAYS, "other", "demo", spec=spec)
    async with deploying(made, "istio", f"{GATEWAY}---{GATEWAY.replace('edge', 'other')}"):
        await eventually(lambda: len(made.calls) == 6)
        named = {"name": "defaults", "labels": {DEFAULTS_LABEL: "istio"}}
        made.defaults = ({"metadata": named, "data": {"deployment": "spec: {replicas: 3}"}},)
        made.put(GATEWAYS, "edge", "demo", spec=spec, metadata={"annotations": {"changed": "yes"}})
        await eventually(lambda: {"edge-istio", "other-istio"} <= _with_three_replicas(made))


def _with_three_replicas(made: Api) -> set[str]:
    return {body["metadata"]["name"] for *_, body in made.calls if (body.get("spec") or {}).get("replicas") == 3}


async def test_what_is_there_without_our_mark_is_not_touched() -> None:
    made = api("istio")
    made.put("/api/v1/services", "edge-istio", "demo")
    async with deploying(made, "istio"):
        await eventually(lambda: len(made.calls) == 2)
        await asyncio.sleep(0.02)
    assert not any("/services/" in path for _, path, _ in made.calls)


async def test_a_class_of_somebody_else_and_a_newer_controller_are_left_alone() -> None:
    stranger = api("somebody")
    newer = api("istio", **{"gateway.istio.io_controller-version": "6"})
    async with deploying(stranger, "somebody"), deploying(newer, "istio"):
        await eventually(lambda: any("watch=1" in each for each in newer.asked))
        await asyncio.sleep(0.05)
    assert not stranger.calls
    assert not newer.calls
