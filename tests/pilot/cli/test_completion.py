"""`meshpilot completion`."""

import pytest
from click.testing import CliRunner

from pilot.cli.main import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    found = CliRunner().invoke(main, ["completion", shell])
    assert found.exit_code == 0
    assert "_MESHPILOT_COMPLETE" in found.output
