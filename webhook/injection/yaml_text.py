"""YAML as the API machinery reads and writes it: of plain words only what Go takes for a number or a boolean is one.

Comes in: text, or data. Goes out: data as JSON has it, or text. (PyYAML alone would make dates of `2024-01-01` and
numbers of `1:30`, and text of `1e3`.)
"""

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import yaml

from webhook.gotemplate.errors import LimitError
from webhook.gotemplate.limits import check_weight

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _JsonLoader(_Loader):  # type: ignore[misc]
    """Resolves plain words by JSON's types."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, Any]]]] = {}


class _JsonDumper(_Dumper):  # type: ignore[misc]
    """Writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Everything in full."""
        return True


def _resolves(tag: str, pattern: str, first: str) -> None:
    for side in (_JsonLoader, _JsonDumper):  # what reads as something else is quoted
        side.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolves(
    "bool", r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$", "yYnNtTfFoO"
)
_resolves("int", r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$", "-+0123456789")
_resolves("float", r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$", "-+.0123456789")
_resolves("null", r"^(?:~|null|Null|NULL|)$", "~nN\0")
_resolves("merge", r"^<<$", "<")
_JsonLoader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile(r"^$")))


def _integer(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    body = text.lstrip("+-")
    if body.isdecimal() and len(body) > 1 and body.startswith("0"):
        return int(text, 8)
    return int(text, 0)


def _boolean(loader: Any, node: Any) -> bool:
    return str(loader.construct_scalar(node)).lower() in ("y", "yes", "true", "on")


def _mapping(loader: Any, node: Any) -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {}
    yield made
    found = loader.construct_mapping(node)
    made.update(found if all(type(key) is str for key in found) else {_key(key): each for key, each in found.items()})


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


_JsonLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_JsonLoader.add_constructor("tag:yaml.org,2002:bool", _boolean)
_JsonLoader.add_constructor("tag:yaml.org,2002:float", _float)
_JsonLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_JsonDumper.add_representer(str, _text)


def load(text: str) -> Any:
    """One document. Raises: ValueError."""
    try:
        return _weighed(yaml.load(text, _JsonLoader), text)  # noqa: S506  a SafeLoader, with fewer words
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {_one_line(error)}") from error


def load_all(text: str) -> Iterator[Any]:
    """Every document. Raises: ValueError."""
    try:
        for document in yaml.load_all(text, _JsonLoader):
            yield _weighed(document, text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {_one_line(error)}") from error


def dump(data: Any, *, sort_keys: bool = True) -> str:
    """A document, keys sorted."""
    text: str = yaml.dump(data, Dumper=_JsonDumper, sort_keys=sort_keys, allow_unicode=True, width=100_000)
    return text


def _weighed(data: Any, text: str) -> Any:
    """The data, unless aliases make it huge or endless."""
    if "&" in text and "*" in text:
        try:
            check_weight(data)
        except LimitError as error:
            raise ValueError(str(error)) from error
    return data


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
