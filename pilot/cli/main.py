"""`meshpilot`: the commands for people.

A table names each command, where it lives and what it does; a module is imported when its command runs, so that
`meshpilot --help` answers at once. Does nothing itself.
"""

import importlib
from dataclasses import dataclass
from typing import Final

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: `module` holds a click command called `name`; `summary` is its line in `meshpilot --help`."""

    module: str
    name: str
    summary: str


COMMANDS: Final = {
    "demo": Entry("pilot.cli.demo", "demo", "Play the bookinfo example on real Envoys, without root."),
    "serve": Entry("pilot.cli.serve", "serve", "Serve the mesh in a directory of YAML."),
    "proxy": Entry("pilot.cli.proxy", "proxy", "Run one Envoy: its certificate, its bootstrap, its signals."),
    "ca": Entry("pilot.cli.certificates", "ca", "Make, check and read the certificates of a mesh's CA."),
    "status": Entry("pilot.cli.status", "status", "Show conditions of gateways and routes, and who has accepted them."),
    "explain": Entry("pilot.cli.explain", "explain", "Tell what would happen to a request, or what EnvoyFilters do."),
    "why": Entry("pilot.cli.why", "why", "Tell what was pushed lately, and because of what."),
    "live": Entry("pilot.cli.live", "live", "Tell how many proxies have accepted an object, and who has not."),
    "wait": Entry("pilot.cli.live", "wait", "Wait until every proxy has accepted an object."),
    "diff": Entry("pilot.cli.diff", "diff", "Tell what a change would do to proxies, before it is made."),
    "proxy-status": Entry(
        "pilot.cli.proxy_status", "proxy_status", "Show what proxies were sent and what they accepted."
    ),
    "proxy-config": Entry("pilot.cli.proxy_config", "proxy_config", "Show what a proxy has, or is to have."),
    "ztunnel-config": Entry("pilot.cli.ztunnel_config", "ztunnel_config", "Show what a ztunnel has, or is to have."),
    "remote-clusters": Entry("pilot.cli.remote_clusters", "remote_clusters", "Show the clusters that are read."),
    "create-remote-secret": Entry(
        "pilot.cli.remote_secret", "create_remote_secret", "Print the Secret by which others read a cluster."
    ),
    "xds": Entry("pilot.cli.xds", "xds", "Play a proxy once, and print what it is served."),
    "admin": Entry("pilot.cli.admin", "admin", "Change log levels of a running control plane."),
    "version": Entry("pilot.cli.versions", "version", "Show versions: ours, control planes', proxies'."),
    "completion": Entry("pilot.cli.completion", "completion", "Print what a shell needs to complete words."),
    "inject": Entry("pilot.cli.inject", "inject", "Put proxies into manifests, without a webhook."),
    "validate": Entry("pilot.cli.validate", "validate", "Tell whether an API server should take what is in files."),
    "analyze": Entry("pilot.cli.analyze", "analyze", "Tell what will not work as it was meant, in files or a cluster."),
    "waypoint": Entry("pilot.cli.waypoint", "waypoint", "Make, list and delete waypoints, in a cluster or directory."),
    "tag": Entry("pilot.cli.tag", "tag", "Name revisions, so that namespaces can ask for the name."),
    "webhook": Entry("pilot.cli.webhook", "webhook", "Print the objects by which API servers find the webhooks."),
    "token": Entry("pilot.cli.token", "token", "Print a token by which a workload proves who it is."),
}
"""By the word typed, in the order of `meshpilot --help`."""


FORMS: Final = {"ps": "proxy-status", "pc": "proxy-config", "zc": "ztunnel-config", "v": "validate"}
"""Other words for some, as istioctl takes them."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The words, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None where there is none of that name."""
        entry = COMMANDS.get(FORMS.get(cmd_name, cmd_name))
        if entry is None:
            return None
        found = getattr(importlib.import_module(entry.module), entry.name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{entry.module}.{entry.name}: expected a click command, got {type(found).__name__}")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table: nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, entry.summary) for word, entry in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="meshpilot", prog_name="meshpilot")
def main() -> None:
    """A service-mesh control plane in Python."""


if __name__ == "__main__":
    main()
