"""From plain values (what YAML and JSON hold) to the structs of the model, with everything that is wrong on the way.

In: dicts, lists, scalars, and the type they should be. Out: the value, and faults that name path, expected and got.
Takes what protobuf's JSON form takes: null for absent, snake_case names, integers as text or as whole floats.
Knows nothing of files, kinds and objects; never raises for bad input.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from math import isfinite
from typing import TypeVar

import msgspec
from msgspec import Struct, inspect

from pilot.model.confidential import Confidential
from pilot.model.duration import Duration, parse_duration
from pilot.model.objects import Message, OneOfMessage, alternatives_fault, json_name
from pilot.model.problem import Severity

T = TypeVar("T", bound=Struct)

Path = tuple[str | int, ...]
"""Keys and positions from the document's root to a place in it."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_INTEGER = re.compile(r"[+-]?\d{1,20}")
_SHOWN = 80
_SHOWN_CHOICES = 12


class Unknown(Enum):
    """What becomes of a field that a message does not have."""

    REFUSE = Severity.ERROR
    """A fault: the value is not usable."""
    WARN = Severity.WARNING
    """Left out, with a warning."""
    IGNORE = None
    """Left out."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a value; of severity ERROR, there is no value."""

    path: Path
    message: str
    severity: Severity = Severity.ERROR


def path_text(path: Path) -> str:
    """`spec.http[0].match[1].headers["end-user"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _IDENTIFIER.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part[:_SHOWN]}"]'
    return text


def decode_value(
    value: object, type_: type[T], unknown: Unknown = Unknown.REFUSE
) -> tuple[T, tuple[Fault, ...]] | tuple[None, tuple[Fault, ...]]:
    """The value as `type_`, or None with the reasons; with a value all faults are warnings.

    Unknown fields of core Kubernetes objects are ignored whatever `unknown` says.
    """
    try:  # nearly every value is right as it is, and this is C
        return msgspec.convert(value, type_, dec_hook=_decode_scalar), ()
    except (msgspec.ValidationError, RecursionError):
        pass
    reading = _Reading(unknown, _type_name if getattr(type_, "CONFIDENTIAL", False) else describe)
    try:
        clean = reading.read(value, _schema(type_), ())
        faults = tuple(reading.faults)
        if any(fault.severity is Severity.ERROR for fault in faults):
            return None, faults
        return msgspec.convert(clean, type_, dec_hook=_decode_scalar), faults
    except (msgspec.ValidationError, RecursionError) as error:
        return None, (*reading.faults, Fault((), _foreign_words(error)))


@cache
def json_decoder(type_: type[T]) -> "msgspec.json.Decoder[T]":
    """Bytes of JSON as `type_`, by C alone: strict as the struct is, without reasons.

    Raises (its `decode`): msgspec.MsgspecError, RecursionError.
    """
    return msgspec.json.Decoder(type_, dec_hook=_decode_scalar)


def describe(value: object) -> str:
    """A value in a message: `the number 5`, `the string "x"`, `a list`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {str(value)[:_SHOWN]}"
        case str():
            return f'the string "{value[:_SHOWN]}"'
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
    return f"a value of type {type(value).__name__}"


def _type_name(value: object) -> str:
    """A value in a message that must not show it."""
    match value:
        case None:
            return "nothing"
        case str():
            return "a string"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
    return "a number or boolean"


def unknown_field(name: str, known: Iterable[str]) -> str:
    """What to tell about a field that does not exist: what was meant, perhaps."""
    known = list(known)
    folded = {each.lower(): each for each in known}
    meant = [folded[name.lower()]] if name.lower() in folded else get_close_matches(name, known, 1, 0.7)
    if meant:
        return f"unknown field, did you mean {meant[0]}?"
    if not known:
        return "unknown field, expected none"
    return "unknown field" if len(known) > _SHOWN_CHOICES else f"unknown field, expected one of {', '.join(known)}"


def _choices(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN_CHOICES]) + (", ..." if len(listed) > _SHOWN_CHOICES else "")


def _decode_scalar(type_: type, value: object) -> object:
    """msgspec's hook for types that it does not know."""
    if type_ is object:  # any JSON at all
        return value
    if issubclass(type_, Confidential):
        return value if isinstance(value, Confidential) else _decode_confidential(type_, value)
    if type_ is not Duration:
        raise NotImplementedError(type_)
    if isinstance(value, Duration):
        return value
    if not isinstance(value, str):
        raise ValueError(f'expected a duration such as "10s", got {describe(value)}')
    duration = parse_duration(value)
    if duration < _ZERO:
        raise ValueError(f'expected a duration of 0s or more, got "{value[:_SHOWN]}"')
    if duration > _LONGEST:
        raise ValueError(f'expected a duration of 292 years at most, got "{value[:_SHOWN]}"')
    return duration


def _decode_confidential(type_: type[Confidential], value: object) -> Confidential:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {_type_name(value)}")
    return type_.parse(value)


