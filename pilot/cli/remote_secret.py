"""`meshpilot create-remote-secret`: the Secret by which a control plane reads another cluster, as istioctl writes it.

In: the cluster that is to be read, by kubeconfig. Out: a Secret on standard output, for the cluster of the control
plane; in the cluster, where they are missing, an account with rights to read and a token of it. What is in the Secret
lets its holder read the cluster: nothing else prints it. Source: operations 17; Kubernetes controllers behaviour 7.1,
11.4.
"""

import asyncio
import base64
import binascii
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import click
import yaml

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, connect

Json = dict[str, Any]

PATIENCE: Final = 60.0
"""Seconds for the cluster to write a token into a Secret."""
PAUSE: Final = 0.2
PREFIX: Final = "istio-remote-secret-"
CONFIG_SECRET, CONFIG_KEY = "istio-kubeconfig", "config"
READER, CONTROL_PLANE = "istio-reader-service-account", "istiod"
READER_ROLE: Final = "istio-reader-clusterrole-{}"
TOKEN_SECRET: Final = "{}-istio-remote-secret-token"
TOKEN_TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT: Final = "kubernetes.io/service-account.name"
CLUSTER, LABEL = "networking.istio.io/cluster", "istio/multiCluster"
_RBAC: Final = "rbac.authorization.k8s.io"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST: Final = 253
_CONFLICT, _NOT_FOUND = 409, 404
_READ: Final = ("get", "list", "watch")
_READABLE: Final = (
    ("", ("namespaces", "services", "endpoints", "pods", "nodes", "secrets", "configmaps"), _READ),
    ("discovery.k8s.io", ("endpointslices",), _READ),
    ("networking.istio.io", ("workloadentries",), _READ),
    ("gateway.networking.k8s.io", ("gateways",), _READ),
    ("multicluster.x-k8s.io", ("serviceexports", "serviceimports"), _READ),
    ("apiextensions.k8s.io", ("customresourcedefinitions",), _READ),
    ("authentication.k8s.io", ("tokenreviews",), ("create",)),
    ("authorization.k8s.io", ("subjectaccessreviews",), ("create",)),
)
"""What a control plane asks of a cluster that it reads."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says."""

    kind: str = "remote"
    name: str = ""
    namespace: str = "istio-system"
    account: str = ""
    makes_account: bool = True
    token_secret: str = ""
    server: str = ""
    tls_server_name: str = ""
    plugin: str = ""
    """Name of an authentication plugin; empty: a token."""
    plugin_config: Mapping[str, str] | None = None

    @property
    def service_account(self) -> str:
        """Whose token it is."""
        return self.account or (READER if self.kind == "remote" else CONTROL_PLANE)


@click.command(name="create-remote-secret")
@click.option("--name", default="", help="[default: the UID of kube-system] of the cluster")
@click.option("--type", "kind", type=click.Choice(["remote", "config"]), default="remote", show_default=True,
              help="config: for an external control plane, which configures itself by that cluster")  # fmt: skip
