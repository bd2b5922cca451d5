"""The plain HTTP ports answer what kubelets and tools ask."""

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter

from pilot.debug.web import http_application, monitoring_application


async def test_ready_says_what_is_missing_until_nothing_is() -> None:
    missing = ["discovery"]
    async with TestClient(TestServer(http_application(lambda: missing))) as client:
        answer = await client.get("/ready")
        assert (answer.status, await answer.text()) == (503, "not ready: discovery\n")
        missing.clear()
        answer = await client.get("/ready")
        assert (answer.status, await answer.read()) == (200, b"")


async def test_metrics_are_prometheus_text() -> None:
    registry = CollectorRegistry()
    Counter("pilot_things", "Things.", registry=registry).inc()
    async with TestClient(TestServer(monitoring_application(registry))) as client:
        text = await (await client.get("/metrics")).text()
        assert "pilot_things_total 1.0" in text


async def test_version_is_the_line_istioctl_parses() -> None:
    async with TestClient(TestServer(monitoring_application(CollectorRegistry()))) as client:
        text = await (await client.get("/version")).text()
        assert text.split("-")[0] == "1.29.1"
        assert text.count("-") == 2
