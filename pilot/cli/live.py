"""`meshpilot live` and `meshpilot wait --for=live`: whether an object is in force.

In: a running control plane, an object. Out: how many proxies have something of it and have accepted it, who has not and
why. Exit codes: 0 it is in force, 1 it is not (yet), 3 somebody refused it.
"""

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import click
from rich.console import Console

from pilot.cli import tables
from pilot.cli.asking import ADDRESS, NotThereError, ask_json
from pilot.cli.durations import DURATION

NOT_YET, REFUSED = 1, 3
PAUSE: Final = 0.25
"""Seconds between two questions; arbitrary."""
_OUTPUT = tables.output_option("text", "json", "yaml", default="text")
_GENERATION = click.option("--generation", type=click.IntRange(0), default=0, help="at least this one [default: any]")


def _object(_: click.Context, __: click.Parameter, given: str) -> tuple[str, str, str]:
    parts = given.split("/")
    if len(parts) == 2:
        parts.insert(1, "default")
    if len(parts) != 3 or not all(parts):
        raise click.BadParameter(f"expected KIND/NAMESPACE/NAME or KIND/NAME, got {given}")
    return parts[0], parts[1], parts[2]


@click.command()
@click.argument("what", metavar="KIND/NAMESPACE/NAME", callback=_object)
@_GENERATION
@_OUTPUT
@ADDRESS
def live(what: tuple[str, str, str], generation: int, output: str, address: str) -> None:
    """Tells how many proxies have accepted an object, and who has not."""
    found = _ask(address, what)
    _print(found, output)
    sys.exit(_code(found, generation))


@click.command()
@click.argument("what", metavar="KIND/NAMESPACE/NAME", callback=_object)
@click.option("--for", "condition", type=click.Choice(["live"]), default="live", show_default=True)
@click.option("--timeout", type=DURATION, default="30s", show_default=True)
@_GENERATION
@_OUTPUT
@ADDRESS
def wait(
    what: tuple[str, str, str], condition: str, timeout: timedelta, generation: int, output: str, address: str
) -> None:
    """Waits until every proxy that has something of an object has accepted it."""
    until = time.monotonic() + timeout.total_seconds()
    found: Mapping[str, Any] | None = None
    with Console(stderr=True).status(f"waiting for {'/'.join(what)} to be {condition}") as status:
        while True:
            try:
                found = _ask(address, what)
            except NotThereError as error:
                if time.monotonic() >= until:
                    raise click.ClickException(f"{error.message} (waited {timeout})") from error
            else:
                status.update(_line(found))
                if _code(found, generation) in (0, REFUSED) or time.monotonic() >= until:
                    break
            time.sleep(min(PAUSE, max(0.0, until - time.monotonic())))
    _print(found, output)
    sys.exit(_code(found, generation))


def _ask(address: str, what: tuple[str, str, str]) -> Mapping[str, Any]:
    kind, namespace, name = what
    found: Mapping[str, Any] = ask_json(address, "debug/live", {"kind": kind, "namespace": namespace, "name": name})
    return found


def _code(found: Mapping[str, Any], generation: int) -> int:
    if found["generation"] < generation:
        return NOT_YET
    if any(each["reason"] == "refused" for each in found["behind"]):
        return REFUSED
    return 0 if found["live"] else NOT_YET


def _line(found: Mapping[str, Any]) -> str:
    generation = f" generation {found['generation']}" if found["generation"] else ""
    return (
        f"{found['kind']} {found['namespace']}/{found['name']}{generation}: "
        f"acknowledged by {found['acknowledged']} of {found['proxies']} proxies"
    )


def _print(found: Mapping[str, Any], output: str) -> None:
    if output != "text":
        tables.dump(found, output)
    else:
        click.echo(_line(found) + ("" if found["proxies"] else " (no connected proxy has anything of it)"))
        for each in found["behind"]:
            error = f": {each['error']}" if each["error"] else ""
            reason = click.style(each["reason"], fg="red" if each["reason"] == "refused" else "yellow")
            click.echo(f"  {each['proxy']}: {reason} {' '.join(each['types'])}{error}")
