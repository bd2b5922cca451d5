"""`meshpilot xds dump`: plays a proxy once, and prints what it is served.

In: an xDS port, a node id and its metadata. Out: JSON or YAML by type, as protobuf's JSON; clusters first, then
endpoints of those that have them over xDS, listeners, and the route tables that listeners name. Nothing is connected
afterwards.
"""

import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

from pilot.cli import tables, xds_client
from pilot.debug.dumps import message_json
from pilot.type_urls import (
    ADDRESS,
    AUTHORIZATION,
    CLUSTER,
    ENDPOINT,
    EXTENSION_CONFIG,
    LISTENER,
    NAME_TABLE,
    ROUTE,
    SECRET,
    SHORT_NAMES,
)

_TYPES: Final = {
    SHORT_NAMES[each]: each
    for each in (CLUSTER, ENDPOINT, LISTENER, ROUTE, NAME_TABLE, SECRET, EXTENSION_CONFIG, ADDRESS, AUTHORIZATION)
}
_USUAL: Final = "CDS,EDS,LDS,RDS"


@click.group()
def xds() -> None:
    """Speaks xDS with a control plane."""


@xds.command()
@click.argument("node")
@click.option("--xds-address", "address", default="127.0.0.1:15010", show_default=True, help="of the control plane")
@click.option("--root-cert", "root", type=click.Path(path_type=pathlib.Path), help="of a TLS port")
@click.option("--token", "token", type=click.File(), help="holds the proxy's token, for a TLS port")
@click.option("--authority", default="istiod.istio-system.svc", show_default=True, help="name in its certificate")
@click.option("--meta", "metadata", multiple=True, help="KEY=text or KEY:=JSON of the node's metadata; repeated")
@click.option("--types", "types", default=_USUAL, show_default=True, help=f"of {', '.join(_TYPES)}")
@click.option("--name", "names", multiple=True, help="resources of types that are asked for by name; repeated")
@tables.output_option("json", "yaml", "short", default="json")
def dump(
    node: str,
    address: str,
    root: pathlib.Path | None,
    token: Any,
    authority: str,
    metadata: tuple[str, ...],
    types: str,
    names: tuple[str, ...],
    output: str,
) -> None:
    """Prints what NODE is served: TYPE~IP~NAME.NAMESPACE~DOMAIN, or NAME.NAMESPACE for a sidecar."""
    wanted = [each.strip().upper() for each in types.split(",") if each.strip()]
    unknown = sorted(set(wanted) - _TYPES.keys())
    if unknown:
        raise click.BadParameter(
            f"expected some of {', '.join(_TYPES)}, got {', '.join(unknown)}", param_hint="--types"
        )
    place = xds_client.Place(address, root, token.read().strip() if token is not None else "", authority)
    served = play(place, xds_client.proxy_node(node_id(node), dict(_metadata(node, metadata))), wanted, names)
    if output == "short":
        rows = [(kind, _name(each), str(len(json.dumps(each)))) for kind, found in served.items() for each in found]
        tables.show(("TYPE", "NAME", "BYTES"), rows)
    else:
        tables.dump(served, output)


def node_id(text: str) -> str:
    """The whole id: a short one is a sidecar of the cluster. Raises: click.BadParameter."""
    if text.count("~") == 3:
        return text
    name, dot, namespace = text.rpartition(".")
    if "~" in text or not (name and dot and namespace):
        raise click.BadParameter(f"expected TYPE~IP~NAME.NAMESPACE~DOMAIN or NAME.NAMESPACE, got {text!r}")
    return f"sidecar~127.0.0.1~{text}~{namespace}.svc.cluster.local"


def _metadata(node: str, given: Iterable[str]) -> Iterator[tuple[str, object]]:
    yield "NAMESPACE", node_id(node).split("~")[2].rpartition(".")[2]
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter(f"expected KEY=text or KEY:=JSON, got {each!r}", param_hint="--meta")
        try:
            yield key.removesuffix(":"), json.loads(value) if key.endswith(":") else value
        except ValueError as error:
            raise click.BadParameter(f"{each}: {error}", param_hint="--meta") from error


def play(place: xds_client.Place, node: Any, types: list[str], names: Iterable[str]) -> dict[str, list[Any]]:
    """What is served, by short name of the type. Raises: click.ClickException."""
    served: dict[str, list[Any]] = {}

    def ask(kind: str, of: Iterable[str] = ()) -> list[Any]:
        if kind not in served:
            answer = xds_client.ask(place, node, _TYPES[kind], of)
            served[kind] = [message_json(each) for each in answer.resources]
        return served[kind]

    for kind in _TYPES:
        if kind not in types:
            continue
        if kind == "EDS":
            ask(kind, [_endpoints_of(each) for each in ask("CDS") if each.get("type") == "EDS"])
        elif kind == "RDS":
            ask(kind, {each["routeConfigName"] for each in _find(ask("LDS"), "routeConfigName")})
        elif kind in ("SDS", "ECDS"):
            ask(kind, names)
        else:
            ask(kind)
    return {kind: found for kind, found in served.items() if kind in types}


def _endpoints_of(cluster: Any) -> str:
    return str(cluster.get("edsClusterConfig", {}).get("serviceName") or cluster["name"])


def _find(value: Any, key: str) -> Iterator[Any]:
    """Every object with this key, at any depth."""
    if isinstance(value, dict):
        if key in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _find(each, key)


def _name(resource: Any) -> str:
    return str(resource.get("name") or resource.get("clusterName") or "")
