"""`meshpilot demo` before anything plays. The play itself is in tests/live/test_demo.py."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilot.cli.demo import EXAMPLE, demo


def run(directory: Path, *arguments: str) -> Result:
    return CliRunner().invoke(demo, list(arguments), env={"MESHPILOT_STATE_DIR": str(directory)})


def test_the_example_is_in_the_checkout() -> None:
    assert (EXAMPLE / "mesh" / "reviews.yaml").is_file()
    assert (EXAMPLE / "app" / "productpage.py").is_file()


@pytest.mark.parametrize("arguments", [(), ("--once",)])
def test_a_directory_without_an_example_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """On one line, and as it is: nothing in it is taken for a style."""
    directory = tmp_path / "a rather long name, so that it does not fit on a line [bold] of a terminal" / "nothing"
    result = run(tmp_path, "--dir", str(directory), *arguments)
    assert result.exit_code == 1
    assert result.output.startswith(f"{directory}/mesh: ")
    assert result.output.count("\n") == 1


def test_broken_manifests_are_named_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "web.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: [}\n")
    result = run(tmp_path, "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert "web.yaml:3: " in result.output
