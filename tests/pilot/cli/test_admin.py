"""`meshpilot admin log`."""

import json
import logging
from collections.abc import Iterator

import pytest

from pilot import logs
from tests.pilot.cli.answering import answering, log_levels, run


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """What a test changes is changed back."""
    before = {name: logging.getLogger(None if name == "default" else name).level for name in logs.SCOPES}
    yield
    for name, level in before.items():
        logging.getLogger(None if name == "default" else name).setLevel(level)
        logs.change_scope(name, stack_trace="none", callers=False)


async def test_levels_are_shown_and_changed() -> None:
    async with answering(log_levels()) as address:
        found = await run(
            "admin", "log", "--address", address, "--level", "ads:debug,ca:none", "--stack-trace-level", "ads:error"
        )
        assert found.exit_code == 0, found.output
        assert found.output.splitlines()[0].split() == [
            "ACTIVE",
            "SCOPE",
            "DESCRIPTION",
            "LOG",
            "LEVEL",
            "STACK",
            "TRACE",
            "LEVEL",
        ]
        (ads,) = json.loads((await run("admin", "log", "ads", "--address", address, "-o", "json")).output)
        assert (ads["output_level"], ads["stack_trace_level"]) == ("debug", "error")
        (ca,) = json.loads((await run("admin", "log", "ca", "--address", address, "-o", "json")).output)
        assert ca["output_level"] == "none"
        assert (await run("admin", "log", "--address", address, "--reset")).exit_code == 0
        (ads,) = json.loads((await run("admin", "log", "ads", "--address", address, "-o", "json")).output)
        assert (ads["output_level"], ads["stack_trace_level"]) == ("info", "none")


async def test_what_is_not_there_is_told() -> None:
    async with answering(log_levels()) as address:
        for arguments in (("nothing",), ("--level", "nothing:debug")):
            found = await run("admin", "log", *arguments, "--address", address)
            assert (found.exit_code, "scope nothing: expected one of ads" in found.output) == (1, True)
        assert (await run("admin", "log", "--level", "loud", "--address", address)).exit_code == 2
