"""Mesh and proxy configuration as protobuf messages that know their JSON, and as objects of templates.

Comes in: data of YAML. Goes out: `decode`d data by canonical names, zeros kept where they are written, since they win
over defaults; and `Message`, by which templates see it, with Go's names and getters. Tables of fields are in
`mesh_schema.py`. Unknown fields are ignored.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.gotemplate.values import Enumerated, Function, Method, Object, TypedMap
from webhook.injection.mesh_schema import ENUMS, MESSAGES

Json = dict[str, Any]

_DURATION: Final = re.compile(
    r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))*|0"
)
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRAPPERS: Final = {"BoolValue": "bool", "Int32Value": "int32", "UInt32Value": "uint32", "StringValue": "string"}
_ZEROS: Final = {"string": "", "int32": 0, "uint32": 0, "int64": 0, "bool": False, "double": 0.0}
_RANGES: Final = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1)}


def parse_duration(text: str) -> float:
    """Seconds. Raises: ValueError."""
    if len(text) > 64 or not _DURATION.fullmatch(text):
        raise ValueError(f"expected a duration such as 10s, got {text!r}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -seconds if text.startswith("-") else seconds


def decode(data: Any, name: str, where: str = "") -> Json:
    """A message's data in canonical form. Raises: ValueError, naming the field."""
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise ValueError(f"{where or name}: expected an object, got {type(data).__name__}")
    schema = MESSAGES[name]
    done: Json = {}
    for key, value in data.items():
        json_name = _camel(str(key))
        kind = schema.get(json_name)
        if kind is None or value is None:
            continue
        done[json_name] = _decode(value, kind, f"{where}.{json_name}" if where else json_name)
    return {key: done[key] for key in schema if key in done}


def as_written(data: Mapping[str, Any], name: str) -> Json:
    """A message's data as its JSON has it: without zeros, which say nothing there."""
    schema = MESSAGES[name]
    return {
        key: as_written(value, schema[key]) if schema[key] in MESSAGES else value
        for key, value in data.items()
        if not _is_zero(value, schema[key])
    }


def _is_zero(value: Any, kind: str) -> bool:
    if kind in _ZEROS:
        return bool(value == _ZEROS[kind])
    if kind in ENUMS:
        return bool(value == ENUMS[kind][0])
    return not value if kind == "map" or kind.startswith("[]") else value is None


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _decode(value: Any, kind: str, where: str) -> Any:
    """A field's data."""
    if kind.startswith("[]"):
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list, got {value!r}")
        return [_decode_one(each, kind[2:], f"{where}[{place}]") for place, each in enumerate(value)]
    if kind == "map":
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected an object, got {value!r}")
        return {str(key): _scalar(each, "string", f"{where}.{key}") for key, each in value.items()}
    return _decode_one(value, kind, where)


def _decode_one(value: Any, kind: str, where: str) -> Any:
    if kind == "any":
        return value
    if kind in MESSAGES:
        return decode(value, kind, where)
    if kind == "duration":
        return _duration(value, where)
    if kind in ENUMS:
        return _enum(value, kind, where)
    return _scalar(value, _WRAPPERS.get(kind, kind), where)


def _duration(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: expected a duration such as 10s, got {value!r}")
    try:
        return _json_duration(parse_duration(value))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _json_duration(seconds: float) -> str:
    """As protobuf's JSON has it: no fraction, or one of 3, 6 or 9 digits."""
    text = f"{seconds:.9f}"
    while text.endswith("000"):
        text = text[:-3]
    return text.rstrip(".") + "s"


def _enum(value: Any, kind: str, where: str) -> str:
    names = ENUMS[kind]
    if isinstance(value, str) and value in names:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    raise ValueError(f"{where}: expected one of {', '.join(names)}, got {value!r}")


def _scalar(value: Any, kind: str, where: str) -> Any:
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "double" and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if kind in _RANGES and not isinstance(value, bool):
        number = _integer(value)
        if number is not None and _RANGES[kind][0] <= number <= _RANGES[kind][1]:
            return number
    raise ValueError(f"{where}: expected {kind}, got {value!r}")


def _integer(value: Any) -> int | None:
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value) else None


class Message(Object):
    """A message, or nil, as templates see it."""

    __slots__ = ("data", "is_nil", "name")

    def __init__(self, data: Json | None, name: str) -> None:
        """Of this type; None is a nil pointer."""
        self.data: Json = data or {}
        self.name = name
        self.is_nil = data is None

    @property
    def go_type(self) -> str:  # type: ignore[override]
        """As Go prints it."""
        return f"*v1alpha1.{self.name}"

    def look_up(self, name: str) -> Any:
        """A field, or its getter."""
        schema = MESSAGES[self.name]
        if name.startswith("Get") and name[3:4].isupper():
            json_name = name[3:4].lower() + name[4:]
            if json_name in schema:
                value = self._value(json_name)
                return Method(lambda: value)
        return self._value(name[:1].lower() + name[1:])

    def _value(self, json_name: str) -> Any:
        return _as_value(self.data.get(json_name), MESSAGES[self.name][json_name])

    def fields(self) -> Iterator[tuple[str, Any]]:
        """What is set."""
        for json_name in self.data:
            yield json_name, self._value(json_name)


class Boxed(Object):
    """A wrapper or a duration: a pointer to something with a value, which may be nil."""

    __slots__ = ("is_nil", "value")

    def __init__(self, value: Any, zero: Any) -> None:
        """`zero` is the value of a nil one."""
        self.is_nil = value is None
        self.value = zero if value is None else value

    def look_up(self, name: str) -> Any:
        """`.GetValue`, `.Value`; of durations `.GetSeconds`, `.Seconds`, `.AsDuration`."""
        value = self.value
        if name in ("GetValue", "GetSeconds", "GetNanos", "AsDuration", "String"):
            return Method(lambda: value)
        if name in ("Value", "Seconds"):
            return value
        raise KeyError(name)

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Its value."""
        yield "value", self.value


class EnumValue(Enumerated):
    """A constant of an enumeration: `.String` and `.Number` are its methods."""

    def look_up(self, name: str) -> Any:
        """`.String`, `.Number`."""
        if name == "String":
            return Method(lambda: self.name)
        if name == "Number":
            return Method(lambda: int(self))
        raise KeyError(name)


def _as_value(value: Any, kind: str) -> Any:
    if kind.startswith("[]"):
        return [_as_value(each, kind[2:]) for each in value or []]
    if kind == "map":
        return TypedMap(value or {})
    if kind in MESSAGES:
        return Message(value, kind)
    if kind in _WRAPPERS:
        return Boxed(value, _ZEROS[_WRAPPERS[kind]])
    if kind == "duration":
        return Boxed(None if value is None else parse_duration(value), 0.0)
    if kind in ENUMS:
        names = ENUMS[kind]
        name = value or names[0]
        return EnumValue(names.index(name), name)
    return _ZEROS.get(kind) if value is None else value


def format_duration(boxed: Boxed) -> str:
    """As Go prints a duration: `45s`, `1m0s`, `1.5s`, `100ms`."""
    return _go_duration(float(boxed.value))


def _go_duration(seconds: float) -> str:
    if seconds == 0:
        return "0s"
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 1:
        unit = next(unit for unit in ("ms", "µs", "ns") if seconds >= _UNITS[unit] or unit == "ns")
        return f"{sign}{_trim(seconds / _UNITS[unit])}{unit}"
    minutes, rest = divmod(round(seconds, 9), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{_trim(rest)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _trim(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")


FORMAT_DURATION: Final = Function(format_duration, ("any",))
"""The function of that name."""
