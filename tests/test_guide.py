"""The user's guide: commands that it names exist, and its pages of commands and settings are what the programs say."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from pilot.cli import discovery, environment_help, main
from tests.shared import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
CALL = r"(?<![\w/-])(?:\.venv/bin/)?(meshpilot|pilot-discovery) ([^#|;&)]*)"
PROGRAMS: dict[str, click.Group] = {"meshpilot": main.main, "pilot-discovery": discovery.main}


def reference() -> ModuleType:
    """docs/reference.py, which Sphinx imports by its name."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.name))
def test_every_command_that_is_named_exists(page: object) -> None:
    text = (ROOT / "docs" / str(page)).read_text()
    code = " ".join(re.findall(r"```.*?```|`[^`\n]+`|^    .*$", text, re.DOTALL | re.MULTILINE))
    for program, group in PROGRAMS.items():
        named = set(re.findall(rf"(?<![\w/:-]){program} ([a-z][a-z-]+)", code))
        known = set(group.list_commands(click.Context(group)))
        assert named <= known, sorted(named - known)


def options_of(words: list[str], program: str) -> tuple[set[str], list[str]]:
    """The options of the command that these words call, and those that are among the words."""
    command: click.Command = PROGRAMS[program]
    known = {"-h", "--help"}
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            default = command.get_command(click.Context(command), "request")  # `explain PROXY URL`
            known |= {name for each in (default.params if default else ()) for name in each.opts}
            break
        command, words = found, words[1:]
    known |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return known, [word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda path: str(path.name))
def test_every_option_that_is_named_exists(page: Path) -> None:
    for block, inline in re.findall(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", page.read_text(), re.DOTALL):
        for line in (block or inline).replace("\\\n", " ").splitlines():
            for program, rest in re.findall(
                r"(?<![\w/-])(?:\.venv/bin/)?(meshpilot|pilot-discovery) ([^#|;&)]*)", line
            ):
                known, named = options_of(rest.split(), program)
                assert set(named) <= known, line


def test_every_command_is_in_the_reference_with_all_its_options() -> None:
    text = reference().commands()
    for program, group in PROGRAMS.items():
        for word in group.list_commands(click.Context(group)):
            assert f"# {program} {word}\n" in text
    assert "#### meshpilot ca rotate\n" in text
    assert "--monitoringAddr" in text
    assert "Usage:" not in text


def test_every_variable_is_in_the_reference() -> None:
    text = reference().environment()
    assert "`MESHPILOT_STATE_DIR` (`~/.local/state/meshpilot`)\n: What must outlive a restart (--stateDir).\n" in text
    assert text.count("\n: ") == len(list(environment_help.rows()))
    assert "`PILOT_XDS_CACHE_SIZE`\n: There is no such cache" in reference().unsupported()
