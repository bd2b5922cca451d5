"""Sprig's functions about lists, maps and defaults.

Comes in: values of templates. Goes out: values. `set`, `unset` and `merge` change the map they are given, as Sprig's.
"""

from collections.abc import Iterable
from typing import Any, Final

from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.formatting import to_text
from webhook.gotemplate.limits import check_size, check_weight
from webhook.gotemplate.values import Function, Object, is_true, kind_of, sorted_items, type_of


def is_empty(value: Any) -> bool:
    """Whether it is the zero of its type, or has no elements; a struct is not."""
    return not is_true(value)


def default(fallback: Any, *given: Any) -> Any:
    """The value, unless it is empty."""
    return fallback if not given or is_empty(given[0]) else given[0]


def coalesce(*values: Any) -> Any:
    """The first that is not empty."""
    return next((value for value in values if not is_empty(value)), None)


def fail(message: str) -> Any:
    """Stops, with this message."""
    raise FunctionError(message)


def make_map(*pairs: Any) -> dict[str, Any]:
    """Of keys and values in turn; a last key without a value gets ""."""
    made: dict[str, Any] = {}
    for place in range(0, len(pairs), 2):
        made[to_text(pairs[place])] = pairs[place + 1] if place + 1 < len(pairs) else ""
    return made


