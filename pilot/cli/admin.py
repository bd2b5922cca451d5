"""`meshpilot admin log`: log levels of a running control plane, by its ControlZ.

In: ControlZ. Out: istioctl's table, JSON or YAML; levels are changed where that is asked for.
"""

import json
from typing import Any

import click

from pilot.cli import tables
from pilot.cli.asking import CONTROLZ, IN_CLUSTER, ask, ask_json
from pilot.logs import LEVELS

_COLUMNS = ("ACTIVE SCOPE", "DESCRIPTION", "LOG LEVEL", "STACK TRACE LEVEL")


@click.group()
def admin() -> None:
    """Looks into a running control plane and changes it."""


@admin.command()
@click.argument("scope", default="")
@click.option("--address", default=CONTROLZ, show_default=True, help=f"of ControlZ; {IN_CLUSTER}")
@click.option("--level", "levels", default="", help="level for all scopes, or scope:level,...")
@click.option("--stack-trace-level", "stack_levels", default="", help="likewise: from which level on stack traces come")
@click.option("--reset", is_flag=True, help="info, no stack traces")
@click.option("--log-reset", is_flag=True, help="info")
@click.option("--stack-trace-reset", is_flag=True, help="no stack traces")
@tables.output_option("short", "json", "yaml", default="short")
def log(
    scope: str,
    address: str,
    levels: str,
    stack_levels: str,
    reset: bool,
    log_reset: bool,
    stack_trace_reset: bool,
    output: str,
) -> None:
    """Shows log levels of SCOPE or all scopes, or changes them."""
    levels = "info" if reset or log_reset else levels
    stack_levels = "none" if reset or stack_trace_reset else stack_levels
    known = {each["name"]: each for each in ask_json(address, "scopej/", usual=CONTROLZ)}
    if scope and scope not in known:
        raise click.ClickException(f"scope {scope}: expected one of {', '.join(sorted(known))}")
    _change(address, known, {"output_level": _parse(levels), "stack_trace_level": _parse(stack_levels)})
    if levels or stack_levels:
        known = {each["name"]: each for each in ask_json(address, "scopej/", usual=CONTROLZ)}
    found = [each for name, each in sorted(known.items()) if scope in ("", name)]
    if output != "short":
        tables.dump(found, output)
        return
    tables.show(
        _COLUMNS,
        [(each["name"], each["description"], each["output_level"], each["stack_trace_level"]) for each in found],
    )


def _parse(text: str) -> dict[str, str]:
    """Levels by scope; empty: all. Raises: click.BadParameter."""
    found: dict[str, str] = {}
    for each in filter(None, text.split(",")):
        scope, _, level = each.rpartition(":")
        if level not in LEVELS:
            raise click.BadParameter(f"expected a level of {', '.join(LEVELS)}, got {level!r}")
        found[scope] = level
    return found


def _change(address: str, known: dict[str, dict[str, Any]], wanted: dict[str, dict[str, str]]) -> None:
    """Raises: click.ClickException for a scope that is not there."""
    for scope in {name for levels in wanted.values() for name in levels if name and name not in known}:
        raise click.ClickException(f"scope {scope}: expected one of {', '.join(sorted(known))}")
    for name, each in known.items():
        changed = {key: levels.get(name, levels.get("", each[key])) for key, levels in wanted.items() if levels}
        if any(each[key] != level for key, level in changed.items()):
            ask(address, f"scopej/{name}", method="PUT", body=json.dumps(each | changed).encode(), usual=CONTROLZ)
