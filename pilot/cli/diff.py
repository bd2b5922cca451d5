"""`meshpilot diff`: what a change would do to proxies, before it is made.

In: the changed objects; a running control plane, or a directory. Out: per class of proxies what would be new, gone or
different, how many proxies and bytes, what is wrong, what a real Envoy says of it. Exit codes: 0 nothing differs, 1
something does, 3 something of it would be refused.
"""

import json
import pathlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilot.cli import tables
from pilot.cli.asking import ADDRESS, ask
from pilot.cli.directory import MESH_CONFIG, read_directory

DIFFERS, REFUSED = 1, 3
_SHOWN: Final = 8
"""Names that a table shows of one type."""


@click.command()
@click.option(
    "-f", "--filename", "files", multiple=True, required=True, type=click.File(), help="what would be applied"
)
@click.option("--configDir", "--config-dir", "config_dir", type=click.Path(path_type=pathlib.Path, exists=True),
              help="the mesh as it is, instead of a control plane's; every pod with a proxy counts")  # fmt: skip
@MESH_CONFIG
@ADDRESS
@click.option("--envoy", "binary", default="", help="the Envoy that is asked [default: an installed one]")
@click.option("--validate/--no-validate", default=True, show_default=True, help="ask an Envoy")
@tables.output_option("table", "json", "yaml")
def diff(
    files: tuple[Any, ...],
    config_dir: pathlib.Path | None,
    mesh_config: pathlib.Path | None,
    address: str,
    binary: str,
    validate: bool,
    output: str,
) -> None:
    """Tells what a change would do to proxies, without making it."""
    text = "\n---\n".join(each.read() for each in files)
    with Console(stderr=True).status("looking at every class of proxies"):
        if config_dir is not None:
            found = _offline(config_dir, mesh_config, text)
        else:
            found = json.loads(ask(address, "debug/diff", {"bodies": ""}, method="POST", body=text.encode()))
        _judge(found, _find_binary(binary) if validate else None)
    if output == "table":
        _print(found)
    else:
        tables.dump(found, output)
    if found["refused"] or any(each["envoy"] == "rejected" for each in found["classes"]):
        sys.exit(REFUSED)
    sys.exit(DIFFERS if found["classes"] else 0)


def _offline(directory: pathlib.Path, mesh_config: pathlib.Path | None, text: str) -> dict[str, Any]:
    """As if the proxies of all pods of a directory were connected."""
    from pilot.explain.change import answer
    from pilot.explain.held import proxies_of
    from pilot.memo import finish

    snapshot = read_directory(directory, mesh_config)
    return dict(finish(answer(snapshot, text, proxies_of(snapshot), with_bodies=True)))


def _find_binary(named: str) -> pathlib.Path | None:
    """An Envoy: the named one, the packaged one, one of the path. Raises: click.ClickException."""
    from pilot.agent.envoy import packaged_binary

    if named:
        if not pathlib.Path(named).is_file():
            raise click.BadParameter(f"expected a program, got {named}", param_hint="--envoy")
        return pathlib.Path(named)
    on_path = shutil.which("envoy")
    return packaged_binary() or (pathlib.Path(on_path) if on_path else None)


def _judge(found: dict[str, Any], binary: pathlib.Path | None) -> None:
    """Has an Envoy look at the new resources of each class; they are not shown."""
    from pilot.cli.envoy_check import verdict

    for each in found["classes"]:
        resources = each.pop("resources", ())
        each["envoy"], each["reason"] = "not asked", ""
        if binary is not None and resources:
            each["envoy"], each["reason"] = verdict(binary, resources)


def _print(found: Mapping[str, Any]) -> None:
    console = Console(highlight=False, width=tables.width())
    for each in found["refused"]:
        console.print(f"[red]refused[/] {escape(each)}")
    for each in found["warnings"]:
        console.print(f"[yellow]warning[/] {escape(each)}")
    for each in found["problems"]:
        console.print(f"[yellow]problem[/] {escape(each)}")
    if not found["classes"]:
        console.print(f"nothing changes for any of {found['of']} proxies")
        return
    table = Table(
        "CLASS", "PROXIES", "TYPE", "ADDED", "CHANGED", "REMOVED", "BYTES", "ENVOY", box=None, header_style="bold"
    )
    for each in found["classes"]:
        first, envoy = (f"{each['kind']} {each['proxy']}", str(each["proxies"])), each["envoy"]
        for type_, told in each["types"].items():
            cells = (*(_names(told[what]) for what in ("added", "changed", "removed")), str(told["bytes"]))
            table.add_row(*map(escape, (*first, type_, *cells, envoy)))
            first, envoy = ("", ""), ""
    console.print(table)
    for reason, verdict in {each["reason"]: each["envoy"] for each in found["classes"] if each["reason"]}.items():
        console.print(f"envoy: {verdict}: {escape(reason)}")
    console.print(f"{found['proxies']} of {found['of']} proxies, {found['bytes']} bytes")


def _names(names: list[str]) -> str:
    more: Iterator[str] = iter([f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])
    return "\n".join([*names[:_SHOWN], *more])
