"""Samples of the server's own counters."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from pilot.debug.dashboard import history
from pilot.debug.dashboard.history import History, between, sample
from pilot.type_urls import CLUSTER, ENDPOINT
from pilot.xds.metrics import XdsMetrics
from tests.pilot.agent.eventually import eventually

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def metrics() -> XdsMetrics:
    made = XdsMetrics(CollectorRegistry())
    made.connected("1.29.1")
    made.sent(CLUSTER, 100, 0.1, 0.1)
    made.sent(ENDPOINT, 20, 0.1, 0.1)
    made.unsent(CLUSTER)
    made.rejected(CLUSTER, "web-1.default-1", 13)
    made.triggered(("config", "endpoint"), 0.1)
    return made


def test_sample_is_what_the_metrics_say() -> None:
    found = sample(metrics().collect(), NOW)
    assert dict(found.responses) == {"cds": 1, "eds": 1}
    assert (found.size, found.refused, found.pushes, found.proxies) == (120, 1, 2, 1)


def test_what_happened_between_two_samples() -> None:
    server = metrics()
    first = sample(server.collect(), NOW)
    server.sent(CLUSTER, 7, 0.1, 0.1)
    server.disconnected("1.29.1")
    later = between(first, sample(server.collect(), NOW + timedelta(seconds=5)))
    assert (dict(later.responses), later.size, later.refused, later.proxies) == ({"cds": 1}, 7, 0, 0)


def test_only_the_last_quarter_of_an_hour_is_kept() -> None:
    server = metrics()
    made = History(server.collect, lambda: NOW)
    for _ in range(history.KEPT + 5):
        made.take()
    assert len(made.samples()) == history.KEPT + 1


async def test_samples_are_taken_until_the_end() -> None:
    made = History(metrics().collect)
    task = asyncio.create_task(made.serve())

    async def has_one() -> bool:
        return len(made.samples()) == 2

    await eventually(has_one)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
