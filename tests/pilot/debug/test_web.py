"""The plain HTTP ports answer what kubelets and tools ask."""

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from prometheus_client import CollectorRegistry, Counter

from pilot.debug.web import http_application, is_local, monitoring_application


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


async def test_metrics_can_be_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot.debug.web.is_local", lambda _: False)
    for local_only, status in ((True, 403), (False, 200)):
        application = monitoring_application(CollectorRegistry(), local_only=local_only)
        async with TestClient(TestServer(application)) as client:
            assert (await client.get("/metrics")).status == status
            assert (await client.get("/version")).status == 200


class Connection:
    """A transport that knows its peer."""

    def __init__(self, peer: object) -> None:
        self._peer = peer

    def get_extra_info(self, name: str) -> object:
        return {"peername": self._peer}.get(name)


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 5), True),
        (("127.3.2.1", 5), True),
        (("::1", 5, 0, 0), True),
        (("::ffff:127.0.0.1", 5, 0, 0), True),
        (("10.0.0.1", 5), False),
        (("::ffff:10.0.0.1", 5, 0, 0), False),
        (("fe80::1%eth0", 5, 0, 2), False),
        (("nonsense", 5), False),
        (None, False),
    ],
)
def test_only_peers_on_this_machine_are_local_whatever_headers_say(peer: object, local: bool) -> None:
    headers = {"X-Forwarded-For": "127.0.0.1", "Host": "localhost"}
    assert is_local(make_mocked_request("GET", "/", headers=headers, transport=Connection(peer))) is local
