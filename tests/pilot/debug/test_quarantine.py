"""The page of the quarantine."""

import json

from pilot.debug import quarantine
from pilot.debug.console import Console, Question
from pilot.xds.quarantine import Quarantine


async def test_an_empty_quarantine_is_shown_as_such() -> None:
    console = Console()
    console.add(quarantine.entry(Quarantine()))
    answer = await console.answer("quarantine", Question())
    assert json.loads(answer.body) == {"quarantined": [], "searching": []}
