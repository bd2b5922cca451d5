"""`meshpilot inject`: proxies put into manifests, for clusters or pipelines without the webhook.

In: files, a directory or standard input; the injector's configuration, values and mesh configuration as files. Out: the
documents as YAML, each followed by `---`; what is left alone is said on standard error. Asks no cluster.
"""

import os
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, TextIO

import click

from webhook.injection import built_in, yaml_text
from webhook.injection.configuration import InjectorConfig, parse_config, parse_values
from webhook.injection.documents import DocumentInjection, inject_document, offline
from webhook.injection.errors import ConfigurationError, InjectionError
from webhook.injection.inject import Installation
from webhook.injection.mesh import Mesh, parse_mesh

_SUFFIXES: Final = {".yaml", ".yml", ".json"}
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)
_ONLINE: Final = "reads a cluster, which this command does not: name a file"


@click.command()
@click.option("-f", "--filename", "filename", required=True, help="a manifest, a directory of them, or - for stdin")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="a file instead of stdout"
)
@click.option("--injectConfigFile", "config_file", type=_FILE, help="key `config` of ConfigMap istio-sidecar-injector")
@click.option("--valuesFile", "values_file", type=_FILE, help="key `values` of that ConfigMap")
@click.option("--meshConfigFile", "mesh_file", type=_FILE, help="key `mesh` of ConfigMap istio")
@click.option("-r", "--revision", default="default", show_default=True, help="of the control plane")
@click.option("-n", "--namespace", default="", help="for documents that name none (only what they are told changes)")
@click.option("-i", "--istioNamespace", "istio_namespace", default="istio-system", show_default=True, hidden=True)
@click.option("--injectConfigMapName", "config_map", default="", hidden=True)
@click.option("--meshConfigMapName", "mesh_config_map", default="", hidden=True)
@click.option("--webhookConfig", "webhook_config", default="", hidden=True)
@click.option("--operatorFileName", "operator_file", default="", hidden=True)
def inject(
    filename: str,
    output: pathlib.Path | None,
    config_file: pathlib.Path | None,
    values_file: pathlib.Path | None,
    mesh_file: pathlib.Path | None,
    revision: str,
    namespace: str,
    istio_namespace: str,
    **online: str,
) -> None:
    """Prints manifests with a proxy in every workload. Without files, our own templates and values apply."""
    for name, value in online.items():
        if value:
            raise click.BadParameter(_ONLINE, param_hint=name)
    try:
        installation = _installation(config_file, values_file, mesh_file, revision)
        native = os.environ.get("ENABLE_NATIVE_SIDECARS", "").lower() == "true"
        injection = DocumentInjection(offline(installation), native, _warn)
        if output is None:
            _inject_all(filename, injection, sys.stdout)
        else:
            with output.open("w") as target:
                _inject_all(filename, injection, target)
    except (ConfigurationError, InjectionError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _installation(
    config: pathlib.Path | None, values: pathlib.Path | None, mesh: pathlib.Path | None, revision: str
) -> Installation:
    environment: Mapping[str, str] = os.environ
    parsed: InjectorConfig = parse_config(config.read_text(), environment) if config else built_in.config(environment)
    found = parse_values(values.read_text()) if values else built_in.values()
    return Installation(parsed, found, parse_mesh(mesh.read_text()) if mesh else Mesh(), revision)


def _warn(text: str) -> None:
    click.echo(f"\n{text}\n", err=True)


def _inject_all(filename: str, injection: DocumentInjection, target: TextIO) -> None:
    for name, text in _texts(filename):
        for document in yaml_text.load_all(text):
            if document is None:
                continue
            try:
                injected = inject_document(document, injection)
            except InjectionError as error:
                raise InjectionError(f"{name}: {_title(document)}: {error}") from error
            target.write(f"{yaml_text.dump(injected)}---\n")


def _title(document: Any) -> str:
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{document.get('kind')} {name}" if isinstance(document, dict) else "document"


def _texts(filename: str) -> Iterator[tuple[str, str]]:
    """Names and contents of what is to be injected."""
    if filename == "-":
        yield "stdin", sys.stdin.read()
        return
    path = pathlib.Path(filename)
    if not path.is_dir():
        yield filename, path.read_text()
        return
    for each in sorted(path.rglob("*")):
        if each.suffix in _SUFFIXES and each.is_file():
            yield str(each), each.read_text()
