"""What templates compute with, and Go's rules about it: kinds, truth, names of types.

Go's nil is None, its strings, numbers and booleans are Python's, maps are dicts and slices are lists. `Object` is a
struct or a pointer to one; `TypedMap` a map whose elements have a zero value; `Enumerated` a number with a name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

MISSING: Final = object()
"""No argument: not even nil."""


class Object:
    """A struct, or a pointer to one, which may be nil. Subclasses say what it has."""

    __slots__ = ()
    go_type = "struct {}"
    is_nil = False

    def look_up(self, name: str) -> Any:
        """A field's value, or a `Method`. Raises: KeyError if there is neither."""
        raise KeyError(name)

    def fields(self) -> Iterator[tuple[str, Any]]:
        """Names and values, in order, for printing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Function:
    """Something that templates call: types of its parameters, of further ones, and what it does.

    Types: `any`, `string`, `int`, `float64`, `bool`, `map`, `list`. `rest` is the type of further arguments, if any.
    """

    call: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    rest: str | None = None


class Method(Function):
    """A function that belongs to the object it was looked up on."""

    __slots__ = ()


class TypedMap(dict[str, Any]):
    """A map of Go whose elements are no interfaces: what it lacks is its zero value."""

    go_type = "map[string]string"
    zero: Any = ""


class Enumerated(int):
    """A number with a name, by which it prints."""

    go_type = "int32"
    name: str

    def __new__(cls, number: int, name: str, go_type: str = "int32") -> "Enumerated":
        """As an int, with its name."""
        made = super().__new__(cls, number)
        made.name, made.go_type = name, go_type
        return made


def is_true(value: Any) -> bool:
    """Go's truth: the zero of a type is false, a struct never is."""
    if isinstance(value, Object):
        return not value.is_nil
    if isinstance(value, Function):
        return True
    return bool(value)


def kind_of(value: Any) -> str:
    """`nil`, `bool`, `int`, `float`, `string`, `map`, `list`, `object` or `func`."""
    if value is None:
        return "nil"
    for kind, types in _KINDS:
        if isinstance(value, types):
            return kind
    return "object"


_KINDS: Final[tuple[tuple[str, type], ...]] = (
    ("string", str),
    ("bool", bool),
    ("int", int),
    ("float", float),
    ("map", dict),
    ("list", list),
    ("func", Function),
)
_TYPES: Final = {
    "nil": "<nil>",
    "bool": "bool",
    "int": "int",
    "float": "float64",
    "string": "string",
    "map": "map[string]interface {}",
    "list": "[]interface {}",
    "func": "func",
}


def type_of(value: Any) -> str:
    """The name of a value's type, as Go prints it."""
    named = getattr(value, "go_type", None)
    return named if isinstance(named, str) else _TYPES.get(kind_of(value), "interface {}")


def text_length(text: str) -> int:
    """Bytes of a string: what Go calls its length."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def sort_key(key: Any) -> tuple[str, Any]:
    """Order of a map's keys."""
    if isinstance(key, str):
        return "", key.encode("utf-8", "surrogateescape")
    return kind_of(key), key


def sorted_items(mapping: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """A map in the order in which templates see it."""
    return sorted(mapping.items(), key=lambda item: sort_key(item[0]))