_ZERO = Duration()
_LONGEST = Duration(seconds=2**63 // 10**9)
"""Envoy counts nanoseconds in 64 bits, and refuses what holds more."""


def _foreign_words(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:] if text else "nested too deep"


@dataclass(frozen=True, slots=True)
class _Shape:
    """A struct: its fields' types by name in YAML, and the names for other spellings."""

    struct: type[Struct]
    types: Mapping[str, inspect.Type]
    spellings: Mapping[str, str]
    defaults: Mapping[str, object]

    @property
    def strict(self) -> bool:
        return issubclass(self.struct, Message)


@cache
def _schema(type_: object) -> inspect.Type:
    return inspect.type_info(type_)


@cache
def _shape(struct: type[Struct]) -> _Shape:
    info = _schema(struct)
    assert isinstance(info, inspect.StructType)
    return _Shape(
        struct=struct,
        types={each.encode_name: each.type for each in info.fields},
        spellings={each.name.rstrip("_"): each.encode_name for each in info.fields},
        defaults={each.encode_name: each.default for each in info.fields},
    )


class _Reading:
    """Walks one value beside its type, cleaning it and noting every fault. Used only where the quick way fails."""

    def __init__(self, unknown: Unknown, describe: Callable[[object], str] = describe) -> None:
        self.faults: list[Fault] = []
        self._unknown = unknown
        self._describe = describe

    def read(self, value: object, type_: inspect.Type, path: Path) -> object:
        """The value as msgspec takes it; something else where there is a fault."""
        match type_:
            case inspect.StructType(cls=struct):
                return self._struct(value, _shape(struct), path)
            case inspect.VarTupleType(item_type=item):
                if not isinstance(value, list):
                    return self._expected("a list", value, path)
                return [self.read(each, item, (*path, index)) for index, each in enumerate(value)]
            case inspect.DictType(value_type=item):
                if not isinstance(value, dict):
                    return self._expected("a mapping", value, path)
                given = {key: each for key, each in value.items() if each is not None}
                return {key: self.read(each, item, (*path, key)) for key, each in given.items()}
            case inspect.UnionType(types=types):
                return self._union(value, types, path)
            case inspect.AnyType():
                return value
        return self._scalar(value, type_, path)

    def _fault(self, path: Path, message: str, severity: Severity = Severity.ERROR) -> object:
        self.faults.append(Fault(path, message, severity))
        return None

    def _expected(self, what: str, value: object, path: Path) -> object:
        return self._fault(path, f"expected {what}, got {self._describe(value)}")

    def _union(self, value: object, types: Iterable[inspect.Type], path: Path) -> object:
        choices = [each for each in types if not isinstance(each, inspect.NoneType)]
        if value is None:
            return None
        if len(choices) == 1:
            return self.read(value, choices[0], path)
        if isinstance(value, int | str) and not isinstance(value, bool):  # a port: the only union of two scalars
            return value
        return self._expected("a number or a name", value, path)

    def _struct(self, value: object, shape: _Shape, path: Path) -> object:
        if not isinstance(value, dict):
            return self._expected("a mapping", value, path)
        clean: dict[str, object] = {}
        for key, each in value.items():
            name = shape.spellings.get(key, key) if shape.strict and key not in shape.types else key
            if name not in shape.types:
                if shape.strict and self._unknown.value is not None:
                    self._fault((*path, key), unknown_field(str(key), shape.types), self._unknown.value)
            elif each is None:
                continue
            elif name in clean:
                self._fault((*path, key), f"given twice: {name} is there in another spelling")
            else:
                clean[name] = self.read(each, shape.types[name], (*path, key))
        self._alternatives(clean, shape, path)
        return clean

    def _alternatives(self, clean: Mapping[str, object], shape: _Shape, path: Path) -> None:
        if not issubclass(shape.struct, OneOfMessage):
            return
        for group in shape.struct.ALTERNATIVES:
            names = {name: json_name(name) for name in group}
            given = [name for name, key in names.items() if key in clean and clean[key] != shape.defaults[key]]
            if len(given) > 1:
                self._fault((*path, names[given[1]]), alternatives_fault(group, given))

    def _scalar(self, value: object, type_: inspect.Type, path: Path) -> object:
        match type_:
            case inspect.StrType():
                return value if isinstance(value, str) else self._unquoted(value, path)
            case inspect.BoolType():
                return value if isinstance(value, bool) else self._expected("true or false", value, path)
            case inspect.IntType(ge=least, le=most):
                return self._integer(value, least, most, path)
            case inspect.FloatType():
                return self._number(value, path)
            case inspect.EnumType(cls=enum):
                choices = [str(each.value) for each in enum]
                return value if value in choices else self._expected(f"one of {_choices(choices)}", value, path)
            case inspect.CustomType(cls=cls):
                try:
                    return _decode_scalar(cls, value)
                except ValueError as error:
                    return self._fault(path, str(error))
        raise NotImplementedError(type_)

    def _unquoted(self, value: object, path: Path) -> object:
        hint = " (put it in quotes)" if isinstance(value, int | float) else ""
        return self._fault(path, f"expected a string, got {self._describe(value)}{hint}")

    def _integer(self, value: object, least: int | None, most: int | None, path: Path) -> object:
        if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._expected("a whole number", value, path)
        if (least is not None and value < least) or (most is not None and value > most):
            limits = f"from {least} to {most}" if most is not None else f"of {least} or more"
            return self._expected(f"a whole number {limits}", value, path)
        return value

    def _number(self, value: object, path: Path) -> object:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return self._expected("a number", value, path)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            return self._expected("a number", value, path)
        return value
