"""Asking what runs: a control plane's pages, its ControlZ, an Envoy's admin port.

In: an address, a path, a query. Out: what is answered, or a complaint for people.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

import click

MONITORING: Final = "127.0.0.1:15014"
CONTROLZ: Final = "127.0.0.1:9876"
ENVOY: Final = "127.0.0.1:15000"
PATIENCE: Final = 60.0
"""Seconds for an answer; arbitrary: what an object means is looked up for every class of proxies."""

ADDRESS = click.option(
    "--address", default=MONITORING, show_default=True, help="monitoringAddr (or httpAddr) of the control plane"
)


class NotThereError(click.ClickException):
    """Somebody answers, and says that what was named is not there."""


def ask(
    address: str, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
) -> str:
    """The text that is answered. Raises: NotThereError, click.ClickException."""
    base = (address if "://" in address else f"http://{address}").rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise click.BadParameter(f"expected host:port or an http address, got {address}")
    url = f"{base}/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method), timeout=PATIENCE) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace").strip()
        wrong = f"{base}/{path}: status {error.code}" + (f": {said}" if said else "")
        if error.code == 404 and said != "404 page not found":
            raise NotThereError(said or wrong) from error
        raise click.ClickException(wrong) from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise click.ClickException(f"{base}/{path}: no answer: {error}") from error


def ask_json(address: str, path: str, query: Mapping[str, str] | None = None) -> Any:
    """The same of a page in JSON. Raises: NotThereError, click.ClickException."""
    text = ask(address, path, query)
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{address}/{path}: expected JSON, got {text[:80]!r}") from error
