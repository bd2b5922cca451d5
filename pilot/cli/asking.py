"""Asking what runs: a control plane's pages, its ControlZ, an Envoy's admin port.

In: an address, a path, a query. Out: what is answered, or a complaint for people.
"""

import contextlib
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

MONITORING: Final = "127.0.0.1:15014"
CONTROLZ: Final = "127.0.0.1:9876"
ENVOY: Final = "127.0.0.1:15000"
PATIENCE: Final = 60.0
"""Seconds for an answer; arbitrary: what an object means is looked up for every class of proxies."""

IN_CLUSTER: Final = "or kubernetes[/NAMESPACE][@CONTEXT], pod/NAME.NAMESPACE: through the API server"
ADDRESS = click.option(
    "--address",
    default=MONITORING,
    show_default=True,
    envvar="MESHPILOT_ADDRESS",
    show_envvar=True,
    help=f"monitoringAddr (or httpAddr) of the control plane; {IN_CLUSTER}",
)
ADDRESSES = click.option(
    "--address",
    "addresses",
    multiple=True,
    default=(MONITORING,),
    show_default=True,
    envvar="MESHPILOT_ADDRESS",
    show_envvar=True,
    help=f"monitoringAddr; repeated; {IN_CLUSTER}",
)


_WHILE_TYPING: Final = 2.0
"""Seconds for an answer to somebody who waits at a shell for words."""


def complete_proxy(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """Names of connected proxies, for shells; none where nobody answers soon."""
    told = context.params.get("address") or context.params.get("addresses") or os.environ.get("MESHPILOT_ADDRESS")
    address = told if isinstance(told, str) else next(iter(told or ()), MONITORING)
    try:
        found = json.loads(ask(address, "debug/syncz", patience=_WHILE_TYPING))
    except (click.ClickException, ValueError):
        return []
    return sorted({each["proxy"] for each in found if each["proxy"].startswith(begun)})


class NotThereError(click.ClickException):
    """Somebody answers, and says that what was named is not there."""


def each_of(addresses: Iterable[str]) -> list[str]:
    """Addresses of single control planes. Raises: click.ClickException."""
    return [one for each in addresses for one in _expanded(each, MONITORING)]


def name_of(address: str) -> str:
    """How a control plane is called in tables: the name of its pod, or where it was asked."""
    return address[4:].partition(":")[0].rpartition(".")[0] if address.startswith("pod/") else address


def ask(
    address: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes | None = None,
    usual: str = MONITORING,
    patience: float = PATIENCE,
) -> str:
    """The text that is answered; of several control planes, by the first that knows what was named.

    `usual`: where such programs listen. Raises: NotThereError, click.ClickException.
    """
    *others, last = _expanded(address, usual)
    for each in others:
        with contextlib.suppress(NotThereError):
            return _ask(_reached(each, usual), path, query, method, body, patience)
    return _ask(_reached(last, usual), path, query, method, body, patience)


def is_in_cluster(address: str) -> bool:
    """Whether it is reached through an API server."""
    return address.startswith("pod/") or address.partition("@")[0].partition("/")[0] == "kubernetes"


def _expanded(address: str, usual: str) -> list[str]:
    if not is_in_cluster(address):
        return [address]
    from pilot.cli import forwarding  # needs much that other commands do not

    return forwarding.expand(address, _port(usual))


def _reached(address: str, usual: str) -> str:
    if not is_in_cluster(address):
        return address
    from pilot.cli import forwarding

    return forwarding.reach(address, _port(usual))


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _ask(
    address: str, path: str, query: Mapping[str, str] | None, method: str, body: bytes | None, patience: float
) -> str:
    base = (address if "://" in address else f"http://{address}").rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise click.BadParameter(f"expected host:port or an http address, got {address}")
    url = f"{base}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=patience) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace").strip()
        wrong = f"{base}/{path}: status {error.code}" + (f": {said}" if said else "")
        if error.code == 404 and said != "404 page not found":
            raise NotThereError(said or wrong) from error
        raise click.ClickException(wrong) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise click.ClickException(f"{base}/{path}: no answer: {error}") from error


def read_dump_file(file: Any) -> Any:
    """What an open file has, in place of an answer. Raises: click.ClickException."""
    try:
        return json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name}: expected the JSON of a dump: {error}") from error


def ask_json(address: str, path: str, query: Mapping[str, str] | None = None, *, usual: str = MONITORING) -> Any:
    """What `ask` gives, of a page in JSON. Raises: NotThereError, click.ClickException."""
    text = ask(address, path, query, usual=usual)
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{address}/{path}: expected JSON, got {text[:80]!r}") from error
