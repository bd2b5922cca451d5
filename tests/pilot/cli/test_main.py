import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pilot.cli.main import COMMANDS, main

HEAVY = ("grpc", "google.protobuf", "aiohttp", "cryptography", "yaml", "rich")

SAY_IMPORTS = """
import json, sys
from pilot.cli.main import main
main(["--help"], standalone_mode=False)
print(json.dumps(list(sys.modules)))
"""


def test_help_lists_every_command_with_its_summary() -> None:
    said = CliRunner().invoke(main, ["--help"]).output
    for word, entry in COMMANDS.items():
        assert word in said
        assert entry.summary[:40] in said


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_is_where_the_table_says(word: str) -> None:
    found = main.get_command(click.Context(main), word)
    assert isinstance(found, click.Command)
    assert CliRunner().invoke(main, [word, "--help"]).exit_code == 0


def test_a_word_that_is_no_command_is_named() -> None:
    result = CliRunner().invoke(main, ["prxy"])
    assert result.exit_code == 2
    assert "prxy" in result.output


def test_the_version_is_printed_without_importing_anything_heavy() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output.startswith("meshpilot, version ")) == (0, True)


def test_help_answers_at_once() -> None:
    """What makes a start slow is imports: nothing heavy is among them."""
    run = subprocess.run([sys.executable, "-c", SAY_IMPORTS], capture_output=True, check=True, text=True)
    imported = json.loads(run.stdout.splitlines()[-1])
    assert [each for each in HEAVY if each in imported] == []
