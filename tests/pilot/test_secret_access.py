"""An API server is asked who may list Secrets, once for a while, and its answer reaches the model."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from ca.errors import KubernetesError
from pilot.kube_client import connect
from pilot.model.access_control import may_list_secrets
from pilot.model.object_store import ObjectStore, apply_events
from pilot.model.objects import Event
from pilot.secret_access import ALLOWED_FOR, DENIED_FOR, FAILED_FOR, SecretAccess
from tests.kubernetes.api_server import ApiServer
from tests.pilot.agent.eventually import eventually

WEB, APP = "spiffe://cluster.local/ns/shop/sa/web", "spiffe://cluster.local/ns/shop/sa/app"


@dataclass
class Reviews:
    """An API server that allows some users."""

    allowed: set[str]
    is_down: bool = False
    asked: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        self.asked.append(body["spec"]["user"])
        if self.is_down:
            raise KubernetesError("connection refused")
        return {"status": {"allowed": body["spec"]["user"] in self.allowed}}


@dataclass
class Scene:
    """Answers, as the model has them, under a clock of ours."""

    access: SecretAccess
    store: ObjectStore
    clock: list[float]
    changes: int = 0

    def take(self, events: tuple[Event, ...]) -> None:
        self.store, replaced = apply_events(self.store, events)
        self.changes += bool(replaced)

    def may(self, account: str) -> bool:
        return may_list_secrets(self.store, "shop", account)

    def later(self, seconds: float) -> None:
        """Time passes, and whoever waits for that is woken."""
        self.clock[0] += seconds
        self.access._wanted.set()


@contextlib.asynccontextmanager
async def asking(api: Any) -> AsyncIterator[Scene]:
    clock = [0.0]
    scene = Scene(SecretAccess(api, lambda: clock[0]), ObjectStore(), clock)
    task = asyncio.create_task(scene.access.serve(scene.take))
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_yes_and_no_are_what_the_model_knows() -> None:
    api = Reviews({"system:serviceaccount:shop:web"})
    async with asking(api) as scene:
        assert not scene.access.is_known(WEB)
        assert not scene.access.is_known(APP)
        await eventually(lambda: scene.access.is_known(WEB) and scene.access.is_known(APP))
        assert (scene.may("web"), scene.may("app")) == (True, False)
        assert sorted(api.asked) == ["system:serviceaccount:shop:app", "system:serviceaccount:shop:web"]
        assert scene.changes == 3  # nobody may anything; and each answer


async def test_nobody_may_anything_before_the_first_answer() -> None:
    async with asking(Reviews(set())) as scene:
        await eventually(lambda: scene.changes == 1)
        assert not scene.may("web")


async def test_what_is_no_account_needs_no_answer() -> None:
    async with asking(Reviews(set())) as scene:
        assert scene.access.is_known("spiffe://cluster.local/other")


async def test_answer_is_asked_for_again_after_its_time_where_it_is_used() -> None:
    api = Reviews({"system:serviceaccount:shop:web"})
    async with asking(api) as scene:
        await eventually(lambda: scene.access.is_known(WEB))
        api.allowed.clear()
        scene.later(ALLOWED_FOR - 1)
        await eventually(lambda: not scene.access._wanted.is_set())
        assert len(api.asked) == 1
        scene.later(2)
        await eventually(lambda: not scene.may("web"))
        api.allowed.add("system:serviceaccount:shop:web")
        assert scene.access.is_known(WEB)
        scene.later(DENIED_FOR + 1)
        await eventually(lambda: scene.may("web"))


async def test_answer_that_nobody_uses_is_forgotten_and_is_news_again_later() -> None:
    api = Reviews({"system:serviceaccount:shop:web"})
    async with asking(api) as scene:
        await eventually(lambda: scene.access.is_known(WEB))
        scene.later(ALLOWED_FOR + 1)
        await eventually(lambda: len(api.asked) == 2)
        scene.later(ALLOWED_FOR + 1)
        await eventually(lambda: not scene.may("web"))
        before = scene.changes
        assert not scene.access.is_known(WEB)
        await eventually(lambda: scene.may("web"))
        assert scene.changes == before + 1


async def test_server_that_does_not_answer_changes_nothing_and_is_asked_again() -> None:
    api = Reviews({"system:serviceaccount:shop:web"}, is_down=True)
    async with asking(api) as scene:
        assert not scene.access.is_known(WEB)
        await eventually(lambda: api.asked)
        assert not scene.access.is_known(WEB)
        api.is_down = False
        scene.later(FAILED_FOR + 1)
        await eventually(lambda: scene.access.is_known(WEB))


async def test_real_server_answers_by_its_roles(api_server: ApiServer) -> None:
    namespace = await api_server.namespace()
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}
    await api_server.call("POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    binding = {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": reference}
    await api_server.call("POST", f"{rbac}/rolebindings", binding)
    client = await connect(api_server.kubeconfig)
    async with asking(client) as scene:
        ids = [f"spiffe://cluster.local/ns/{namespace}/sa/{name}" for name in ("web", "app")]
        await eventually(lambda: all(map(scene.access.is_known, ids)))
        assert [may_list_secrets(scene.store, namespace, name) for name in ("web", "app")] == [True, False]
    await client.close()
