"""The webhooks over HTTP: every request has an answer, whatever is wrong with it."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from webhook import server
from webhook.injection.errors import InjectionError
from webhook.metrics import WebhookMetrics
from webhook.review import Review
from webhook.server import Decision, Injector, Judgement, Webhooks


def review(**request: object) -> dict[str, Any]:
    asked = {"uid": "u", "operation": "CREATE", "object": {"metadata": {}}} | request
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


def judge(asked: Review) -> Judgement:
    name = (asked.object or {}).get("metadata", {}).get("name")
    if name == "bug":
        raise KeyError("oh no")
    return Judgement(name != "bad", "it is bad" if name == "bad" else "", ("look",) if name == "odd" else (), "x")


def inject(asked: Review, path: str) -> Decision:
    name = (asked.object or {}).get("metadata", {}).get("name")
    if name == "bad":
        raise InjectionError("no template")
    return Decision(({"op": "add", "path": "/x", "value": path},) if name == "yes" else None)


@asynccontextmanager
async def serving(injector: Injector | None = inject) -> AsyncIterator[tuple[Any, CollectorRegistry]]:
    registry = CollectorRegistry()
    webhooks = Webhooks(WebhookMetrics(registry), judge, lambda: injector, lambda: ())
    client: Any = TestClient(TestServer(webhooks.application()))
    async with client:
        yield client, registry
    webhooks.close()


async def ask(client: Any, path: str, **request: object) -> dict[str, Any]:
    async with client.post(path, json=review(**request)) as response:
        assert response.status == 200
        answer = await response.json()
        assert answer["apiVersion"] == "admission.k8s.io/v1"
        found: dict[str, Any] = answer["response"]
        return found


def named(name: str) -> dict[str, object]:
    return {"metadata": {"name": name}}


async def test_objects_are_judged() -> None:
    async with serving() as (client, registry):
        assert await ask(client, "/validate", object=named("odd")) == {
            "uid": "u",
            "allowed": True,
            "warnings": ["look"],
        }
        refused = await ask(client, "/validate/more", object=named("bad"))
        assert (refused["allowed"], refused["status"]["message"]) == (False, "it is bad")
        assert (await ask(client, "/validate", object=None))["allowed"] is False
        assert (await ask(client, "/validate", operation="DELETE", object=None))["allowed"] is True
        unsupported = {"group": "", "version": "", "resource": "", "reason": "unsupported_operation"}
        assert registry.get_sample_value("galley_validation_failed", unsupported) == 1


async def test_pods_are_patched_left_or_refused() -> None:
    async with serving() as (client, registry):
        patched = await ask(client, "/inject/cluster/east", object=named("yes"))
        assert json.loads(base64.b64decode(patched["patch"]))[0]["value"] == "/inject/cluster/east"
        assert await ask(client, "/inject", object=named("no")) == {"uid": "u", "allowed": True}
        refused = await ask(client, "/inject", object=named("bad"))
        assert (refused["allowed"], refused["status"]["message"]) == (False, "no template")
        assert registry.get_sample_value("sidecar_injection_success_total") == 2
        assert registry.get_sample_value("sidecar_injection_failure_total") == 1
        assert registry.get_sample_value("sidecar_injection_skip_total") == 1


async def test_without_templates_there_is_nothing_to_inject() -> None:
    async with serving(None) as (client, _), client.post("/inject", json=review()) as response:
        assert response.status == 404


async def test_a_bug_is_answered_with_a_message() -> None:
    async with serving() as (client, _):
        answer = await ask(client, "/validate", object=named("bug"))
        assert answer["allowed"] is False
        assert "internal error" in answer["status"]["message"]
        assert "oh no" not in answer["status"]["message"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"x" * 101, "application/json", 413),
    ],
)
async def test_what_is_no_question_is_an_error_of_http(
    body: bytes, kind: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_BODY", 100)
    async with serving() as (client, registry):
        async with client.post("/validate", data=body, headers={"Content-Type": kind}) as response:
            assert response.status == status
        assert registry.get_sample_value("galley_validation_http_error", {"status": str(status)}) == 1


async def test_a_body_that_cannot_be_read_is_answered_all_the_same() -> None:
    async with serving() as (client, _):
        async with client.post("/inject", data=b"{", headers={"Content-Type": "application/json"}) as response:
            answer = await response.json()
        assert "apiVersion" not in answer
        assert answer["response"]["allowed"] is False


async def test_an_api_server_never_waits_longer_than_it_said() -> None:
    held = threading.Event()

    def slow(asked: Review, path: str) -> Decision:
        held.wait(20)
        return Decision()

    async with serving(slow) as (client, _):
        begin = asyncio.get_running_loop().time()
        async with client.post("/inject?timeout=1s", json=review()) as response:
            assert response.status == 503
        assert asyncio.get_running_loop().time() - begin < 1
        held.set()


async def test_too_many_reviews_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_WAITING", 1)
    held, entered = threading.Event(), threading.Event()

    def slow(asked: Review, path: str) -> Decision:
        entered.set()
        held.wait(20)
        return Decision()

    async with serving(slow) as (client, _):
        first = asyncio.create_task(ask(client, "/inject"))
        assert await asyncio.to_thread(entered.wait, 10)
        async with client.post("/validate", json=review()) as response:
            assert response.status == 503
        held.set()
        assert (await first)["allowed"] is True


async def test_readiness_is_told_here_too() -> None:
    async with serving() as (client, _), client.get("/ready") as response:
        assert response.status == 200
