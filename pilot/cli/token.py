"""`meshpilot token`: a bearer token for a workload of a mesh without Kubernetes.

In: namespace and service account. Out: a JWT on standard output, signed by the issuer in the state directory that the
control plane verifies with. Whoever may read that directory may speak for every workload.
"""

import os
import pathlib
from datetime import timedelta

import click

from ca.authn import local_issuer
from ca.errors import CaError
from pilot.cli.discovery import DURATION
from pilot.settings import default_state_dir


@click.command()
@click.argument("namespace")
@click.argument("service_account")
@click.option(
    "--stateDir", "--state-dir", "state_dir", type=click.Path(path_type=pathlib.Path), help="the control plane's"
)
@click.option("--audience", default=local_issuer.AUDIENCE, show_default=True)
@click.option("--lifetime", type=DURATION, default=local_issuer.LIFETIME, show_default="1h")
@click.option("--pod", default="", help="bind it to a pod, as a node proxy needs that asks for others")
@click.option("--pod-uid", default="", help="of that pod, where its YAML names one")
def token(
    namespace: str,
    service_account: str,
    state_dir: pathlib.Path | None,
    audience: str,
    lifetime: timedelta | None,
    pod: str,
    pod_uid: str,
) -> None:
    """Prints a token by which a proxy proves to be SERVICE_ACCOUNT of NAMESPACE."""
    if lifetime is None or lifetime <= timedelta(0):
        raise click.BadParameter("expected a time that ends, and not before it begins", param_hint="--lifetime")
    try:
        issuer = local_issuer.load_or_create(state_dir or default_state_dir(os.environ))
        click.echo(issuer.issue(namespace, service_account, lifetime, audience, pod, pod_uid))
    except CaError as error:
        raise click.ClickException(str(error)) from error
