"""Verdicts of looks in a row, what settings may say, and a prober with a real port to look at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pilot.agent.errors import OptionError
from pilot.agent.probing import Health, Prober, Verdict, read_probe
from pilot.model.workload_group import HTTPHealthCheck, ReadinessProbe, TCPHealthCheck
from tests.pilot.agent.eventually import eventually

WELL, UNWELL = Health(True), Health(False, "closed")


def metadata(probe: object) -> dict[str, object]:
    return {"PROXY_CONFIG": {"readinessProbe": probe}}


def test_the_settings_of_the_proxy_say_what_to_ask() -> None:
    read = read_probe(metadata({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2}))
    assert read == ReadinessProbe(http_get=HTTPHealthCheck("/ready", 8080), period_seconds=2)
    assert read_probe({}) is None
    assert read_probe(metadata({"grpc": {"port": 9000}})) is not None


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"periodSeconds": 1}, "PROXY_CONFIG.readinessProbe: expected httpGet, tcpSocket or exec, got none"),
        ({"httpGet": {"path": "/"}}, r"PROXY_CONFIG.readinessProbe.httpGet.port"),
        ({"tcpSocket": {"port": 1}, "periodSeconds": -1}, "periodSeconds: expected a number of 0 or more, got -1"),
        ({"tcpSocket": {"port": "x"}}, "readinessProbe.tcpSocket.port"),
        ({"grpc": {"port": 0}}, "readinessProbe.grpc.port"),
    ],
)
def test_a_faulty_probe_is_refused_with_its_field(probe: object, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read_probe(metadata(probe))


def test_a_verdict_needs_looks_in_a_row() -> None:
    verdict = Verdict(ReadinessProbe(success_threshold=2))
    said = [
        verdict.note(each) for each in (WELL, UNWELL, WELL, WELL, WELL, UNWELL, UNWELL, WELL, UNWELL, UNWELL, UNWELL)
    ]
    assert [index for index, each in enumerate(said) if each] == [3, 4, 10]
    assert said[3] == WELL
    assert said[10] == UNWELL


def test_by_default_one_good_look_is_enough_and_three_bad_ones() -> None:
    verdict = Verdict(ReadinessProbe())
    assert verdict.note(WELL) == WELL
    assert [verdict.note(UNWELL) for _ in range(3)] == [None, None, UNWELL]


@asynccontextmanager
async def probing(port: int, reasons: list[str]) -> AsyncIterator[Prober]:
    async def why_not_ready() -> str | None:
        return reasons[-1] if reasons else None

    probe = ReadinessProbe(tcp_socket=TCPHealthCheck("127.0.0.1", port), failure_threshold=1, period_seconds=1)
    prober = Prober(probe, why_not_ready, "p")
    task: asyncio.Task[Any] = asyncio.create_task(prober.serve())
    try:
        yield prober
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_watchers_hear_of_each_change_until_the_proxy_leaves() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port, reasons = server.sockets[0].getsockname()[1], ["no listeners yet"]
    async with probing(port, reasons) as prober:
        with prober.watch() as changed:
            await changed.wait()
            assert prober.health == Health(False, "envoy: no listeners yet")
            reasons.clear()
            await eventually(lambda: prober.health == WELL)
            server.close()
            await server.wait_closed()
            await eventually(lambda: prober.health != WELL)
            assert prober.health is not None
            assert prober.health.reason.startswith(f"127.0.0.1:{port}: ")
            prober.leave()
            assert prober.health == Health(False, "draining")
