"""`pilot-discovery`: the control plane under istiod's name, with istiod's flags.

    pilot-discovery discovery --configDir DIR --meshConfig FILE ...
    pilot-discovery version

Flags this version knows nothing of are accepted with a warning, so that charts and operators start it unchanged.
Source: operations 6.
"""

import logging
import pathlib
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import get_completion_class

from pilot.environment import parse_bool, parse_list
from pilot.model.duration import parse_duration
from pilot.version import VERSION


class DurationType(click.ParamType[timedelta | None]):
    """`30s`, `1h30m`; `infinite` and the largest duration Go can write mean None."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | None:
        """Raises: click.BadParameter."""
        if value is None or isinstance(value, timedelta):
            return value
        if value == "infinite" or str(value).startswith("2562047h47m16"):
            return None
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class GoBool(click.ParamType[bool]):
    """As Go's flags: `--flag`, `--flag=true`, `--flag=0`."""

    name = "boolean"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Raises: click.BadParameter."""
        if isinstance(value, bool):
            return value
        try:
            return parse_bool(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


PATH = click.Path(path_type=pathlib.Path)
DURATION = DurationType()
SWITCH: dict[str, Any] = {"type": GoBool(), "is_flag": False, "flag_value": "true", "default": None}
_PATIENCE = 60.0
"""Seconds for an answer to `request`, as istiod's has."""


