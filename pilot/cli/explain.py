"""`meshpilot explain`: why proxies have what they have.

In: a running control plane's debug pages. Out: text on standard output; exit code 1 where what was named is not there.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import click

from pilot.cli.explain_request import ExplainGroup, request

_PATIENCE = 60.0
"""Seconds for an answer; arbitrary: what a patch does is looked up for every class of proxies."""


@click.group(cls=ExplainGroup)
def explain() -> None:
    """Explains what happens to requests (explain PROXY URL), and what was made of an object."""


explain.add_command(request)


@explain.command()
@click.argument("name", default="")
@click.option("-n", "--namespace", default="", help="only of this namespace")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="form")
@click.option("--address", default="127.0.0.1:8080", show_default=True, help="httpAddr of the control plane")
def envoyfilter(name: str, namespace: str, output: str, address: str) -> None:
    """Tells of each patch how often it matched, what it changed, and who rejected that; by class of proxies."""
    found = _ask(address, {"name": name, "namespace": namespace})
    if not found and name:
        raise click.ClickException(f"EnvoyFilter {name}: there is none" + (f" in {namespace}" if namespace else ""))
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(line for each in found for line in _lines(each)))


def _ask(address: str, query: dict[str, str]) -> list[Any]:
    """What the debug page answers. Raises: click.ClickException."""
    base = address if "://" in address else f"http://{address}"
    if not base.startswith(("http://", "https://")):
        raise click.BadParameter(f"expected host:port or an http address, got {address}", param_hint="--address")
    try:
        url = f"{base}/debug/envoyfilterz?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            found: list[Any] = json.loads(answer.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise click.ClickException(f"{base}: no answer to what its patches do: {error}") from error
    return found


def _lines(each: Any) -> Iterator[str]:
    yield f"EnvoyFilter {each['namespace']}/{each['name']}"
    for problem in each.get("problems", ()):
        yield f"  {problem}"
    for patch in each["patches"]:
        yield f"  {patch['field']} {patch['operation']} {patch['applyTo']}: {patch['verdict']}"
        for seen in patch["classes"]:
            yield f"    {seen['proxies']} ({seen['connected']} connected): matched {seen['applied']} times"
            more = f" and {seen['moreResources']} more" if seen["moreResources"] else ""
            if seen["resources"]:
                yield f"      changed {', '.join(seen['resources'])}{more}"
            for fault in (*seen["faults"], *(f"rejected: {words}" for words in seen["rejected"])):
                yield f"      {fault}"
