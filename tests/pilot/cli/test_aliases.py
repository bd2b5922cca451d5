"""Other words for commands."""

import click
from click.testing import CliRunner

from pilot.cli.aliases import AliasedGroup
from pilot.cli.main import main


@click.group(cls=AliasedGroup, forms={"c": "clusters"})
def group() -> None:
    """Some."""


@group.command()
def clusters() -> None:
    """One."""
    click.echo("ran")


def test_a_command_is_found_by_any_of_its_words() -> None:
    assert [CliRunner().invoke(group, [word]).output for word in ("clusters", "c")] == ["ran\n", "ran\n"]
    assert CliRunner().invoke(group, ["d"]).exit_code == 2


def test_istioctls_words_are_understood() -> None:
    for words in (
        ("ps",),
        ("pc", "cluster"),
        ("pc", "c"),
        ("pc", "ep"),
        ("pc", "all"),
        ("zc", "w"),
        ("proxy-config", "o"),
    ):
        assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0, words
    assert "ps" not in CliRunner().invoke(main, ["--help"]).output.split()
