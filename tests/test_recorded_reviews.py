"""Reviews posted to our webhooks are answered as a real istiod answered them: raw exchanges, and pods end to end.

Comes in: recorded requests. Goes out: the same decisions; words are our own, and where istiod hung up we answer.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from pilot.mesh import Mesh
from pilot.model.snapshot import Snapshot
from pilot.settings import Settings, Webhooks
from pilot.webhooks import WebhookSide
from tests.shared import shared_path

pytestmark = pytest.mark.shared

RAW = {
    path.stem: json.loads(path.read_text()) for path in sorted(shared_path("aux", "validate", "reviews").glob("*.json"))
}


@asynccontextmanager
async def webhooks(directory: Path) -> AsyncIterator[Any]:
    default = shared_path("aux", "inject", "_default")
    for name in ("config", "values"):
        (directory / name).write_text((default / f"{name}.yaml").read_text())
    settings = Settings(
        mesh_config=default / "mesh.yaml", webhooks=Webhooks(injection_directory=directory), config_dir=directory
    )
    side = WebhookSide(settings, Mesh(Snapshot.empty()), CollectorRegistry(), lambda: ())
    side.files.reload()
    client: Any = TestClient(TestServer(side.webhooks.application()))
    async with client:
        yield client
    side.webhooks.close()


def said(response: dict[str, Any]) -> dict[str, Any]:
    """What decides: everything but the words and the patch."""
    answer = response["response"]
    status, warnings = answer.get("status"), answer.get("warnings") or []
    return {
        "kind": response.get("kind"),
        "apiVersion": response.get("apiVersion"),
        "uid": answer["uid"],
        "allowed": answer["allowed"],
        "has a message": bool(status and status["message"]),
        "warnings": len(warnings),
        "patch": answer.get("patchType"),
    }


@pytest.mark.parametrize("name", RAW)
async def test_every_raw_exchange_is_answered_alike(name: str, tmp_path: Path) -> None:
    recorded = RAW[name]
    asked = recorded["request"]
    body = asked if isinstance(asked, str) else json.dumps(asked)
    async with (
        webhooks(tmp_path) as client,
        client.request(
            recorded["method"],
            recorded["path"],
            data=(body if asked is not None else "").encode(),
            headers={"Content-Type": recorded["contentType"]},
        ) as response,
    ):
        if recorded["status"] is None:  # istiod hung up
            assert (await response.json())["response"]["allowed"] is False
            return
        assert response.status == recorded["status"]
        if "response" in recorded:
            assert said(await response.json()) == said(recorded["response"])
        else:
            assert await response.text() == recorded["responseText"]


async def test_pods_are_decided_alike_over_http(tmp_path: Path) -> None:
    recordings = [json.loads(path.read_text()) for path in sorted(shared_path("aux", "inject").glob("review-*.json"))]
    own = [each for each in recordings if not str(each.get("config", "")).startswith("review-")]
    assert own
    async with webhooks(tmp_path) as client:
        for recorded in own:
            async with client.post(recorded["path"], json=recorded["request"]) as response:
                ours = await response.json()
            assert said(ours) == said(recorded["response"]), recorded["title"]
            if "patch" in ours["response"]:
                assert json.loads(base64.b64decode(ours["response"]["patch"]))
