"""`meshpilot validate`: what the validating webhook would say, without a cluster.

In: files, directories, standard input. Out: one line for each object that is refused or warned about, or JSON; exit
code 1 if one is refused. Fields that a kind does not have are told apart, on standard error: a webhook never sees them.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

import click

from pilot.admission import Verdict, judge
from pilot.sources.decode import DEFAULT_NAMESPACE
from pilot.sources.file_tree import UnreadableFile, is_json, list_files, read_text
from pilot.sources.kinds import KINDS, split_api_version
from pilot.sources.yaml_text import BrokenText, parse_yaml, split_documents


@dataclass(frozen=True, slots=True)
class Judged:
    """One object of a file; kind and name are empty where the text does not say them."""

    file: str
    kind: str
    namespace: str
    name: str
    verdict: Verdict

    @property
    def title(self) -> str:
        """`file: Kind namespace/name`."""
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.file}: {self.kind} {where}".rstrip() if self.kind else self.file


@click.command()
@click.option(
    "-f", "--filename", "paths", multiple=True, required=True, help="file, directory, or - for standard input"
)
@click.option("-n", "--namespace", default=DEFAULT_NAMESPACE, show_default=True, help="of objects that name none")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(paths: tuple[str, ...], namespace: str, output: str) -> None:
    """Tells whether an API server should take the objects in files, as the control plane's webhook would."""
    judged = [each for path in paths for each in _judge_path(path, namespace)]
    if output == "json":
        click.echo(json.dumps([_as_json(each) for each in judged], indent=2))
    else:
        _print(judged)
    for each in judged:
        for field in each.verdict.unknown_fields:
            click.echo(f"{each.title}: {field}: unknown field, an API server drops it", err=True)
    if not all(each.verdict.allowed for each in judged):
        sys.exit(1)


def _print(judged: list[Judged]) -> None:
    for each in judged:
        for warning in each.verdict.warnings:
            click.echo(f"{each.title}: warning: {warning}")
        if not each.verdict.allowed:
            click.echo(f"{each.title}: refused: {each.verdict.message}")
    refused = sum(not each.verdict.allowed for each in judged)
    click.echo(f"{len(judged)} objects, {refused} refused")


def _as_json(each: Judged) -> dict[str, object]:
    return {
        "file": each.file,
        "kind": each.kind,
        "namespace": each.namespace,
        "name": each.name,
        "allowed": each.verdict.allowed,
        "message": each.verdict.message,
        "warnings": list(each.verdict.warnings),
    }


def _judge_path(path: str, namespace: str) -> Iterator[Judged]:
    if path == "-":
        yield from _judge_text("-", _read_all(sys.stdin), namespace)
    elif os.path.isdir(path):
        listing = list_files(path)
        for name, reason in listing.unreadable.items():
            yield Judged(os.path.join(path, name), "", "", "", Verdict(False, reason))
        for name in sorted(listing.files):
            yield from _judge_file(os.path.join(path, name), namespace)
    else:
        yield from _judge_file(path, namespace)


def _read_all(stream: TextIO) -> str:
    try:
        return stream.read()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"standard input is no UTF-8 text: {error.reason}") from error


def _judge_file(path: str, namespace: str) -> Iterator[Judged]:
    try:
        text, _ = read_text(path)
    except (UnreadableFile, OSError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    yield from _judge_text(path, text, namespace)


def _judge_text(file: str, text: str, namespace: str) -> Iterator[Judged]:
    if is_json(file):
        try:
            yield from _judge_value(file, json.loads(text), namespace)
        except (ValueError, RecursionError) as error:
            yield Judged(file, "", "", "", Verdict(False, f"broken JSON: {error}"))
        return
    for chunk in split_documents(text):
        try:
            yield from _judge_value(file, parse_yaml(chunk.text).value, namespace)
        except BrokenText as broken:
            line = chunk.line + broken.line - 1
            yield Judged(file, "", "", "", Verdict(False, f"line {line}: broken YAML: {broken.reason}"))


def _judge_value(file: str, value: object, namespace: str) -> Iterator[Judged]:
    """A document's objects: lists are unrolled, and kinds of other people are not judged."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield Judged(file, "", "", "", Verdict(False, "expected an object, got something else"))
        return
    kind, items = str(value.get("kind", "")), value.get("items")
    if kind.endswith("List") and isinstance(items, list):
        for item in items:
            yield from _judge_value(file, item, namespace)
        return
    metadata = value.get("metadata")
    names = metadata if isinstance(metadata, Mapping) else {}
    group, _ = split_api_version(str(value.get("apiVersion", "")))
    known = KINDS.get((group, kind))
    is_global = known is not None and not known.namespaced
    own = "" if is_global else str(names.get("namespace") or namespace)
    is_ours = group.endswith("istio.io") or not kind or "apiVersion" not in value
    verdict = judge(value, own) if is_ours else Verdict(True)
    yield Judged(file, kind, own, str(names.get("name", "")), verdict)
