"""The user's guide: commands that it names exist, and its pages of commands and settings are what the programs say."""

import importlib.util
import re
from types import ModuleType

import click
import pytest

from pilot.cli import discovery, environment_help, main
from tests.shared import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
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
