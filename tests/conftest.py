"""What holds for every test: a skip is for a stranger's machine, never for CI; live tests are marked by their place."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.envoys import newest_envoy, oldest_envoy
from tests.go_programs import BUILD_SECONDS
from tests.kubernetes.api_server import ApiServer, running_api_server
from tests.shared import REAL_THINGS, in_ci

LIVE = Path(__file__).parent / "live"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is below tests/live/ has the mark `live`, what asks for an API server `kubernetes`: nobody can forget it."""
    for item in items:
        if "api_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kubernetes)
            # The first of them may have to build the API server.
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS + 120))
        if LIVE in item.path.parents:
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skipped test that needs the real thing is a failed test; root is for a machine to give."""
    report = yield
    real = [name for name in REAL_THINGS if item.get_closest_marker(name)]
    if item.get_closest_marker("root") and os.geteuid() != 0:
        real = []
    if report.skipped and not hasattr(report, "wasxfail") and real and in_ci():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: with CI=true a {real[0]} test must not be skipped: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """With CI=true a module that skips itself (no marks can be read then) is an error."""
    report = yield
    if report.skipped and in_ci():
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: with CI=true a module must not be skipped: {_reason(report)}"
    return report


@pytest.fixture(params=[newest_envoy, oldest_envoy], ids=["newest", "oldest"])
def any_envoy(request: pytest.FixtureRequest) -> Path:
    """The binary of a real Envoy: the test runs with the newest and with the oldest that is supported."""
    found: Path = request.param()
    return found


@pytest.fixture(scope="session")
def api_server() -> Iterator[ApiServer]:
    """A real Kubernetes API server for the whole run; a test that asks for it has the mark `kubernetes`."""
    with running_api_server() as server:
        yield server


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
