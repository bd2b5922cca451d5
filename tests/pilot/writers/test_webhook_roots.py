"""The root in webhook configurations."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from pilot.kube_client import KubeClient
from pilot.writers import following, retry
from pilot.writers.webhook_metrics import WebhookMetrics
from pilot.writers.webhook_roots import API, MUTATING, VALIDATING, WebhookRoots
from tests.pilot.agent.eventually import eventually
from tests.pilot.writers.recorder import Recorder
from webhook.configurations import Endpoint, build_injection, build_validation

ENCODED = base64.b64encode(b"PEM").decode()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "LOOK", 0.001)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)


@contextlib.asynccontextmanager
async def writing(
    api: Recorder, kind: str, root: str | None = "PEM", registry: CollectorRegistry | None = None
) -> AsyncIterator[None]:
    metrics = WebhookMetrics(registry or CollectorRegistry())
    hooks = WebhookRoots(cast(KubeClient, api), kind, "", "istio-system", lambda: root, metrics)
    task = asyncio.create_task(hooks.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_injection_entry_gets_the_root_in_one_update_of_the_version_that_is_known() -> None:
    api = Recorder(f"{API}/{MUTATING}")
    made = build_injection("default", Endpoint())
    made["webhooks"].append({"name": "stranger.example.com", "clientConfig": {}})
    api.put(f"{API}/{MUTATING}", "one", **made)
    async with writing(api, MUTATING):
        await eventually(lambda: api.calls)
    ((method, path, body),) = api.calls
    assert (method, path) == ("PUT", f"{API}/{MUTATING}/istio-sidecar-injector")
    assert body["metadata"]["resourceVersion"]
    assert [each["clientConfig"].get("caBundle") for each in body["webhooks"]] == [*[ENCODED] * 4, None]


async def test_writes_are_counted_also_those_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    registry, api = CollectorRegistry(), Recorder(f"{API}/{MUTATING}")
    api.put(f"{API}/{MUTATING}", "one", **build_injection("default", Endpoint()))
    api.failing = (1, 409)
    name = {"name": "istio-sidecar-injector"}
    async with writing(api, MUTATING, registry=registry):
        await eventually(lambda: registry.get_sample_value("webhook_patch_retries_total", name))
    value = registry.get_sample_value
    assert value("webhook_patch_attempts_total", name) == 2
    assert value("webhook_patch_failures_total", name | {"reason": "webhook_update_failure"}) == 1
    assert value("galley_validation_config_updates") is None


async def test_writes_for_validation_have_names_of_their_own() -> None:
    registry, api = CollectorRegistry(), Recorder(f"{API}/{VALIDATING}")
    api.put(f"{API}/{VALIDATING}", "one", **build_validation("default", Endpoint()))
    api.failing = (1, 409)
    async with writing(api, VALIDATING, registry=registry):
        await eventually(lambda: registry.get_sample_value("galley_validation_config_updates"))
    value = registry.get_sample_value
    assert value("galley_validation_config_update_error", {"reason": "Conflict"}) == 1
    assert value("webhook_patch_attempts_total", {"name": "istio-validator-istio-system"}) is None


async def test_one_that_has_the_root_is_left_alone() -> None:
    api = Recorder(f"{API}/{MUTATING}")
    api.put(f"{API}/{MUTATING}", "one", **build_injection("default", Endpoint(ca_bundle=ENCODED)))
    async with writing(api, MUTATING):
        await eventually(lambda: any("watch=1" in each for each in api.asked))
        await asyncio.sleep(0.02)
    assert not api.calls


async def test_validation_stays_optional_until_an_object_was_refused() -> None:
    api = Recorder(f"{API}/{VALIDATING}")
    api.put(f"{API}/{VALIDATING}", "one", **build_validation("default", Endpoint(ca_bundle=ENCODED)))
    async with writing(api, VALIDATING):
        await eventually(lambda: sum("dryRun=All" in path for _, path, _ in api.calls) > 1)
        assert not [each for each in api.calls if each[0] == "PUT"]
        api.failing = (1, 404)  # the trial: there is no such kind
        await eventually(lambda: [each for each in api.calls if each[0] == "PUT"])
    (update,) = (body for method, _, body in api.calls if method == "PUT")
    assert [each["failurePolicy"] for each in update["webhooks"]] == ["Fail"]
