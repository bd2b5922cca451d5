import aiohttp
import pytest

from pilot.agent.admin import AdminClient
from pilot.agent.application_metrics import ApplicationMetrics
from pilot.agent.errors import OptionError
from pilot.agent.options import Address
from pilot.agent.status import StatusServer
from tests.pilot.agent.small_admin import SmallAdmin

ANY = Address("127.0.0.1", 0)


async def ask(address: Address, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(f"http://{address}") as session, session.get(path) as response:
        return response.status, await response.text()


async def answers(
    reason: str | None, path: str, admin: AdminClient | None = None, application: ApplicationMetrics | None = None
) -> tuple[int, str]:
    async def why_not_ready() -> str | None:
        return reason

    server = StatusServer(ANY, why_not_ready, lambda: admin, application)
    address = await server.start()
    try:
        return await ask(address, path)
    finally:
        await server.stop()


async def test_a_proxy_that_is_ready_says_so() -> None:
    assert await answers(None, "/healthz/ready") == (200, "ready\n")


async def test_a_proxy_that_is_not_says_why() -> None:
    assert await answers("no certificate yet", "/healthz/ready") == (503, "no certificate yet\n")


async def test_an_agent_that_waits_is_alive() -> None:
    assert await answers("no certificate yet", "/healthz/live") == (200, "live\n")


async def test_metrics_are_envoys() -> None:
    async with SmallAdmin() as envoy, AdminClient(envoy.address) as admin:
        envoy.texts["/stats/prometheus"] = "envoy_up 1\n"
        assert await answers(None, "/stats/prometheus", admin) == (200, "envoy_up 1\n")


async def test_metrics_of_the_application_follow() -> None:
    async with SmallAdmin() as envoy, SmallAdmin() as other, AdminClient(envoy.address) as admin:
        envoy.texts["/stats/prometheus"] = "envoy_up 1\n"
        other.texts["/metrics"] = "app_up 1\n"
        application = ApplicationMetrics(f"http://{other.address}/metrics")
        _, text = await answers(None, "/stats/prometheus", admin, application)
        assert text.startswith("envoy_up 1\napp_up 1\n")


async def test_metrics_of_an_envoy_that_does_not_answer_are_an_error() -> None:
    assert (await answers(None, "/stats/prometheus"))[0] == 503
    async with AdminClient(Address("127.0.0.1", 1)) as admin:
        assert (await answers(None, "/stats/prometheus", admin))[0] == 502


async def test_a_port_that_is_taken_is_named() -> None:
    async def ready() -> None:
        return None

    first = StatusServer(ANY, ready, lambda: None)
    taken = await first.start()
    second = StatusServer(taken, ready, lambda: None)
    try:
        with pytest.raises(OptionError, match=f"status address {taken}: "):
            await second.start()
    finally:
        await second.stop()
        await first.stop()
