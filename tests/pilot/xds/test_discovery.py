from datetime import UTC, datetime

import pytest

from pilot.type_urls import CLUSTER
from pilot.xds.discovery import Discovery, WatchRow, nobody
from tests.pilot.xds.worlds import World


def test_world_of_the_tests_is_a_port() -> None:
    port: Discovery = World()
    assert port.resources_for("web", CLUSTER, None) is not None


async def test_plaintext_port_proves_nobody() -> None:
    assert await nobody(None) is None  # type: ignore[func-returns-value]  # that it is None is the point


@pytest.mark.parametrize(
    ("sent", "acked", "error", "synced"),
    [("", "", "", False), ("2", "1", "", False), ("2", "2", "", True), ("2", "2", "no", False)],
)
def test_watch_is_synced_if_the_last_response_was_accepted(sent: str, acked: str, error: str, synced: bool) -> None:
    row = WatchRow(CLUSTER, frozenset(), True, "v", sent, datetime.now(UTC), "v", acked, error)
    assert row.is_synced is synced