@click.option("--auth-type", type=click.Choice(["bearer-token", "plugin"]), default="bearer-token", show_default=True)
@click.option("--auth-plugin-name", default="", help="of --auth-type plugin, e.g. oidc")
@click.option("--auth-plugin-config", multiple=True, help="of --auth-type plugin: key=value, repeated")
@click.option("--server", default="", help="[default: of the kubeconfig] address of the API server")
@click.option("--tls-server-name", default="", help="the name that its certificate has, if it is another")
@click.option("--service-account", default="", help=f"[default: {READER}; type config: {CONTROL_PLANE}]")
@click.option("--create-service-account", type=bool, default=True, show_default=True, help="where it is missing")
@click.option("--secret-name", default="", help="the Secret with the account's token, where it has several")
@click.option("-i", "--istioNamespace", "istio_namespace", default="istio-system", show_default=True)
@click.option("-n", "--namespace", default="", help="[default: that of Istio] of the account and of the Secret")
@click.option("-c", "--kubeconfig", type=click.Path(path_type=pathlib.Path), envvar="KUBECONFIG", show_envvar=True)
@click.option("--context", help="of the kubeconfig")
def create_remote_secret(
    auth_type: str,
    auth_plugin_name: str,
    auth_plugin_config: tuple[str, ...],
    service_account: str,
    create_service_account: bool,
    secret_name: str,
    istio_namespace: str,
    namespace: str,
    kubeconfig: pathlib.Path | None,
    context: str | None,
    **plain: str,
) -> None:
    """Prints the Secret by which another control plane reads this cluster; apply it where that one reads Secrets.

    \b
    meshpilot create-remote-secret --context west --name west | kubectl apply -f - --context east
    """
    if auth_type == "plugin" and not auth_plugin_name:
        raise click.UsageError("--auth-type plugin needs --auth-plugin-name")
    if plain["name"] and not (_NAME.fullmatch(plain["name"]) and len(plain["name"]) <= _LONGEST):
        raise click.UsageError(f"--name {plain['name']!r}: expected lower case letters, digits, '-' and '.'")
    wanted = Wanted(
        **plain,
        namespace=namespace or istio_namespace,
        account=service_account,
        makes_account=create_service_account,
        token_secret=secret_name,
        plugin=auth_plugin_name if auth_type == "plugin" else "",
        plugin_config=_pairs(auth_plugin_config),
    )
    standard = pathlib.Path("~/.kube/config").expanduser()
    try:
        made = asyncio.run(_create(wanted, kubeconfig or (standard if standard.exists() else None), context))
    except KubernetesError as error:
        raise click.ClickException(str(error)) from error
    click.echo(as_yaml(made), nl=False)


def _pairs(texts: tuple[str, ...]) -> Mapping[str, str]:
    found = [each.partition("=") for text in texts for each in text.split(",") if each]
    if not all(key and equals for key, equals, _ in found):
        raise click.UsageError("--auth-plugin-config: expected key=value")
    return {key: value for key, _, value in found}


async def _create(wanted: Wanted, kubeconfig: pathlib.Path | None, context: str | None) -> Json:
    """The Secret. Raises: KubernetesError, click.ClickException."""
    client = await connect(kubeconfig, context)
    try:
        name = wanted.name or await _uid_of_cluster(client)
        server = wanted.server or client.server
        if wanted.plugin:
            authority = client.authority()
            user: Json = {"auth-provider": {"name": wanted.plugin, "config": dict(wanted.plugin_config or {})}}
        else:
            token, authority = await _token(client, wanted)
            user = {"token": token}
        return build_secret(wanted, name, build_kubeconfig(name, server, wanted.tls_server_name, authority, user))
    finally:
        await client.close()


async def _uid_of_cluster(client: KubeClient) -> str:
    return str((await client.call("GET", "/api/v1/namespaces/kube-system"))["metadata"]["uid"])


# --- the account and its token --------------------------------------------------------------------------------------


async def _token(client: KubeClient, wanted: Wanted) -> tuple[str, bytes]:
    """A token that does not expire, and the roots of the API server. Raises: KubernetesError, click.ClickException."""
    account, secrets = wanted.service_account, f"/api/v1/namespaces/{wanted.namespace}/secrets"
    await _check_account(client, wanted)
    name = wanted.token_secret or TOKEN_SECRET.format(account)
    found = await _get(client, f"{secrets}/{name}")
    if found is None and wanted.token_secret:
        raise click.ClickException(f"there is no Secret {wanted.namespace}/{name}")
    if found is None:
        metadata = {"name": name, "annotations": {ACCOUNT: account}}
        found = await client.call("POST", secrets, {"type": TOKEN_TYPE, "metadata": metadata})
    belongs_to = (found["metadata"].get("annotations") or {}).get(ACCOUNT)
    if found.get("type") != TOKEN_TYPE or belongs_to != account:
        raise click.ClickException(f"Secret {wanted.namespace}/{name} is no token of service account {account}")
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE
    while clock() < deadline:
        data = (found or {}).get("data") or {}
        if data.get("token") and data.get("ca.crt"):
            return _decoded(data, "token").decode(), _decoded(data, "ca.crt")
        await asyncio.sleep(PAUSE)
        found = await _get(client, f"{secrets}/{name}")
    raise click.ClickException(
        f"the cluster has put no token into Secret {wanted.namespace}/{name} within {PATIENCE:g} s"
    )


