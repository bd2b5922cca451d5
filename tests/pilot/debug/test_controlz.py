"""ControlZ: log levels while running, and the process as it is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pilot import logs
from pilot.debug import controlz


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """What a test changes is changed back."""
    before = logging.getLogger("ads").level
    yield
    logging.getLogger("ads").setLevel(before)
    logs.change_scope("ads", stack_trace="none", callers=False)


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:  # type: ignore[type-arg]  # what serves it does not matter
    """Asks a ControlZ."""
    async with TestClient(TestServer(controlz.application(lambda: None))) as made:
        yield made


async def test_a_level_changes_at_run_time(client: TestClient) -> None:  # type: ignore[type-arg]
    wanted = {"name": "ads", "output_level": "debug", "stack_trace_level": "error", "log_callers": True}
    answer = await client.put("/scopej/ads", json=wanted)
    assert answer.status == 202
    told = await (await client.get("/scopej/ads")).json()
    assert {key: told[key] for key in wanted} == wanted
    assert logging.getLogger("ads").isEnabledFor(logging.DEBUG)


async def test_unknown_words_change_nothing_but_callers(client: TestClient) -> None:  # type: ignore[type-arg]
    await client.put("/scopej/ads", json={"output_level": "debug", "log_callers": True})
    assert (await client.put("/scopej/ads", json={"output_level": "loud"})).status == 202
    told = await (await client.get("/scopej/ads")).json()
    assert (told["output_level"], told["log_callers"]) == ("debug", False)


async def test_scopes_are_listed_with_what_they_tell(client: TestClient) -> None:  # type: ignore[type-arg]
    found = await (await client.get("/scopej/")).json()
    assert {"name", "description", "output_level", "stack_trace_level", "log_callers"} == set(found[0])
    assert {"default", "ads", "ca"} <= {each["name"] for each in found}


async def test_an_unknown_scope_is_a_bad_request(client: TestClient) -> None:  # type: ignore[type-arg]
    assert (await client.get("/scopej/none")).status == 400
    assert (await client.put("/scopej/none", json={})).status == 400
    assert (await client.put("/scopej/ads", data=b"{")).status == 400


@pytest.mark.parametrize(("topic", "key"), [("proc", "pid"), ("version", "version"), ("mem", "collections")])
async def test_the_process_as_it_is(client: TestClient, topic: str, key: str) -> None:  # type: ignore[type-arg]
    assert key in await (await client.get(f"/{topic}j/")).json()
    assert key in await (await client.get(f"/{topic}z/")).text()


async def test_secrets_of_the_environment_are_not_shown(
    client: TestClient,  # type: ignore[type-arg]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "private")
    monkeypatch.setenv("MY_NAME", "public")
    told = {each["name"]: each["value"] for each in await (await client.get("/envj/")).json()}
    assert (told["MY_TOKEN"], told["MY_NAME"]) == ("[redacted]", "public")


async def test_orders_to_the_process(client: TestClient) -> None:  # type: ignore[type-arg]
    assert (await client.put("/memj/forcecollection")).status == 202
    assert (await client.put("/signalj/SIGUSR1")).status == 202
    assert (await client.get("/signalj/SIGUSR1")).status == 405


async def test_the_process_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controlz, "_LINGER", 0.0)
    ended = asyncio.Event()
    async with TestClient(TestServer(controlz.application(ended.set))) as client:
        assert (await client.put("/homej/exit")).status == 202
        await asyncio.wait_for(ended.wait(), 5)


async def test_pages_for_browsers(client: TestClient) -> None:  # type: ignore[type-arg]
    assert "/scopez/" in await (await client.get("/")).text()
    assert "<td>ads</td>" in await (await client.get("/scopez/")).text()
    assert (await client.get("/nothingz/")).status == 404
