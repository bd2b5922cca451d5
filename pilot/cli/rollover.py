"""`meshpilot ca rotate` and `meshpilot ca status`: the mesh's root is changed under load, guided.

In: the state directory of a running control plane, which does the work; these commands only tell it what is wanted,
over a socket there, and show how far it is. Out: text, or JSON. Whoever ends the command, or even the control plane,
does not end the change: it goes on when the control plane runs.
"""

import asyncio
import os
import pathlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import click
import msgspec

from ca import bundle
from ca.authn.local_issuer import utc_now
from ca.errors import CaError, StateError
from ca.rollover import control, store
from ca.rollover.conductor import Status
from ca.rollover.control import Wish
from ca.rollover.holders import fingerprint
from ca.rollover.stages import Action
from ca.state_directory import StateDirectory
from pilot.settings import default_state_dir

_TIME = "%Y-%m-%d %H:%M:%SZ"
_LOOK = 0.5  # seconds between two looks at the progress
_PATIENCE = 60.0  # seconds without a control plane: it may be restarting
_WAITS = {
    "adding": "until every proxy trusts the new root",
    "renewing": "until no certificate of the old root is in use",
    "dropping": "until every proxy has let go of the old root",
}
_STATE = click.option(
    "--stateDir", "--state-dir", "state_dir", type=click.Path(path_type=pathlib.Path), help="the control plane's"
)


@click.command()
@_STATE
@click.option("--dry-run", "wanted", flag_value="dry-run", help="tell what would be done and waited for; do nothing")
@click.option("--pause", "wanted", flag_value=Action.PAUSE.value, help="stay at the present stage")
@click.option("--resume", "wanted", flag_value=Action.RESUME.value, help="go on")
@click.option("--rollback", "wanted", flag_value=Action.ROLL_BACK.value, help="go back to the old root, at any stage")
@click.option(
    "--advance", "wanted", flag_value=Action.ADVANCE.value, help="go on although somebody lags: who it cuts off"
)
@click.option("--forget", "wanted", flag_value="forget", help="remove the old root's key when all is done")
@click.option("--step", "is_stepwise", is_flag=True, help="pause after each stage")
@click.option("--key", type=click.Choice(["rsa", "p256"]), help="of the new root; as the old one's unless given")
@click.option("--wait/--no-wait", default=True, help="show the progress until it is done or paused")
@click.option("--yes", is_flag=True, help="do not ask before --advance")
def rotate(
    state_dir: pathlib.Path | None, wanted: str | None, is_stepwise: bool, key: str | None, wait: bool, yes: bool
) -> None:
    """Changes the mesh's root under load: adds a new one, has every certificate renewed, drops the old one.

    Begins a change, or shows the one that is under way. It is carried out by the running control plane.
    """
    directory = state_dir or default_state_dir(os.environ)
    try:
        found = _ask(directory, "status")
        if wanted == "dry-run":
            _echo(_plan(found))
            return
        if wanted == Action.ADVANCE.value and found.lagging and not yes:
            _echo(_describe(found))
            click.confirm(f"{found.lagging} would be cut off from proxies that have gone on. Go on?", abort=True)
        if wanted:
            found = _ask(directory, wanted)
        elif found.stage not in _WAITS:
            found = _ask(directory, "begin", is_stepwise=is_stepwise, is_ec=None if key is None else key == "p256")
        if wait and wanted not in (Action.PAUSE.value, "forget"):
            found = asyncio.run(_watch(directory, found))
        _echo(_describe(found))
    except CaError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@_STATE
@click.option("--json", "as_json", is_flag=True, help="for programs; with all who lag")
def status(state_dir: pathlib.Path | None, as_json: bool) -> None:
    """Tells which root signs, which are trusted, where a change of root stands, and who lags."""
    directory = state_dir or default_state_dir(os.environ)
    try:
        found = _ask(directory, "status", most=10_000 if as_json else 20)
    except StateError as error:
        saved = _saved_stage(directory)
        raise click.ClickException(f"{error}; its last change of root is: {saved}") from error
    except CaError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        _echo(_describe(found))


