"""`meshpilot completion`."""

import asyncio

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from pilot.cli.main import main
from tests.pilot.cli.answering import answering


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    found = CliRunner().invoke(main, ["completion", shell])
    assert found.exit_code == 0
    assert "_MESHPILOT_COMPLETE" in found.output


@pytest.mark.parametrize("words", [("proxy-config", "clusters"), ("explain", "request"), ("why",), ("proxy-status",)])
async def test_names_of_connected_proxies_are_completed(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = BashComplete(main, {}, "meshpilot", "_MESHPILOT_COMPLETE")

    async def completed() -> list[str]:
        found = await asyncio.to_thread(shell.get_completions, list(words), "prod")
        return [each.value for each in found]

    async with answering() as address:
        monkeypatch.setenv("MESHPILOT_ADDRESS", address)
        assert await completed() == ["productpage-v1-a.default"]
    assert await completed() == []