def _decoded(data: Mapping[str, str], key: str) -> bytes:
    try:
        return base64.b64decode(data[key], validate=True)
    except binascii.Error as error:
        raise click.ClickException(f"{key} of the token's Secret: expected base64") from error


async def _check_account(client: KubeClient, wanted: Wanted) -> None:
    """Makes the account where it is missing, if that is wanted. Raises: KubernetesError, click.ClickException."""
    account, namespace = wanted.service_account, wanted.namespace
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    if await _get(client, f"{accounts}/{account}") is not None:
        return
    if not wanted.makes_account:
        raise click.ClickException(f"there is no service account {namespace}/{account}")
    if wanted.kind == "config":
        raise click.ClickException(
            f"there is no service account {namespace}/{account}: install Istio's profile `remote` there first"
        )
    await _make(client, "/api/v1/namespaces", {"metadata": {"name": namespace}})
    await _make(client, accounts, {"metadata": {"name": account}})
    for collection, made in build_rights(account, namespace):
        await _make(client, f"/apis/{_RBAC}/v1/{collection}", made)


def build_rights(account: str, namespace: str) -> tuple[tuple[str, Json], ...]:
    """What lets an account read a cluster: objects by collection."""
    metadata = {"name": READER_ROLE.format(namespace), "labels": {"app": "istio-reader"}}
    rules = [{"apiGroups": [group], "resources": [*plurals], "verbs": [*verbs]} for group, plurals, verbs in _READABLE]
    binding = {
        "metadata": metadata,
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    return ("clusterroles", {"metadata": metadata, "rules": rules}), ("clusterrolebindings", binding)


async def _get(client: KubeClient, path: str) -> Json | None:
    try:
        found: Json = await client.call("GET", path)
    except KubernetesError as error:
        if error.status != _NOT_FOUND:
            raise
        return None
    return found


async def _make(client: KubeClient, collection: str, made: Json) -> None:
    """Unless it is there."""
    try:
        await client.call("POST", collection, made)
    except KubernetesError as error:
        if error.status != _CONFLICT:
            raise


# --- what is printed ------------------------------------------------------------------------------------------------


def build_kubeconfig(name: str, server: str, tls_server_name: str, authority: bytes, user: Json) -> Json:
    """One cluster, one user, one context, all of the same name."""
    cluster: Json = {"server": server}
    if authority:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": name}],
        "contexts": [{"context": {"cluster": name, "user": name}, "name": name}],
        "current-context": name,
        "kind": "Config",
        "preferences": {},
        "users": [{"name": name, "user": user}],
    }


def build_secret(wanted: Wanted, cluster: str, kubeconfig: Json) -> Json:
    """For the cluster of the control plane."""
    is_remote = wanted.kind == "remote"
    metadata: Json = {"annotations": {CLUSTER: cluster}}
    if is_remote:
        metadata["labels"] = {LABEL: "true"}
    metadata["name"] = f"{PREFIX}{cluster}" if is_remote else CONFIG_SECRET
    metadata["namespace"] = wanted.namespace
    content = yaml.safe_dump(kubeconfig, sort_keys=True)
    key = cluster if is_remote else CONFIG_KEY
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: content}}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines are written as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_yaml(secret: Json) -> str:
    """As istioctl prints it."""
    text = yaml.dump(secret, Dumper=_Dumper, sort_keys=False, width=100_000)
    return f"# This file is autogenerated, do not edit.\n{text}---\n"
