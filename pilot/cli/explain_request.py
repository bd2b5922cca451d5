"""`meshpilot explain PROXY URL`: what would happen to a request.

In: a running control plane, or a directory. Out: one line for each step, the objects that made it, what would happen;
exit code 1 where nobody would answer who was meant to.
"""

import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from pilot.cli import tables
from pilot.cli.asking import ADDRESS, ask_json, complete_proxy
from pilot.cli.directory import CONFIG_DIR, MESH_CONFIG, read_directory

DEFAULT = "request"


class ExplainGroup(click.Group):
    """A group in which what is no command is the name of a proxy: `explain PROXY URL`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A command by its word, else the question about a request."""
        if args and self.get_command(ctx, args[0]) is None:
            args = [DEFAULT, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options may stand before the proxy."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.command(DEFAULT)
@click.argument("proxy", shell_complete=complete_proxy)
@click.argument("url")
@click.option("-X", "--method", default="GET", show_default=True)
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="a header of the request")
@tables.output_option("text", "json", "yaml", default="text")
@ADDRESS
@CONFIG_DIR
@MESH_CONFIG
def request(
    proxy: str,
    url: str,
    method: str,
    headers: tuple[str, ...],
    output: str,
    address: str,
    config_dir: pathlib.Path | None,
    mesh_config: pathlib.Path | None,
) -> None:
    """Tells what would happen to a request of PROXY (NAME.NAMESPACE) to URL; a gateway is asked from outside."""
    if config_dir is not None:
        told = _offline(config_dir, mesh_config, proxy, url, method, headers)
    else:
        query = {"proxyID": proxy, "url": url, "method": method, "headers": "\n".join(headers)}
        told = ask_json(address, "debug/explain", query)
    if output == "text":
        _print(told)
    else:
        tables.dump(told, output)
    if not told["allowed"]:
        sys.exit(1)


def _offline(
    directory: pathlib.Path,
    mesh_config: pathlib.Path | None,
    proxy: str,
    url: str,
    method: str,
    headers: tuple[str, ...],
) -> Mapping[str, Any]:
    """The same of a pod in a directory. Raises: click.ClickException."""
    from pilot.explain.held import proxy_of
    from pilot.explain.request import parse_request
    from pilot.explain.walk import explain
    from pilot.memo import finish

    snapshot = read_directory(directory, mesh_config)
    name, _, namespace = proxy.rpartition(".")
    pod = snapshot.workloads.pod(namespace, name) if name else snapshot.workloads.pod("default", namespace)
    if pod is None:
        raise click.ClickException(f"{proxy}: no pod of that name (NAME.NAMESPACE) in {directory}")
    try:
        wanted = parse_request(url, method, headers)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    return dict(finish(explain(snapshot, proxy_of(snapshot, pod), wanted)).as_data())


def _print(told: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]{escape(told['request'])}[/] from {escape(told['proxy'])}")
    for each in told["steps"]:
        made = f"  [dim]from {escape(', '.join(each['objects']))}[/]" if each["objects"] else ""
        console.print(f"  [cyan]{each['step']:<13}[/] {escape(each['name'])}{made}")
        for note in each["notes"]:
            console.print(f"                {escape(note)}")
    colour = "green" if told["allowed"] else "red"
    console.print(f"[{colour}]{escape(told['outcome'])}[/]")
