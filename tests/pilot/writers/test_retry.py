"""Work that is tried again."""

import logging

import pytest

from ca.errors import KubernetesError
from pilot.writers import retry
from pilot.writers.retry import Retries
from tests.pilot.agent.eventually import eventually


async def test_a_failure_costs_others_nothing_and_is_due_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.01)
    done: list[str] = []
    failures = ["bad"]

    async def write(key: str) -> None:
        if key in failures:
            failures.remove(key)
            raise KubernetesError("no", 500)
        done.append(key)

    retries = Retries(write, logging.getLogger("test"))
    await retries.run(["good", "bad"])
    assert done == ["good"]
    await eventually(lambda: retries.is_due)
    await retries.run([])
    assert done == ["good", "bad"]
    assert not retries.is_due
