"""The functions that Istio adds to Go's and Sprig's for injection templates.

Comes in: arguments as templates give them. Goes out: mostly text that becomes YAML. Source: injection behaviour 2.9.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from webhook.gotemplate import sprig
from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.formatting import to_text
from webhook.gotemplate.limits import check_size, check_weight
from webhook.gotemplate.sprig.encoding import plain, to_json
from webhook.gotemplate.values import Function, Object, TypedMap
from webhook.injection import normal_form, yaml_text
from webhook.injection.mesh import without_defaults
from webhook.injection.messages import FORMAT_DURATION, Message, as_written
from webhook.injection.pod_object import Struct

PROXY_CONTAINER: Final = "istio-proxy"


def annotation(metadata: Any, name: str, default: Any) -> str:
    """A pod's annotation, or the default as text."""
    annotations = metadata.look_up("Annotations") if isinstance(metadata, Object) else {}
    return str(annotations[name]) if name in annotations else to_text(default)


def exclude_inbound_port(port: Any, excluded: str) -> str:
    """A port added to a list of them, unless it is none or there already."""
    text = to_text(port).strip()
    ports = [each for each in excluded.split(",") if each]
    return excluded if text in ("", "0", *ports) else ",".join([*ports, text])


def _ports(containers: Any, *, with_proxy: bool) -> str:
    found = [
        str(port.look_up("ContainerPort"))
        for container in containers or []
        if with_proxy or container.look_up("Name") != PROXY_CONTAINER
        for port in container.look_up("Ports")
        if port.look_up("Protocol") in ("", "TCP")
    ]
    return ",".join(found)


def indent_following(spaces: int, text: str) -> str:
    """Every line but the first, that many spaces to the right."""
    check_size(len(text) + text.count("\n") * max(spaces, 0))
    return text.replace("\n", "\n" + " " * spaces)


def to_yaml(value: Any) -> str:
    """A value as YAML."""
    check_weight(value)
    return yaml_text.dump(plain(value))


def struct_to_json(value: Any) -> str:
    """A struct as JSON."""
    if value is None:
        return "{}"
    check_weight(value)
    shaped = normal_form.normalize(value.data, value.type.name) if isinstance(value, Struct) else plain(value)
    return json.dumps(shaped, separators=(",", ":"), ensure_ascii=False)


def message_to_json(value: Any) -> str:
    """A proxy configuration as JSON, without what is the default anyway."""
    if not isinstance(value, Message) or value.is_nil:
        return "{}"
    data = without_defaults(value.data) if value.name == "ProxyConfig" else as_written(value.data, value.name)
    data = {key: dict(sorted(each.items())) if key == "proxyMetadata" else each for key, each in data.items()}
    check_weight(data)
    return json.dumps(plain(data), separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Any:
    """What JSON says; the text `{}` if it is none."""
    try:
        return sprig.encoding.from_json(text)
    except FunctionError:
        return "{}"


def merge_maps(*maps: Mapping[str, Any]) -> TypedMap:
    """Maps of text put together; later ones win."""
    merged = TypedMap()
    for each in maps:
        merged.update(each)
    return merged


def omit(mapping: Mapping[str, Any], *keys: str) -> TypedMap:
    """A map without some keys."""
    return TypedMap((key, value) for key, value in mapping.items() if key not in keys)


def omit_nil(mapping: Any) -> Any:
    """A map without what is nil, all the way down."""
    check_weight(mapping)
    return _without_nil(mapping)


def _without_nil(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nil(each) for key, each in value.items() if each is not None}
    return value


def text_map(*pairs: str) -> TypedMap:
    """A map of text, of keys and values in turn."""
    padded = [*pairs, ""] if len(pairs) % 2 else pairs
    return TypedMap(zip(padded[::2], padded[1::2], strict=True))


def append_multus_network(existing: str, network: str) -> str:
    """A CNI network added to Multus' annotation, which is a JSON list or a list with commas."""
    if not existing:
        return network
    end = existing.rfind("]")
    if end < 0:
        present = network in (each.strip() for each in existing.split(","))
        return existing if present else f"{existing}, {network}"
    try:
        networks = json.loads(existing)
    except ValueError:
        return existing
    if any(isinstance(each, dict) and each.get("name") == network for each in networks):
        return existing
    return f'{existing[:end]}, {{"name": "{network}"}}{existing[end:]}'


def _value_or_default(value: Any, default: Any) -> Any:
    return default if value is None or value == "" else value


_META: Final = ("any", "string", "any")
_TEXT: Final = ("string",)


def build_functions(environment: Mapping[str, str]) -> dict[str, Function]:
    """Sprig's functions and Istio's, by name; `env` reads this environment and no other."""
    return {
        **sprig.FUNCTIONS,
        "annotation": Function(annotation, _META),
        "isset": Function(lambda mapping, key: key in mapping, ("map", "string")),
        "valueOrDefault": Function(_value_or_default, ("any", "any")),
        "excludeInboundPort": Function(exclude_inbound_port, ("any", "string")),
        "includeInboundPorts": Function(lambda containers: _ports(containers, with_proxy=True), ("list",)),
        "applicationPorts": Function(lambda containers: _ports(containers, with_proxy=False), ("list",)),
        "protoToJSON": Function(message_to_json, ("any",)),
        "structToJSON": Function(struct_to_json, ("any",)),
        "toJSON": Function(to_json, ("map",)),
        "fromJSON": Function(from_json, _TEXT),
        "toYaml": Function(to_yaml, ("any",)),
        "indent": Function(indent_following, ("int", "string")),
        "toJsonMap": Function(lambda *maps: to_json(merge_maps(*maps)), (), "map"),
        "mergeMaps": Function(merge_maps, (), "map"),
        "omit": Function(omit, ("map",), "string"),
        "omitNil": Function(omit_nil, ("map",)),
        "strdict": Function(text_map, (), "string"),
        "formatDuration": FORMAT_DURATION,
        "directory": Function(lambda path: path[: path.rfind("/") + 1], _TEXT),
        "contains": Function(lambda part, text: part in text, ("string", "string")),
        "toLower": Function(lambda text: text.lower(), _TEXT),
        "env": Function(lambda name, default: environment.get(name) or default, ("string", "string")),
        "appendMultusNetwork": Function(append_multus_network, ("string", "string")),
        "kubevirtInterfaces": Function(lambda text: text, _TEXT),
        "excludeInterfaces": Function(lambda text: text, _TEXT),
    }
