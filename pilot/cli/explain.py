"""`meshpilot explain`: why proxies have what they have.

In: a running control plane's debug pages. Out: text on standard output; exit code 1 where what was named is not there.
"""

import json
from collections.abc import Iterator
from typing import Any

import click

from pilot.cli.asking import ADDRESS, ask_json
from pilot.cli.explain_request import ExplainGroup, request


@click.group(cls=ExplainGroup)
def explain() -> None:
    """Explains what happens to requests (explain PROXY URL), and what was made of an object."""


explain.add_command(request)


@explain.command()
@click.argument("name", default="")
@click.option("-n", "--namespace", default="", help="only of this namespace")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="form")
@ADDRESS
def envoyfilter(name: str, namespace: str, output: str, address: str) -> None:
    """Tells of each patch how often it matched, what it changed, and who rejected that; by class of proxies."""
    found = ask_json(address, "debug/envoyfilterz", {"name": name, "namespace": namespace})
    if not found and name:
        raise click.ClickException(f"EnvoyFilter {name}: there is none" + (f" in {namespace}" if namespace else ""))
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(line for each in found for line in _lines(each)))


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
