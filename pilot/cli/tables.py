"""Output of commands: a table for people, JSON or YAML for programs.

In: columns and rows, or data. Out: lines on standard output. Columns are those of istioctl, aligned with five blanks;
words that say how something is have colours where a person looks. Source: operations 17.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click
import yaml
from rich.console import Console
from rich.text import Text

GAP: Final = 5
_WIDTH: Final = 240
_COLOURS: Final = {
    "SYNCED": "green",
    "HEALTHY": "green",
    "ACTIVE": "green",
    "synced": "green",
    "OK": "green",
    "STALE": "yellow",
    "WARMING": "yellow",
    "syncing": "yellow",
    "NOT SENT": "yellow",
    "ERROR": "bold red",
    "UNHEALTHY": "bold red",
    "FAILED": "bold red",
    "timeout": "bold red",
    "closed": "bold red",
    "404": "red",
}
_WORDS: Final = re.compile(r"(?<![\w|.])(" + "|".join(sorted(_COLOURS, key=len, reverse=True)) + r")(?![\w|.])")

Options = Callable[[Callable[..., Any]], Callable[..., Any]]


def width() -> int | None:
    """Columns for `Console`: those of the terminal, or many where nobody sees how many there are."""
    return None if sys.stdout.isatty() else _WIDTH


def output_option(*forms: str, default: str = "table") -> Options:
    """`-o`."""
    return click.option(
        "-o", "--output", type=click.Choice(forms), default=default, show_default=True, help="form of the output"
    )


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table, in the order of the rows."""
    every = [tuple(columns), *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[index]) for row in every) for index in range(len(columns))]
    console = Console(highlight=False, soft_wrap=True)
    for number, row in enumerate(every):
        line = (" " * GAP).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        text = Text(line, style="bold" if number == 0 else "")
        if number:
            for found in _WORDS.finditer(line):
                text.stylize(_COLOURS[found[1]], *found.span(1))
        console.print(text)


def show_all(parts: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """Tables, given by their columns and rows, with an empty line between them."""
    for number, (columns, rows) in enumerate(parts):
        if number:
            click.echo()
        show(columns, rows)


def dump(data: Any, form: str) -> None:
    """Data as `json` or `yaml`."""
    if form == "yaml":
        click.echo(yaml.safe_dump(data, sort_keys=False), nl=False)
    else:
        click.echo(json.dumps(data, indent=2))