def _print_environment(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from pilot.cli import environment_help

    for name, default, meaning in environment_help.rows():
        click.echo(f"{name}={default}\n    {meaning}")
    click.echo("\nKnown, and without effect here:\n")
    for name, reason in environment_help.without_effect():
        click.echo(f"{name}\n    {reason}")
    context.exit()


def _checked_registries(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Raises: click.BadParameter."""
    for each in parse_list(value or ""):
        if each.lower() != "kubernetes":
            raise click.BadParameter(f"expected Kubernetes or nothing, got {each}")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--help-env",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_environment,
    help="list the environment variables that are honoured, with their defaults",
)
def main() -> None:
    """The meshpilot control plane, started as istiod is."""


@main.command()
@click.option("-s", "--short", is_flag=True, help="one line, as without it")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
def version(short: bool, output: str) -> None:
    """Prints the version."""
    if output == "text":
        click.echo(VERSION)
        return
    from pilot.cli import tables
    from pilot.debug import controlz

    tables.dump({"clientVersion": controlz.version()}, output)


@main.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option(
    "--configDir", "config_dir", type=PATH, help="directory of YAML, read recursively and watched; no Kubernetes"
)
@click.option("--meshConfig", "mesh_config", type=PATH, help="MeshConfig file")
@click.option("--injectionDirectory", "injection_directory", type=PATH, help="holds the injector's config and values")
@click.option("--networksConfig", "networks_config", type=PATH, help="MeshNetworks file")
@click.option("--stateDir", "state_dir", type=PATH, help="what must outlive a restart (also MESHPILOT_STATE_DIR)")
@click.option("--httpAddr", "http", help="[default: :8080] readiness and debug")
@click.option("--httpsAddr", "https", help="[default: :15017] webhooks")
@click.option("--grpcAddr", "grpc", help="[default: :15010] xDS in plaintext")
@click.option("--secureGRPCAddr", "secure_grpc", help="[default: :15012] xDS and certificates over TLS")
@click.option("--monitoringAddr", "monitoring", help="[default: :15014] metrics and version")
@click.option("--domain", default="cluster.local", show_default=True, help="DNS suffix of the cluster")
@click.option("--clusterID", "cluster_id", help="own cluster (also CLUSTER_ID)")
@click.option(
    "--registries",
    callback=_checked_registries,
    help="[default: Kubernetes] where services come from; empty: nowhere",
)
@click.option("--kubeconfig", type=PATH, help="the cluster to read from (also KUBECONFIG); else the one we run in")
@click.option("--kubernetesApiQPS", "requests_per_second", type=float, help="[default: 80] requests to a cluster")
@click.option("--kubernetesApiBurst", "burst", type=int, help="[default: 160] requests at once")
@click.option("--clusterRegistriesNamespace", "secrets_namespace", help="[default: own] of remote clusters' secrets")
@click.option(
    "--warmStart/--no-warmStart",
    "remembers",
    default=None,
    help="keep what is known in the state directory, for a start without API server [default: where it persists]",
)
@click.option("--clusterAliases", "cluster_aliases", help="alias=cluster,... other names of clusters")
@click.option("--tlsCertFile", "tls_cert_file", type=PATH, help="own certificate, issued by somebody else")
@click.option("--tlsKeyFile", "tls_key_file", type=PATH, help="its key")
@click.option("--caCertFile", "ca_cert_file", type=PATH, help="roots for clients' certificates")
@click.option(
    "--tls-cipher-suites", "tls_cipher_suites", help="of TLS 1.2, comma separated; an unknown name is an error"
)
@click.option("-n", "--namespace", help="own namespace (also POD_NAMESPACE)")
@click.option("--shutdownDuration", "shutdown", type=DURATION, help="[default: 10s] graceful stop limit")
@click.option("--keepaliveInterval", "keepalive_interval", type=DURATION, help="[default: 30s] gRPC keepalive")
@click.option("--keepaliveTimeout", "keepalive_timeout", type=DURATION, help="[default: 10s] gRPC keepalive")
@click.option("--keepaliveMaxServerConnectionAge", "max_connection_age", type=DURATION, help="[default: infinite]")
@click.option("--log_output_level", "log_level", help="[default: default:info] scope:level,... or a level")
@click.option("--log_as_json", **SWITCH, help="JSON lines")
@click.option("--log_target", "log_targets", multiple=True, help="[default: stdout] stdout, stderr or a file; repeated")
@click.option("--log_stacktrace_level", "log_stack_trace_level", help="[default: default:none] scope:level,...")
@click.option("--log_caller", "log_callers", help="scopes whose lines tell where they come from, comma separated")
@click.option("--vklog", expose_value=False, type=int, help="without effect: there is no such library")
@click.option("--profile", **SWITCH, expose_value=False, help="without effect: Go's profiles are not served")
@click.option("--cniNamespace", "cni_namespace", help="[default: own] where agents of istio-cni run")
@click.option("--ctrlz_port", "controlz_port", type=int, help="[default: 9876] ControlZ; 0: not at all")
@click.option("--ctrlz_address", "controlz_address", help="[default: localhost] where ControlZ listens; *: everywhere")
@click.pass_context
def discovery(context: click.Context, /, **flags: Any) -> None:
    """Serves the mesh until SIGTERM."""
    from pilot import app, logs, settings

    if context.args and not any(each.startswith("-") for each in context.args):
        raise click.UsageError(f"expected flags only, got {' '.join(context.args)}")
    addresses = {name: flags.pop(name) for name in ("http", "https", "grpc", "secure_grpc", "monitoring")}
    flags["addresses"] = settings.Addresses(**{name: value for name, value in addresses.items() if value is not None})
    flags["unknown"] = tuple(context.args)
    loaded = settings.load(flags)
    wanted = loaded.operating.logs
    logs.configure(
        loaded.log_level,
        as_json=loaded.log_as_json,
        targets=wanted.targets,
        stack_trace_levels=wanted.stack_trace_level,
        callers=wanted.callers,
    )
    _log_flags(context)
    try:
        app.run(loaded)
    except app.StartError as error:
        raise click.ClickException(str(error)) from error


def _log_flags(context: click.Context) -> None:
    """What this was started with."""
    log = logging.getLogger("default")
    for each in context.command.params:
        name = str(each.name)
        if name in context.params and context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            log.info('FLAG: %s="%s"', each.opts[-1], context.params[name])


@main.command()
@click.argument("method")
@click.argument("path")
@click.argument("body", default="")
@click.option("--port", default=15014, show_default=True, help="of --monitoringAddr")
def request(method: str, path: str, body: str, port: int) -> None:
    """Asks the control plane on this machine, e.g. GET debug/syncz, and prints what it says."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path.lstrip('/')}", data=body.encode() or None, method=method.upper()
    )
    try:
        with urllib.request.urlopen(asked, timeout=_PATIENCE) as answer:
            click.echo(answer.read(), nl=False)
    except urllib.error.HTTPError as error:
        raise click.ClickException(f"{path}: {error.code}: {error.read().decode(errors='replace').strip()}") from error
    except OSError as error:
        raise click.ClickException(f"127.0.0.1:{port}: no answer: {error}") from error


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Prints what a shell needs to complete our words: eval "$(pilot-discovery completion bash)"."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(main, {}, "pilot-discovery", "_PILOT_DISCOVERY_COMPLETE").source())


if __name__ == "__main__":
    main()
