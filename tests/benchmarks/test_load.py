"""The load harness on a mesh so small that it is over in seconds: every step runs and measures something."""

import click
import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks.load import STEPS, Plan, loopback_only, run_once
from benchmarks.report import Report


def measured(plan: Plan) -> Report:
    with Progress(console=Console(quiet=True)) as bars:
        return run_once(plan, bars)


def test_a_run_measures_every_step() -> None:
    found = measured(Plan(services=10, proxies=6, classes=5, churn=5, limit=30.0))

    steps = [each.step for each in found.rows]
    assert steps == [
        *("connect, 5 classes", "connect", "route change", "endpoint flip", "endpoint churn, 5/s"),
        *("service added", "policy change", "reconnect storm"),
    ]
    assert len(steps) == len(STEPS) + 2
    by_step = {each.step: each for each in found.rows}
    for step in ("route change", "endpoint flip", "service added"):
        assert by_step[step].proxies == 6, step
        assert by_step[step].cpu_s > 0
        assert by_step[step].last_s < 10
    assert by_step["endpoint flip"].kb_per_proxy < by_step["connect"].kb_per_proxy / 5, "only what changed was sent"


def test_a_run_speaks_state_of_the_world() -> None:
    found = measured(Plan(services=10, proxies=6, classes=5, sotw=True, steps=("service added",), limit=30.0))

    assert (found.rows[-1].step, found.rows[-1].proxies) == ("service added", 6)


def test_idle_streams_are_reached_by_a_change_of_their_service() -> None:
    found = measured(Plan(services=5, proxies=4, classes=5, idle=True, steps=("endpoint flip",), limit=30.0))

    assert [each.step for each in found.rows][-1] == "endpoint flip"
    assert found.rows[-1].proxies == 4


@pytest.mark.parametrize("address", ["127.0.0.1:15010", "[::1]:15010", "localhost:15010"])
def test_loopback_may_be_loaded(address: str) -> None:
    assert loopback_only(address) == address


@pytest.mark.parametrize("address", ["10.0.0.1:15010", "192.0.2.7:1"])
def test_nothing_else_may_be_loaded(address: str) -> None:
    with pytest.raises(click.BadParameter, match="only loopback"):
        loopback_only(address)