def _set(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    mapping[key] = value
    return mapping


def _unset(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    mapping.pop(key, None)
    return mapping


def omit(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A copy without these keys."""
    return {key: value for key, value in mapping.items() if key not in keys}


def dig(*arguments: Any) -> Any:
    """`dig "a" "b" default map`: what stands there, or the default."""
    *path, fallback, found = arguments
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return fallback
        found = found[key]
    return found


def merge(target: dict[str, Any], *others: dict[str, Any], overwrite: bool = False) -> dict[str, Any]:
    """Maps merged into the first, key by key; what is there stays, unless it is to be overwritten or is empty."""
    check_weight(target, *others)
    for other in others:
        for key, value in other.items():
            there = target.get(key)
            if isinstance(there, dict) and isinstance(value, dict):
                if there is not value:
                    merge(there, value, overwrite=overwrite)
            elif key not in target or is_empty(there) or (overwrite and not is_empty(value)):
                target[key] = value
    return target


def copy(value: Any) -> Any:
    """All the way down."""
    check_weight(value)
    return _copy(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return type(value)((key, _copy(each)) for key, each in value.items())
    return [_copy(each) for each in value] if isinstance(value, list) else value


def as_list(value: Any) -> list[Any]:
    """A list, or the characters of a text. Raises: FunctionError for anything else."""
    if isinstance(value, list):
        return value
    raise FunctionError(f"Cannot find list on type {type_of(value)}")


def unique(values: Iterable[Any]) -> list[Any]:
    """Without repetitions."""
    kept: list[Any] = []
    seen: set[Any] = set()
    for value in values:
        marker = (kind_of(value), to_text(value))
        if marker not in seen:
            seen.add(marker)
            kept.append(value)
    return kept


def _equal(left: Any, right: Any) -> bool:
    return kind_of(left) == kind_of(right) and bool(left == right)


def without(values: list[Any], *unwanted: Any) -> list[Any]:
    """Without elements that equal any of these."""
    check_size(len(values) * len(unwanted))
    return [value for value in values if not any(_equal(value, each) for each in unwanted)]


def contains(wanted: Any, values: Any) -> bool:
    """Whether an element equals it."""
    return values is not None and any(_equal(wanted, value) for value in as_list(values))


def part(values: Any, *bounds: Any) -> list[Any]:
    """`slice list 1 3`, as in Go."""
    items = as_list(values)
    start, stop = (int(bounds[0]) if bounds else 0), (int(bounds[1]) if len(bounds) > 1 else len(items))
    if not 0 <= start <= stop <= len(items):
        raise FunctionError(f"slice bounds out of range [{start}:{stop}]")
    return items[start:stop]


def chunks(size: int, values: Any) -> list[Any]:
    """Lists of at most so many elements."""
    items = as_list(values)
    if size <= 0:
        raise FunctionError("chunk size must be positive")
    return [items[start : start + size] for start in range(0, len(items), size)]


def concatenate(*lists: Any) -> list[Any]:
    """Lists after one another."""
    check_size(sum(len(as_list(each)) for each in lists))
    return [value for each in lists for value in each]


def pluck(key: str, *mappings: dict[str, Any]) -> list[Any]:
    """What these maps have under a key."""
    return [mapping[key] for mapping in mappings if key in mapping]


def _go_kind(value: Any) -> str:
    names = {"nil": "invalid", "list": "slice", "float": "float64", "object": "struct"}
    kind = kind_of(value)
    return "ptr" if isinstance(value, Object) and value.go_type.startswith("*") else names.get(kind, kind)


def _first(values: Any) -> Any:
    return as_list(values)[0] if values else None


def _last(values: Any) -> Any:
    return as_list(values)[-1] if values else None


def _keys(*mappings: dict[str, Any]) -> list[Any]:
    return [key for mapping in mappings for key, _ in sorted_items(mapping)]


_ANY: Final = ("any",)
_MAP_KEY: Final = ("map", "string")

_LISTS: Final = {
    "append": Function(lambda values, value: [*as_list(values or []), value], ("any", "any")),
    "prepend": Function(lambda values, value: [value, *as_list(values or [])], ("any", "any")),
    "first": Function(_first, _ANY),
    "last": Function(_last, _ANY),
    "rest": Function(lambda values: as_list(values)[1:], _ANY),
    "initial": Function(lambda values: as_list(values)[:-1], _ANY),
    "reverse": Function(lambda values: as_list(values)[::-1], _ANY),
    "uniq": Function(lambda values: unique(as_list(values)), _ANY),
    "compact": Function(lambda values: [value for value in as_list(values) if not is_empty(value)], _ANY),
    "without": Function(lambda values, *unwanted: without(as_list(values), *unwanted), _ANY, "any"),
    "has": Function(contains, ("any", "any")),
    "slice": Function(part, _ANY, "any"),
    "chunk": Function(chunks, ("int", "any")),
}

FUNCTIONS: Final = {
    **_LISTS,
    **{f"must{name[0].upper()}{name[1:]}": function for name, function in _LISTS.items()},
    "push": _LISTS["append"],
    "mustPush": _LISTS["append"],
    "list": Function(lambda *values: list(values), (), "any"),
    "tuple": Function(lambda *values: list(values), (), "any"),
    "concat": Function(concatenate, (), "any"),
    "default": Function(default, _ANY, "any"),
    "empty": Function(is_empty, _ANY),
    "coalesce": Function(coalesce, (), "any"),
    "all": Function(lambda *values: not any(map(is_empty, values)), (), "any"),
    "any": Function(lambda *values: not all(map(is_empty, values)), (), "any"),
    "ternary": Function(lambda yes, no, choice: yes if choice else no, ("any", "any", "bool")),
    "fail": Function(fail, ("string",)),
    "dict": Function(make_map, (), "any"),
    "get": Function(lambda mapping, key: mapping.get(key, ""), _MAP_KEY),
    "set": Function(_set, ("map", "string", "any")),
    "unset": Function(_unset, _MAP_KEY),
    "hasKey": Function(lambda mapping, key: key in mapping, _MAP_KEY),
    "pluck": Function(pluck, ("string",), "map"),
    "keys": Function(_keys, (), "map"),
    "values": Function(lambda mapping: [value for _, value in sorted_items(mapping)], ("map",)),
    "pick": Function(lambda mapping, *keys: {key: mapping[key] for key in keys if key in mapping}, ("map",), "string"),
    "omit": Function(omit, ("map",), "string"),
    "dig": Function(dig, ("any", "any"), "any"),
    "merge": Function(merge, ("map",), "map"),
    "mustMerge": Function(merge, ("map",), "map"),
    "mergeOverwrite": Function(lambda target, *others: merge(target, *others, overwrite=True), ("map",), "map"),
    "mustMergeOverwrite": Function(lambda target, *others: merge(target, *others, overwrite=True), ("map",), "map"),
    "deepCopy": Function(copy, _ANY),
    "mustDeepCopy": Function(copy, _ANY),
    "deepEqual": Function(_equal, ("any", "any")),
    "typeOf": Function(type_of, _ANY),
    "typeIs": Function(lambda name, value: type_of(value) == name, ("string", "any")),
    "typeIsLike": Function(lambda name, value: type_of(value).lstrip("*") == name.lstrip("*"), ("string", "any")),
    "kindOf": Function(_go_kind, _ANY),
    "kindIs": Function(lambda name, value: _go_kind(value) == name, ("string", "any")),
}
"""By name."""
