"""A proxy is as well as its worst type."""

from dataclasses import replace
from typing import Any

import pytest

from pilot.debug.dashboard.gathering import proxy_row
from pilot.debug.dashboard.rows import Sync
from tests.pilot.debug.dashboard import scenes


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, Sync.SYNCED),
        ({"error": "no"}, Sync.REFUSED),
        ({"acked_nonce": "n0"}, Sync.WAITING),
        ({"sent_nonce": "", "acked_nonce": ""}, Sync.SYNCED),
    ],
)
def test_state_is_that_of_the_worst_type(changes: dict[str, Any], state: Sync) -> None:
    row = proxy_row(scenes.connection(scenes.mesh(), **changes))
    assert row.state is state


def test_nothing_was_sent_to_who_watches_nothing() -> None:
    row = proxy_row(scenes.connection(scenes.mesh()))
    assert replace(row, types=()).state is Sync.NOT_SENT
