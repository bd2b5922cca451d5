"""`meshpilot webhook manifest`: the objects by which API servers find a control plane's webhooks.

In: names and places. Out: YAML on standard output. Reads no cluster.
"""

import base64
import pathlib

import click

from webhook import configurations
from webhook.configurations import DEFAULT, SYSTEM_NAMESPACE, Endpoint


@click.group()
def webhook() -> None:
    """The objects by which API servers find the webhooks."""


@webhook.command()
@click.option("-r", "--revision", default=DEFAULT, show_default=True, help="of the control plane")
@click.option("-n", "--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="of the control plane")
@click.option("--service", help="[default: istiod, istiod-REVISION] by which the API server reaches it")
@click.option(
    "--url", default="", help="https://host:port instead of a Service: a control plane outside of the cluster"
)
@click.option(
    "--caBundle",
    "--ca-bundle",
    "bundle",
    type=click.Path(path_type=pathlib.Path, exists=True, dir_okay=False),
    help="PEM file with the roots of its certificate [default: the control plane fills them in]",
)
@click.option(
    "--injectionPath",
    "--injection-path",
    "path",
    default="/inject",
    show_default=True,
    help="/inject/cluster/NAME/net/NETWORK for a cluster whose control plane is elsewhere",
)
@click.option(
    "--default/--no-default",
    "is_default",
    default=None,
    help="answer to istio-injection=enabled, and judge objects without revision [default: revision default]",
)
@click.option("--enableNamespacesByDefault", "by_default", is_flag=True, help="inject where nothing is said")
@click.option(
    "--reinvocationPolicy", "reinvocation", type=click.Choice(["Never", "IfNeeded"]), default="Never", show_default=True
)
@click.option(
    "--failurePolicy",
    "failure",
    type=click.Choice(["Ignore", "Fail"]),
    default="Ignore",
    show_default=True,
    help="of validation, until the control plane is seen to work",
)
def manifest(
    revision: str, namespace: str, service: str | None, url: str, bundle: pathlib.Path | None, path: str,
    is_default: bool | None, by_default: bool, reinvocation: str, failure: str,
) -> None:  # fmt: skip
    """Prints the webhook configurations of a revision."""
    if url and not url.startswith("https://"):
        raise click.BadParameter("expected https://host:port: API servers call nothing else", param_hint="--url")
    if not path.startswith("/inject"):
        raise click.BadParameter("expected a path below /inject", param_hint="--injectionPath")
    roots = base64.b64encode(bundle.read_bytes()).decode() if bundle is not None else ""
    endpoint = Endpoint(namespace=namespace, url=url, ca_bundle=roots, injection_path=path)
    endpoint = configurations.revision_endpoint(revision, endpoint)
    if service:
        endpoint = Endpoint(service=service, namespace=namespace, url=url, ca_bundle=roots, injection_path=path)
    made = [
        configurations.build_injection(
            revision, endpoint, namespace=namespace, is_default=is_default, by_default=by_default,
            reinvocation=reinvocation,
        ),
        configurations.build_validation(revision, endpoint, namespace=namespace, failure_policy=failure),
    ]  # fmt: skip
    if is_default or (is_default is None and revision == DEFAULT):
        made.append(configurations.build_default_validation(revision, endpoint, failure_policy=failure))
    click.echo(configurations.as_yaml(made), nl=False)
