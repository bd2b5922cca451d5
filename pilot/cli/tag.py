"""`meshpilot tag`: names for revisions, which namespaces ask for.

In: names, a cluster. Out: webhook configurations in the cluster, or on standard output. What they say is computed by
`webhook/configurations.py`.
"""

import asyncio
import json
import pathlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from ca.errors import KubernetesError
from pilot.kube_client import KubeClient, connect
from webhook import configurations
from webhook.configurations import DEFAULT, SYSTEM_NAMESPACE, Tag

T = TypeVar("T")

_MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NOT_FOUND = 404

_KUBECONFIG = click.option(
    "--kubeconfig", type=click.Path(path_type=pathlib.Path), help="the cluster (also KUBECONFIG)"
)
_CONTEXT = click.option("--context", help="of the kubeconfig")
_NAMESPACE = click.option("-i", "--istioNamespace", "namespace", default=SYSTEM_NAMESPACE, show_default=True)
_REVISION = click.option("-r", "--revision", required=True, help="what the tag means")
_OVERWRITE = click.option("--overwrite", is_flag=True, help="the tag may exist already")


@click.group()
def tag() -> None:
    """Names for revisions: a namespace that asks for the tag gets the revision."""


@tag.command("set")
@click.argument("name")
@_REVISION
@_OVERWRITE
@_NAMESPACE
@_KUBECONFIG
@_CONTEXT
def set_tag(
    name: str, revision: str, overwrite: bool, namespace: str, kubeconfig: pathlib.Path | None, context: str | None
) -> None:
    """Makes NAME a tag of a revision in the cluster."""

    async def work(client: KubeClient) -> None:
        made = await _made(client, name, revision, overwrite, namespace)
        for path, each in made:
            await _put(client, path, each)

    _in_cluster(kubeconfig, context, work)
    click.echo(f"tag {name} means revision {revision} now; pods get it when they are restarted")


@tag.command()
@click.argument("name")
@_REVISION
@_OVERWRITE
@_NAMESPACE
@_KUBECONFIG
@_CONTEXT
def generate(
    name: str, revision: str, overwrite: bool, namespace: str, kubeconfig: pathlib.Path | None, context: str | None
) -> None:
    """Prints what `tag set` would make."""

    async def work(client: KubeClient) -> list[tuple[str, dict[str, Any]]]:
        return await _made(client, name, revision, overwrite, namespace)

    made = _in_cluster(kubeconfig, context, work)
    click.echo(configurations.as_yaml(each for _, each in made), nl=False)


@tag.command("list")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_KUBECONFIG
@_CONTEXT
def list_tags(output: str, kubeconfig: pathlib.Path | None, context: str | None) -> None:
    """Lists tags, their revisions, and the namespaces that ask for them."""

    async def work(client: KubeClient) -> tuple[list[tuple[Tag, tuple[str, ...]]], str | None]:
        mutating, validating = await _items(client, _MUTATING), await _items(client, _VALIDATING)
        namespaces = await _items(client, "/api/v1/namespaces")
        tags = [(each, configurations.used_by(each.tag, namespaces)) for each in configurations.find_tags(mutating)]
        return tags, configurations.find_default_revision(mutating, validating)

    found, default = _in_cluster(kubeconfig, context, work)
    if output == "json":
        rows = [{"tag": each.tag, "revision": each.revision, "namespaces": list(names)} for each, names in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for row in [("TAG", "REVISION", "NAMESPACES"), *((t.tag, t.revision, ",".join(names)) for t, names in found)]:
        click.echo(f"{row[0]:<16} {row[1]:<16} {row[2]}".rstrip())
    click.echo(f"the default revision is {default}" if default else "there is no default revision")


@tag.command()
@click.argument("name")
@click.option("-y", "--skip-confirmation", "sure", is_flag=True, help="do not ask")
@_KUBECONFIG
@_CONTEXT
def remove(name: str, sure: bool, kubeconfig: pathlib.Path | None, context: str | None) -> None:
    """Removes a tag; namespaces that ask for it are told about first."""

    async def work(client: KubeClient) -> None:
        found = [each for each in configurations.find_tags(await _items(client, _MUTATING)) if each.tag == name]
        if not found:
            raise click.ClickException(f"there is no tag {name}")
        names = configurations.used_by(name, await _items(client, "/api/v1/namespaces"))
        if names and not sure:
            asked = ", ".join(names)
            click.confirm(f"namespaces ask for it: {asked}; their pods will not be injected. Go on?", abort=True)
        for each in found:
            await client.call("DELETE", f"{_MUTATING}/{each.name}")

    _in_cluster(kubeconfig, context, work)
    click.echo(f"tag {name} is gone")


async def _made(
    client: KubeClient, name: str, revision: str, overwrite: bool, namespace: str
) -> list[tuple[str, dict[str, Any]]]:
    """What makes the tag: collection and object, in the order in which they are to be written."""
    existing = await _items(client, _MUTATING)
    own = configurations.find_revision(existing, revision)
    target = configurations.injection_client(own) if own is not None else None
    if target is None:
        raise click.ClickException(f"revision {revision} has no injection webhook in this cluster")
    if name != DEFAULT and configurations.find_revision(existing, name) is not None:
        raise click.ClickException(f"{name} is the name of a revision")
    if not overwrite and any(each.tag == name for each in configurations.find_tags(existing)):
        raise click.ClickException(f"tag {name} exists already: --overwrite changes what it means")
    made = [(_MUTATING, configurations.build_tag(name, revision, target, namespace=namespace))]
    if name == DEFAULT:
        endpoint = _endpoint(target)
        made.append((_VALIDATING, configurations.build_default_validation(revision, endpoint)))
        for each in existing:
            if configurations.TAG not in (each["metadata"].get("labels") or {}) and _is_injection(each):
                quiet = configurations.without_default(each)
                made += [(_MUTATING, quiet)] if quiet["webhooks"] != each["webhooks"] else []
    return made


def _is_injection(configuration: dict[str, Any]) -> bool:
    return configurations.injection_client(configuration) is not None


def _endpoint(client_config: Any) -> configurations.Endpoint:
    """The control plane behind an injection webhook."""
    bundle = str(client_config.get("caBundle") or "")
    url = str(client_config.get("url") or "")
    if url:
        return configurations.Endpoint(url=url.partition("/inject")[0], ca_bundle=bundle)
    service = client_config.get("service") or {}
    return configurations.Endpoint(
        service=service["name"], namespace=service["namespace"], port=service.get("port", 443), ca_bundle=bundle
    )


async def _items(client: KubeClient, path: str) -> list[dict[str, Any]]:
    found = await client.call("GET", path)
    return list(found.get("items") or ())


async def _put(client: KubeClient, path: str, wanted: dict[str, Any]) -> None:
    """Creates it, or makes what is there equal to it."""
    name = wanted["metadata"]["name"]
    try:
        there = await client.call("GET", f"{path}/{name}")
    except KubernetesError as error:
        if error.status != _NOT_FOUND:
            raise
        await client.call("POST", path, wanted)
        return
    metadata = {**wanted["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
    await client.call("PUT", f"{path}/{name}", {**wanted, "metadata": metadata})


def _in_cluster(kubeconfig: pathlib.Path | None, context: str | None, work: Callable[[KubeClient], Awaitable[T]]) -> T:
    async def run() -> T:
        client = await connect(kubeconfig, context)
        try:
            return await work(client)
        finally:
            await client.close()

    try:
        return asyncio.run(run())
    except KubernetesError as error:
        raise click.ClickException(str(error)) from error
