"""What Envoys tell: access logs in JSON, traces and logs over OpenTelemetry, metrics for Prometheus."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pilot.agent.options import Address
from tests.live.collector import Collector, attributes, collecting
from tests.live.mesh import Mesh, playing
from tests.pilot.agent.eventually import eventually

pytestmark = pytest.mark.timeout(120)

PORT = 4317
MESH_CONFIG = """\
extensionProviders:
- name: json
  envoyFileAccessLog:
    path: {log}
    logFormat:
      labels: {{status: "%RESPONSE_CODE%", path: "%REQ(:PATH)%", agent: "%REQ(USER-AGENT)%", took: "%DURATION%"}}
- name: traces
  opentelemetry: {{service: collector.example, port: 4317}}
- name: logs
  envoyOtelAls:
    service: collector.example
    port: 4317
    logFormat: {{text: "%REQ(:METHOD)% %REQ(:PATH)%", labels: {{status: "%RESPONSE_CODE%"}}}}
"""
COLLECTOR = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: collector, namespace: istio-system}}
spec:
  hosts: [collector.example]
  ports: [{{number: 4317, name: grpc, protocol: GRPC}}]
  resolution: STATIC
  endpoints: [{{address: {address}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: gateway, namespace: istio-system}}
spec:
  selector: {{matchLabels: {{istio: gateway}}}}
  accessLogging:
  - providers: [{{name: json}}, {{name: logs}}]
  tracing:
  - providers: [{{name: traces}}]
    randomSamplingPercentage: 100
    customTags: {{colour: {{literal: {{value: blue}}}}, agent: {{header: {{name: user-agent}}}}}}
"""


async def ask(mesh: Mesh, path: str) -> int:
    headers = {"User-Agent": "curious"}
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(mesh.url + path, headers=headers) as found,
    ):
        return found.status


def logged(log: Path) -> list[dict[str, Any]]:
    """Lines of the access log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


async def test_logs_in_json_and_traces_and_logs_for_a_collector(tmp_path: Path, any_envoy: Path) -> None:
    log = tmp_path / "access.log"
    async with playing(tmp_path, any_envoy, MESH_CONFIG.format(log=log)) as mesh:
        address = mesh.network.address(200)
        async with collecting(f"{address}:{PORT}") as collector:
            mesh.write("telemetry.yaml", COLLECTOR.format(address=address))

            async def is_told() -> bool:
                await ask(mesh, "told?x=1")
                return bool(logged(log) and collector.spans and collector.records)

            await eventually(is_told, within=30)
            lines = [line for line in logged(log) if line["path"] == "/told?x=1"]
            assert lines[0]["status"] == 200
            assert lines[0]["agent"] == "curious"
            assert isinstance(lines[0]["took"], int)
            _check_spans(collector)
            bodies = {record.body.string_value for record in collector.records}
            assert "GET /told?x=1" in bodies
            assert {attributes(record.attributes)["status"] for record in collector.records} == {"200"}
            assert await mesh.rejected() == dict.fromkeys(mesh.agents, 0)


def _check_spans(collector: Collector) -> None:
    """A request has a span where it came in."""
    of, tags = next((of, tags) for of, span in collector.spans if "agent" in (tags := attributes(span.attributes)))
    assert of["service.name"] == "gateway.istio-system"
    assert (tags["colour"], tags["agent"], tags["http.status_code"]) == ("blue", "curious", "200")


@asynccontextmanager
async def application() -> AsyncIterator[str]:
    """A workload's own metrics."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="# TYPE shop_orders counter\nshop_orders 7\n")

    served = web.Application()
    served.router.add_get("/metrics", answer)
    async with TestServer(served) as server:
        yield str(server.make_url("/metrics"))


async def test_metrics_of_envoy_and_application_are_one_answer(tmp_path: Path, any_envoy: Path) -> None:
    async with application() as url:
        options: dict[str, Any] = {"status": Address("127.0.0.1", 0), "application_metrics": url}
        async with playing(tmp_path, any_envoy, **options) as mesh:
            assert await ask(mesh, "") == 200
            text = await metrics(mesh, "gateway")
            await eventually(partial(_counts, mesh))
    lines = text.splitlines()
    assert "shop_orders 7" in lines
    assert any(line.startswith("envoy_cluster_upstream_rq_completed{") for line in lines)
    assert "meshpilot_agent_scrape_failures 0" in lines


async def metrics(mesh: Mesh, name: str) -> str:
    """What Prometheus gets of a proxy."""
    url = f"http://{mesh.agents[name].status}/stats/prometheus"
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(url) as found:
        assert found.status == 200
        return await found.text()


async def _counts(mesh: Mesh) -> bool:
    """Whether a request of ours was counted by the gateway."""
    await ask(mesh, "")
    lines = (await metrics(mesh, "gateway")).splitlines()
    counted = 'envoy_cluster_upstream_rq_completed{cluster_name="outbound|9080||front.shop.svc.cluster.local"} '
    return any(line.startswith(counted) and not line.endswith(" 0") for line in lines)
