"""The functions that every template has: comparison, indexing, printing, escaping.

Comes in: arguments of a call. Goes out: its result, or a FunctionError. `and`, `or` and `call` stop early or call
further: they are the compiler's.
"""

import operator
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_plus

from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.formatting import sprint, sprintf, to_text
from webhook.gotemplate.values import Function, Object, TypedMap, is_true, kind_of, text_length, type_of

_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)  # fmt: skip
_JS: Final = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip


def _position(index: Any, most: int) -> int:
    if index is None:
        raise FunctionError("cannot index slice/array with nil")
    if kind_of(index) != "int":
        raise FunctionError(f"cannot index slice/array with type {type_of(index)}")
    if index < 0 or index > most:
        raise FunctionError(f"index out of range: {index}")
    return int(index)


def index(item: Any, *indexes: Any) -> Any:
    """`index x 1 "a"` is `x[1]["a"]`; what a map lacks is the zero of its elements."""
    if item is None:
        raise FunctionError("index of untyped nil")
    for each in indexes:
        if (isinstance(item, Object) and item.is_nil) or item is None:
            raise FunctionError("index of nil pointer")
        item = _index_once(item, each)
    return item


def _index_once(item: Any, at: Any) -> Any:
    match kind_of(item):
        case "map":
            return _map_element(item, at)
        case "list":
            place = _position(at, len(item))
            if place == len(item):
                raise FunctionError(
                    f"reflect: slice index out of range: {place}"[: len("reflect: slice index out of range")]
                )
            return item[place]
        case "string":
            data = item.encode("utf-8", "surrogateescape")
            place = _position(at, len(data))
            if place == len(data):
                raise FunctionError("reflect: string index out of range")
            return data[place]
    raise FunctionError(f"can't index item of type {type_of(item)}")


def _map_element(mapping: dict[str, Any], key: Any) -> Any:
    if key is None:
        raise FunctionError("value is nil; should be of type string")
    if not isinstance(key, str):
        raise FunctionError(f"value has type {type_of(key)}; should be string")
    zero = mapping.zero if isinstance(mapping, TypedMap) else None
    return mapping.get(key, zero)


def cut(item: Any, *indexes: Any) -> Any:
    """`slice x 1 2` is `x[1:2]`; strings are cut at bytes."""
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(indexes) > 3:
        raise FunctionError(f"too many slice indexes: {len(indexes)}")
    kind = kind_of(item)
    if kind not in ("string", "list"):
        raise FunctionError(f"can't slice item of type {type_of(item)}")
    if kind == "string" and len(indexes) == 3:
        raise FunctionError("cannot 3-index slice a string")
    body = item.encode("utf-8", "surrogateescape") if kind == "string" else item
    bounds = [0, len(body), len(body)]
    for place, each in enumerate(indexes):
        bounds[place] = _position(each, len(body))
    for low, high in ((bounds[0], bounds[1]), (bounds[1], bounds[2])):
        if low > high:
            raise FunctionError(f"invalid slice index: {low} > {high}")
    part = body[bounds[0] : bounds[1]]
    return part.decode("utf-8", "surrogateescape") if kind == "string" else part


def length(item: Any) -> int:
    """Elements of a list or map, bytes of a string."""
    if isinstance(item, str):
        return text_length(item)
    if isinstance(item, dict | list):
        return len(item)
    if isinstance(item, Object) and item.is_nil:
        raise FunctionError("len of nil pointer")
    if item is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    raise FunctionError(f"len of type {type_of(item)}")


def _equal(left: Any, right: Any) -> bool:
    kinds = kind_of(left), kind_of(right)
    if isinstance(left, Object) and isinstance(right, Object) and not (left.is_nil or right.is_nil):
        return left is right
    if "nil" in kinds:
        return all(each is None or (isinstance(each, Object) and each.is_nil) for each in (left, right))
    if kinds[0] != kinds[1]:
        raise FunctionError(f"incompatible types for comparison: {type_of(left)} and {type_of(right)}")
    if kinds[0] in ("map", "list", "func"):
        raise FunctionError(f"non-comparable type {to_text(right)}: {type_of(right)}")
    return bool(left == right)


def equals(left: Any, *rights: Any) -> bool:
    """Whether the first equals any of the others."""
    if not rights:
        raise FunctionError("missing argument for comparison")
    return any(_equal(left, right) for right in rights)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(left: Any, right: Any) -> bool:
        kinds = kind_of(left), kind_of(right)
        if not {"bool", "int", "float", "string"}.issuperset(kinds):
            raise FunctionError("invalid type for comparison")
        if kinds[0] != kinds[1]:
            raise FunctionError(f"incompatible types for comparison: {type_of(left)} and {type_of(right)}")
        if kinds[0] == "bool":
            raise FunctionError("invalid type for comparison")
        if kinds[0] == "string":
            left, right = (each.encode("utf-8", "surrogateescape") for each in (left, right))
        return compare(left, right)

    return run


def _js(text: str) -> str:
    pieces = []
    for character in text:
        point = ord(character)
        if character in _JS:
            pieces.append(_JS[character])
        elif point < 0x20:
            pieces.append(f"\\u00{point:02X}")
        else:
            pieces.append(character if point < 0x80 or character.isprintable() else f"\\u{point:04X}")
    return "".join(pieces)


def _url(text: str) -> str:
    return quote_plus(text, safe="-_.~", errors="surrogateescape")


def _printed(values: tuple[Any, ...]) -> str:
    return sprint(["<no value>" if value is None else value for value in values])


BUILTINS: Final = {
    "and": Function(lambda *_: None, ("any",), "any"),
    "or": Function(lambda *_: None, ("any",), "any"),
    "call": Function(lambda *_: None, ("any",), "any"),
    "not": Function(lambda value: not is_true(value), ("any",)),
    "eq": Function(equals, ("any",), "any"),
    "ne": Function(lambda left, right: not equals(left, right), ("any", "any")),
    "lt": Function(_ordered(operator.lt), ("any", "any")),
    "le": Function(_ordered(operator.le), ("any", "any")),
    "gt": Function(_ordered(operator.gt), ("any", "any")),
    "ge": Function(_ordered(operator.ge), ("any", "any")),
    "index": Function(index, ("any",), "any"),
    "slice": Function(cut, ("any",), "any"),
    "len": Function(length, ("any",)),
    "print": Function(lambda *values: sprint(values), (), "any"),
    "println": Function(lambda *values: " ".join(map(to_text, values)) + "\n", (), "any"),
    "printf": Function(lambda template, *values: sprintf(template, values), ("string",), "any"),
    "html": Function(lambda *values: _printed(values).translate(_HTML), (), "any"),
    "js": Function(lambda *values: _js(_printed(values)), (), "any"),
    "urlquery": Function(lambda *values: _url(_printed(values)), (), "any"),
}
"""By name."""
