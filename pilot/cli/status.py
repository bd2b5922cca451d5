"""`meshpilot status`: what the control plane says of objects, and how many proxies have accepted it.

In: a running control plane's debug page, or a directory. Out: a table, JSON or YAML on standard output. Exit code 1
where something that was named is not there, or nobody answers.
"""

import json
import pathlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import click
import yaml

from pilot.cli.asking import ADDRESS, ask_json
from pilot.cli.directory import MESH_CONFIG, load_directory
from pilot.status.report import Entry, Question, entries, select

_UNWANTED = frozenset(("Conflicted", "PartiallyInvalid", "istio.io/WaypointMissing"))
"""Conditions that are good while they are False."""
_NEUTRAL = frozenset(("AttachedListenerSets",))
"""Those that are neither."""
_COLUMNS = ("KIND", "NAMESPACE", "NAME", "SECTION", "ROUTES", "PROXIES", "CONDITIONS")


@click.command()
@click.argument("target", metavar="[KIND/NAME]", default="")
@click.option("-n", "--namespace", default="", help="only of this namespace")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True, help="form"
)
@ADDRESS
@click.option(
    "-f", "--configDir", "--config-dir", "config_dir", type=click.Path(path_type=pathlib.Path, exists=True),
    help="read this directory instead of asking: what would be said",
)  # fmt: skip
@MESH_CONFIG
def status(
    target: str,
    namespace: str,
    output: str,
    address: str,
    config_dir: pathlib.Path | None,
    mesh_config: pathlib.Path | None,
) -> None:
    """Shows conditions of gateways, routes and policies. KIND/NAME or KIND chooses, e.g. gateway/main."""
    kind, _, name = target.partition("/")
    question = Question(kind, name, namespace)
    if config_dir is not None:
        found = select(_read(config_dir, mesh_config), question)
    else:
        found = _ask(address, question)
    if not found and name:
        raise click.ClickException(f"{target}: nothing is known of it" + (f" in {namespace}" if namespace else ""))
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    elif output == "yaml":
        click.echo(yaml.safe_dump_all(found, sort_keys=False), nl=False)
    else:
        click.echo(_table(_rows(found)))


def _ask(address: str, question: Question) -> list[Entry]:
    """What the debug page answers. Raises: click.ClickException."""
    found: list[Entry] = ask_json(
        address, "debug/status", {"kind": question.kind, "name": question.name, "namespace": question.namespace}
    )
    return found


def _read(directory: pathlib.Path, mesh_config: pathlib.Path | None) -> Iterable[Entry]:
    """What a control plane would say of a directory. Raises: click.ClickException."""
    from pilot.generators import problems

    snapshot, of_files = load_directory(directory, mesh_config)
    now = datetime.now(UTC)
    found = (*of_files, *problems.find(snapshot), *problems.of_time(snapshot, now))
    for each in found:
        if each.key is None:
            click.echo(str(each), err=True)
    return entries(snapshot, problems=found, now=now)


def _rows(found: Iterable[Entry]) -> Iterator[tuple[str, ...]]:
    """One for each object, listener, parent and ancestor."""
    for each in found:
        place = (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        status = each["status"]
        inner = list(_sections(status))
        if not inner or "conditions" in status or "proxies" in each:
            told = _conditions(status) or "; ".join(each.get("problems", ()))
            yield (*place, "", "", _proxies(each.get("proxies")), told)
        for section, part in inner:
            routes = str(part["attachedRoutes"]) if "attachedRoutes" in part else ""
            yield (*place, section, routes, "", _conditions(part))


def _sections(status: Any) -> Iterator[tuple[str, Any]]:
    for each in status.get("listeners", ()):
        yield each["name"], each
    for name, list_ in (("parentRef", "parents"), ("ancestorRef", "ancestors")):
        for each in status.get(list_, ()):
            reference = each[name]
            place = "/".join(filter(None, (reference["kind"], reference.get("namespace"), reference["name"])))
            port = str(reference["port"]) if reference.get("port") else ""
            yield ":".join(filter(None, (place, reference.get("sectionName"), port))), each


def _conditions(part: Any) -> str:
    """What is not as it should be, with its reason and words; else `ok`."""
    wrong = [each for each in part.get("conditions", ()) if each["type"] not in _NEUTRAL and _is_bad(each)]
    told = "; ".join(f"{each['type']}={each['status']} {each['reason']}: {each['message']}" for each in wrong)
    return told or ("ok" if part.get("conditions") else "")


def _is_bad(condition: Any) -> bool:
    unwanted = condition["type"] in _UNWANTED
    return bool((condition["status"] == "True") == unwanted) or condition["reason"] == "UnsupportedValue"


def _proxies(progress: Any) -> str:
    """`2/3 behind: ...`."""
    if progress is None:
        return ""
    behind = ", ".join(map(_lag, progress.get("behind", ())))
    told = f"{progress['acknowledged']}/{progress['connected']} acknowledged"
    return f"{told}; behind: {behind}" if behind else told


def _lag(behind: Any) -> str:
    error = f": {behind['error']}" if behind.get("error") else ""
    return f"{behind['proxy']} ({behind['reason']} {' '.join(behind['types'])}{error})"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    every = [_COLUMNS, *rows]
    widths = [max(len(row[index]) for row in every) for index in range(len(_COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every)
    return "\n".join(lines)