def _ask(
    directory: pathlib.Path, do: str, *, is_stepwise: bool = False, is_ec: bool | None = None, most: int = 20
) -> Status:
    return asyncio.run(control.ask(directory, Wish(do=do, is_stepwise=is_stepwise, is_ec=is_ec, most=most)))


async def _watch(directory: pathlib.Path, found: Status) -> Status:
    """Prints what changes until nothing will. A control plane that is gone may come back. Raises: CaError."""
    clock = asyncio.get_running_loop().time
    shown, seen_at = "", clock()
    while True:
        line = _progress(found)
        if line != shown:
            click.echo(line)
            shown = line
        if found.stage not in _WAITS or found.is_paused:
            return found
        await asyncio.sleep(_LOOK)
        try:
            found = await control.ask(directory, Wish(do="status"))
            seen_at = clock()
        except StateError:
            if clock() - seen_at > _PATIENCE:
                raise


def _progress(found: Status) -> str:
    paused = ", paused" if found.is_paused else ""
    if found.stage not in _WAITS:
        return f"{found.stage}{paused}"
    who = f"; {found.lagging} to go, {found.laggards[0].who} first" if found.laggards else "; nobody lags"
    return f"{found.stage}{paused}: {_WAITS[found.stage]}{who}"


def _describe(found: Status) -> Iterator[str]:
    since = f" since {found.entered:{_TIME}}" if found.entered else ""
    paused = " (paused)" if found.is_paused else ""
    none = "no change of root is known"
    yield f"change of root: {found.stage}{paused}{since}" if found.stage != "none" else none
    if found.stage in _WAITS:
        yield f"  it waits {_WAITS[found.stage]}"
    yield f"signing: {_root(found.signing)}"
    for each in found.trusted:
        yield f"trusted: {_root(each)}{', to be dropped' if each == found.leaving else ''}"
    yield f"{found.holders} workloads have certificates in use, {found.following} proxies report what they trust"
    if found.lagging:
        yield f"{found.lagging} lag:"
        for lag in found.laggards:
            yield f"  {lag.who}: {lag.why}; its certificate expires {lag.until:{_TIME}}"
        if found.lagging > len(found.laggards):
            yield f"  and {found.lagging - len(found.laggards)} more"


def _plan(found: Status) -> Iterator[str]:
    """What a change would do now."""
    if found.stage in _WAITS:
        yield f"a change of root is under way already: {_progress(found)}"
        return
    yield f"signing now: {_root(found.signing)}"
    yield "1. adding: a new root with a new key is made and trusted beside this one; this one goes on signing"
    yield f"   it would wait for {found.holders} workloads, of which {found.following} proxies report at once;"
    yield "   the others learn of it with their next certificate"
    yield "2. renewing: the new root signs; both are trusted"
    yield f"   it would wait until the certificates of those are renewed or have expired{_latest(found.latest_expiry)}"
    yield "3. dropping: only the new root is trusted"
    yield "Nothing has been done."


def _latest(moment: datetime | None) -> str:
    if moment is None:
        return ""
    left = max(moment - utc_now(), timedelta(0))
    return f", at the latest {moment:{_TIME}}, in {left.total_seconds() / 3600:.1f} h"


def _root(pem: str) -> str:
    certificate = bundle.decode_certificates(pem.encode(), "root")[0]
    name = certificate.subject.rfc4514_string()
    return f"{name}, {fingerprint(pem)[:16]}, until {certificate.not_valid_after_utc:{_TIME}}"


def _saved_stage(directory: pathlib.Path) -> str:
    try:
        found = store.DirectoryRolloverStore(StateDirectory(directory)).load()
    except CaError as error:
        return str(error)
    if found is None:
        return "none"
    return f"{found.stage}{' (paused)' if found.is_paused else ''}, since {found.entered:{_TIME}}"


def _echo(lines: Iterator[str]) -> None:
    for each in lines:
        click.echo(each)
