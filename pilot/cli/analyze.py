"""`meshpilot analyze`: what will not work, before somebody notices.

In: files, a cluster, or both. Out: one line for each message (or JSON, YAML, a table). Exit code 79 where something as
bad as `--failure-threshold` was found, 65 where a file is no YAML; with JSON and YAML always 0, as istioctl has it.
Source: operations 18.
"""

import asyncio
import json
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pilot.analysis import engine
from pilot.analysis.codes import CODES, Level
from pilot.analysis.documents import Broken, read
from pilot.analysis.engine import ANALYZERS, Suppression, parse_suppression
from pilot.analysis.item import Item
from pilot.analysis.message import Message
from pilot.analysis.store import Store, store
from pilot.analysis.values import mapping_at, text_at
from pilot.cli import tables
from pilot.cli.durations import DURATION
from pilot.sources.file_tree import UnreadableFile, read_text

FOUND, UNREADABLE = 79, 65
_LEVELS = click.Choice([str(each) for each in Level], case_sensitive=False)
_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: "cyan"}
_ENDINGS = (".yaml", ".yml", ".json")


def _suppressions(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[Suppression, ...]:
    try:
        return tuple(parse_suppression(each) for each in given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE|DIR|-]...")
@click.option("--use-kube", "-k", type=click.BOOL, default="true", show_default=True, metavar="BOOL",
              help="look at a cluster too; --use-kube=false: only at files")  # fmt: skip
@click.option(
    "-n",
    "--namespace",
    default="",
    help="report on this namespace only; else on all of files, and on `default` of a cluster",
)
@click.option("-A", "--all-namespaces", is_flag=True, help="report on every namespace")
@click.option("-o", "--output", type=click.Choice(["log", "json", "yaml", "table"]), default="log", show_default=True)
@click.option("--failure-threshold", type=_LEVELS, default="Error", show_default=True, help="fail from this level on")
@click.option("--output-threshold", type=_LEVELS, default="Info", show_default=True, help="report from this level on")
@click.option("-S", "--suppress", multiple=True, callback=_suppressions, metavar='"CODE=Kind name.namespace"',
              help="do not report a code for an object; * for any")  # fmt: skip
@click.option("--analyzer", "analyzers", multiple=True, type=click.Choice(list(ANALYZERS)), metavar="NAME",
              help="run only these (see -L)")  # fmt: skip
@click.option("-R", "--recursive", is_flag=True, help="look into directories of directories")
@click.option("--ignore-unknown", is_flag=True, help="do not fail for files that cannot be read")
@click.option("-r", "--revision", default="default", show_default=True, help="of the injector that is asked for")
@click.option("--meshConfigFile", "mesh_file", type=click.Path(path_type=pathlib.Path, exists=True),
              help="the MeshConfig in force")  # fmt: skip
@click.option("--kubeconfig", type=click.Path(path_type=pathlib.Path), envvar="KUBECONFIG", help="the cluster")
@click.option("--context", help="of the kubeconfig")
@click.option("--remote-contexts", multiple=True, help="more clusters of the mesh, by contexts of the kubeconfig")
@click.option("--timeout", type=DURATION, default="30s", show_default=True, help="for reading a cluster")
@click.option("-L", "--list-analyzers", is_flag=True, help="list analyzers and codes, and do nothing")
def analyze(files: tuple[str, ...], list_analyzers: bool, **options: Any) -> None:
    """Tells what will not work as it was meant, in files or in a cluster."""
    if list_analyzers:
        _print_list()
        return
    asked = Asked(**options)
    if not files and not asked.use_kube:
        raise click.UsageError("expected files, directories or - with --use-kube=false, got nothing to look at")
    broken: list[Broken] = []
    items = list(_read_all(files, asked, broken))
    if asked.use_kube:
        items = _merged(items, _read_clusters(asked))
    for each in broken:
        click.echo(f"{each}", err=True)
    least, failing = asked.level(asked.output_threshold), asked.level(asked.failure_threshold)
    found = _chosen(engine.analyze(_store(items, asked), asked.analyzers, asked.suppress, least), asked)
    _print(found, asked.output, ", ".join(files) or "the cluster")
    if asked.output in ("log", "table") and any(each.level >= failing for each in found):
        sys.exit(FOUND)
    if broken and not asked.ignore_unknown:
        sys.exit(UNREADABLE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, by their names."""

    use_kube: bool
    namespace: str
    all_namespaces: bool
    output: str
    failure_threshold: str
    output_threshold: str
    suppress: tuple[Suppression, ...]
    analyzers: tuple[str, ...]
    recursive: bool
    ignore_unknown: bool
    revision: str
    mesh_file: pathlib.Path | None
    kubeconfig: pathlib.Path | None
    context: str | None
    remote_contexts: tuple[str, ...]
    timeout: timedelta

    def level(self, name: str) -> Level:
        """A level by its name, in whatever case."""
        return Level[name.upper()]


def _print_list() -> None:
    """Analyzers, then codes."""
    console = Console()
    analyzers = Table("ANALYZER", "CODES", "ABOUT", box=None, header_style="bold")
    for name, entry in ANALYZERS.items():
        analyzers.add_row(name, entry.codes, entry.summary + ("" if entry.by_default else " (only by --analyzer)"))
    codes = Table("CODE", "LEVEL", "NAME", "ABOUT", box=None, header_style="bold")
    for each in CODES.values():
        codes.add_row(each.code, f"[{_COLOURS[each.level]}]{each.level}[/]", each.name, each.summary)
    console.print(analyzers, "", codes, sep="\n")


def _read_all(files: Iterable[str], asked: Asked, broken: list[Broken]) -> Iterator[Item]:
    """Objects of all files; of a directory those of its files, deeper ones if asked."""
    namespace = asked.namespace or "default"
    for path in files:
        for file, text in _texts(path, asked.recursive):
            for each in read(file, text, namespace):
                if isinstance(each, Broken):
                    broken.append(each)
                else:
                    yield each


def _texts(path: str, recursive: bool) -> Iterator[tuple[str, str]]:
    if path == "-":
        yield "-", sys.stdin.read()
        return
    try:
        for file in _files(path, recursive):
            yield file, read_text(file)[0]
    except (UnreadableFile, OSError) as error:
        raise click.ClickException(f"{path}: cannot be read: {error}") from error


def _files(path: str, recursive: bool) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    for directory, below, names in os.walk(path):
        below.sort()
        yield from (os.path.join(directory, name) for name in sorted(names) if name.endswith(_ENDINGS))
        if not recursive:
            return


def _merged(files: list[Item], there: list[Item]) -> list[Item]:
    """What would be there if the files were applied."""
    said = {(each.group, each.kind, each.namespace, each.name) for each in files}
    return [*files, *(each for each in there if (each.group, each.kind, each.namespace, each.name) not in said)]


def _read_clusters(asked: Asked) -> list[Item]:
    """Objects of the cluster, and of others if asked. Raises: click.ClickException."""
    from ca.errors import KubernetesError
    from pilot.analysis import cluster
    from pilot.kube_client import connect

    contexts: list[str | None] = [asked.context, *asked.remote_contexts]

    async def work() -> list[Item]:
        found: list[Item] = []
        for context in contexts:
            client = await connect(asked.kubeconfig or _usual(), context)
            try:
                async with asyncio.timeout(asked.timeout.total_seconds()):
                    items, left_out = await cluster.read(client, (context or "") if len(contexts) > 1 else "")
            finally:
                await client.close()
            found += items
            for each in left_out:
                click.echo(each, err=True)
        return found

    try:
        with Console(stderr=True).status("reading the cluster"):
            return asyncio.run(work())
    except KubernetesError as error:
        raise click.ClickException(f"{error} (--use-kube=false: files only)") from error
    except TimeoutError as error:
        raise click.ClickException(f"the cluster was not read within {asked.timeout}: see --timeout") from error


def _usual() -> pathlib.Path | None:
    """Where kubectl looks; None: we run in a pod."""
    path = pathlib.Path.home() / ".kube" / "config"
    return path if path.exists() else None


def _store(items: list[Item], asked: Asked) -> Store:
    """With the MeshConfig of a file, or of the ConfigMap among the objects."""
    if asked.mesh_file is not None:
        text = asked.mesh_file.read_text()
    else:
        plain = asked.revision in ("", "default")
        name = "istio" if plain else f"istio-{asked.revision}"
        near = (each for each in items if each.kind == "ConfigMap" and each.name == name)
        text = next((text_at(each.value, "data", "mesh") for each in near), "")
    try:
        mesh = mapping_at({"mesh": yaml.safe_load(text)}, "mesh") if text else {}
    except yaml.YAMLError as error:
        raise click.ClickException(f"{asked.mesh_file or 'ConfigMap istio'}: no YAML: {error}") from error
    return store(items, mesh, asked.revision)


def _chosen(found: Iterable[Message], asked: Asked) -> list[Message]:
    """Messages of the namespaces that are asked about; objects without namespace are everybody's."""
    namespace = asked.namespace or ("default" if asked.use_kube else "")
    if asked.all_namespaces or not namespace:
        return list(found)
    return [each for each in found if each.item.namespace in ("", namespace)]


def _print(found: list[Message], output: str, what: str) -> None:
    match output:
        case "json":
            click.echo(json.dumps([each.as_json() for each in found], indent=1))
        case "yaml":
            click.echo(yaml.safe_dump([each.as_json() for each in found], sort_keys=True), nl=False)
        case "table":
            _print_table(found)
        case _:
            for each in found:
                level, rest = str(each.level), each.as_line().removeprefix(str(each.level))
                click.echo(click.style(level, fg=_COLOURS[each.level]) + rest)
    if not found:
        click.echo(f"\u2714 No validation issues found when analyzing {what}.", err=True)


def _print_table(found: list[Message]) -> None:
    table = Table("LEVEL", "CODE", "OBJECT", "WHERE", "WHAT", box=None, header_style="bold")
    for each in found:
        level = f"[{_COLOURS[each.level]}]{each.level}[/]"
        table.add_row(level, each.code, escape(each.item.origin), escape(each.item.reference(each.path)),
                      escape(each.text))  # fmt: skip
    Console(width=tables.width()).print(table)
