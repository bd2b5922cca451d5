"""Meshes and proxies of recorded scenarios, as the model and views see them; how a resource compares with a recording.

Comes in: a scenario's directory (input*.yaml, mesh.yaml, env.yaml, networks.yaml, proxies.yaml). Goes out: a snapshot,
views, resources as JSON values. No server is needed.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from pilot.model.objects import Event
from pilot.model.snapshot import Snapshot
from pilot.resources import Resource, ResourceSet
from pilot.sources.decode import decode_document
from pilot.sources.mesh_file import decode_mesh_config, decode_mesh_networks
from pilot.switches import features_from
from pilot.view import build, node
from pilot.view.proxy_view import ProxyView

RECORDED_MESH = "accessLogFile: /dev/stdout\n"
"""MeshConfig of scenarios that have none of their own."""
RECORDED_ENVIRONMENT = {"PILOT_ENABLE_AMBIENT": "true", "PILOT_ENABLE_ALPHA_GATEWAY_API": "true"}

_UNORDERED = frozenset(
    {
        "additionalAddresses", "aliases", "applicationProtocols", "domains", "dynamicMetadata", "endpoints",
        "filterChains", "ips", "lbEndpoints", "matchTypedSubjectAltNames", "prefixRanges", "queryParameters",
        "serverNames", "sourcePrefixRanges", "virtualHosts",
    }
)  # fmt: skip
"""Lists whose order means nothing to Envoy, or in which the recorded istiod has none."""


def decode_objects(text: str) -> Iterator[Event]:
    """Every object of a YAML text; unknown kinds and faulty objects are left out."""
    for document in yaml.safe_load_all(text):
        for decoded in decode_document(json.loads(json.dumps(document, default=str))) if document else ():
            if decoded.object is not None:
                yield Event(decoded.object.key, decoded.object)


def snapshot_of(
    text: str, mesh: str = "", environment: Mapping[str, str] | None = None, networks: str = ""
) -> Snapshot:
    """The mesh that these objects are."""
    features = features_from(dict(environment or {}), False, "cluster.local", [])
    settings, _ = decode_mesh_config(mesh)
    known, _ = decode_mesh_networks(networks) if networks else (None, ())
    snapshot, _ = Snapshot.empty(settings, features, known).apply(list(decode_objects(text)))
    return snapshot


@lru_cache(maxsize=4)
def read_scenario(directory: Path) -> Snapshot:
    """The mesh of a scenario."""
    text = "\n---\n".join(path.read_text() for path in sorted(directory.glob("input*.yaml")))
    declared = yaml.safe_load(_text(directory / "env.yaml")) or {}
    environment = {**RECORDED_ENVIRONMENT, **{name: str(value) for name, value in declared.items()}}
    mesh = _text(directory / "mesh.yaml") or RECORDED_MESH
    return snapshot_of(text, mesh, environment, _text(directory / "networks.yaml"))


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def read_proxies(directory: Path, *kinds: str) -> dict[str, Mapping[str, Any]]:
    """The proxies of a scenario by name; of these kinds only, and none that is a gRPC client."""
    proxies: dict[str, Mapping[str, Any]] = yaml.safe_load((directory / "proxies.yaml").read_text())
    return {
        name: declared
        for name, declared in proxies.items()
        if "ldsNames" not in declared and (not kinds or declared["id"].startswith(kinds))
    }


def node_of(declared: Mapping[str, Any]) -> Any:
    """The xDS node that a proxy of a scenario says it is."""
    made = Node(id=declared["id"], cluster=declared.get("cluster", ""), user_agent_name="envoy")
    made.user_agent_build_version.version.major_number = 1
    made.user_agent_build_version.version.minor_number = 36
    json_format.ParseDict(declared.get("metadata", {}), made.metadata)
    json_format.ParseDict(declared.get("locality", {}), made.locality)
    return made


def view_of(snapshot: Snapshot, declared: Mapping[str, Any], extensions: Any = ()) -> ProxyView:
    """What generators are given for a proxy; `extensions` are those that a stock Envoy lists."""
    made = node_of(declared)
    made.extensions.extend(extensions)
    return build.build(snapshot, node.parse_node(made, snapshot.features))


def message_of(resource: Resource) -> Any:
    """A resource as the protobuf message inside."""
    packed = AnyMessage.FromString(resource.body)
    kind = GetMessageClass(Default().FindMessageTypeByName(packed.type_url.rpartition("/")[2]))
    return kind.FromString(packed.value)


def as_json(resources: ResourceSet) -> dict[str, Any]:
    """Resources by name as JSON values; `Any`s are unpacked."""
    return {name: json_format.MessageToDict(message_of(resources[name])) for name in resources}


def names_in(value: Any, key: str) -> Iterator[str]:
    """Every string under `key`, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get(key), str):
            yield value[key]
        for each in value.values():
            yield from names_in(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from names_in(each, key)


def canonical(value: Any, key: str = "") -> Any:
    """The value with lists that mean sets in one order."""
    if isinstance(value, dict):
        return {name: canonical(each, name) for name, each in value.items()}
    if isinstance(value, list):
        items = [canonical(each, key) for each in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if key in _UNORDERED else items
    return value


def volatile(directory: Path, proxy: str, kind: str) -> frozenset[str]:
    """Resources in which the recorded istiod differs from run to run: only that they are there counts."""
    known = json.loads(_text(directory / "volatile.json") or "{}")
    return frozenset(known.get(proxy, {}).get(kind, ()))
