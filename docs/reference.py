"""Two directives for Sphinx: `{commands}` shows every command's help, `{environment}` every variable that is honoured,
`{unsupported}` those of istiod that are not.

In: the click commands, the table of settings. Out: Markdown, which MyST parses. What the program says is the only
source, so the pages cannot be out of date.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from pilot.cli import discovery, environment_help, main

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 90
"""Of a page of the guide, in characters."""
PROGRAMS = {"meshpilot": main.main, "pilot-discovery": discovery.main}


def commands() -> str:
    """Markdown: a heading for each command, its help below."""
    return "\n\n".join(part for name, command in PROGRAMS.items() for part in _explained(name, command, None, 2))


def _explained(name: str, command: click.Command, parent: click.Context | None, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, max_content_width=WIDTH)
    context.terminal_width = WIDTH
    help_text = re.sub(r"^Usage: ", "", command.get_help(context))
    yield f"{'#' * min(level, 4)} {name}\n\n```text\n{help_text}\n```"
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            if found is not None and not found.hidden:
                yield from _explained(f"{name} {word}", found, context, level + 1)


def environment() -> str:
    """Markdown: a list of variables, defaults and meanings."""
    return "\n\n".join(
        f"`{name}`{f' (`{default}`)' if default else ''}\n: {_plain(meaning)}"
        for name, default, meaning in environment_help.rows()
    )


def unsupported() -> str:
    """Markdown: a list of variables without effect, and why."""
    return "\n\n".join(f"`{name}`\n: {_plain(reason)}" for name, reason in environment_help.without_effect())


def _plain(text: str) -> str:
    return text.replace("\n", " ").replace("<", "&lt;").replace("*", "\\*")


class _Markdown(Directive):
    """Text that is parsed as if it stood in the page."""

    def text(self) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        holder = nodes.Element()
        self.state.nested_parse(self.text().splitlines(), 0, holder, match_titles=True)
        return list(holder.children)


class Commands(_Markdown):
    """`{commands}`."""

    def text(self) -> str:
        return commands()


class Environment(_Markdown):
    """`{environment}`."""

    def text(self) -> str:
        return environment()


class Unsupported(_Markdown):
    """`{unsupported}`."""

    def text(self) -> str:
        return unsupported()


def without_directories(app: object, page: str, source: list[str]) -> None:
    """A link to a directory of the repository is one for readers there; here it becomes its text."""
    place = (ROOT / page).parent

    def text(link: re.Match[str]) -> str:
        return link[1] if (place / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^\]]+)\]\(([^)#:]+)\)", text, source[0])


def setup(app: object) -> dict[str, bool]:
    """Called by Sphinx."""
    add = app.add_directive  # type: ignore[attr-defined]
    app.connect("source-read", without_directories)  # type: ignore[attr-defined]
    add("commands", Commands)
    add("environment", Environment)
    add("unsupported", Unsupported)
    return {"parallel_read_safe": True}
