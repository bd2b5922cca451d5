"""The JSON patch (RFC 6902) that leads from one value to another.

Comes in: two values. Goes out: operations: `add`, `remove`, `replace`, as few as comparing element by element gives.
"""

from typing import Any

Operation = dict[str, Any]


def diff(old: Any, new: Any) -> tuple[Operation, ...]:
    """Operations that make `new` of `old`, in an order in which they can be done."""
    operations: list[Operation] = []
    _diff(old, new, "", operations)
    return tuple(operations)


def _diff(old: Any, new: Any, path: str, operations: list[Operation]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        _diff_maps(old, new, path, operations)
    elif isinstance(old, list) and isinstance(new, list):
        _diff_lists(old, new, path, operations)
    elif not _same(old, new):
        operations.append({"op": "replace", "path": path, "value": new})


def _same(old: Any, new: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(each, new[key]) for key, each in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return bool(old == new)


def _diff_maps(old: dict[str, Any], new: dict[str, Any], path: str, operations: list[Operation]) -> None:
    gone = sorted(old.keys() - new.keys())
    operations.extend({"op": "remove", "path": f"{path}/{_escape(key)}"} for key in gone)
    for key, value in new.items():
        place = f"{path}/{_escape(key)}"
        if key in old:
            _diff(old[key], value, place, operations)
        else:
            operations.append({"op": "add", "path": place, "value": value})


def _identity(value: Any) -> Any:
    return value.get("name") if isinstance(value, dict) else None


def _diff_lists(old: list[Any], new: list[Any], path: str, operations: list[Operation]) -> None:
    """Elements that are alike at both ends are compared one by one, those in between removed or added."""
    head = 0
    while head < min(len(old), len(new)) and _alike(old[head], new[head]):
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and _alike(old[-1 - tail], new[-1 - tail]):
        tail += 1
    for place in range(head):
        _diff(old[place], new[place], f"{path}/{place}", operations)
    surplus = range(len(old) - tail - 1, head - 1, -1)
    operations.extend({"op": "remove", "path": f"{path}/{place}"} for place in surplus)
    lacking = range(head, len(new) - tail)
    operations.extend({"op": "add", "path": f"{path}/{place}", "value": new[place]} for place in lacking)
    for place in range(tail, 0, -1):
        _diff(old[-place], new[-place], f"{path}/{len(new) - place}", operations)


def _alike(old: Any, new: Any) -> bool:
    """Whether one became the other: equal, or objects of the same name."""
    if isinstance(old, dict) and isinstance(new, dict) and _identity(old) is not None:
        return bool(_identity(old) == _identity(new))
    return _same(old, new)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def apply(value: Any, operations: tuple[Operation, ...] | list[Operation]) -> Any:
    """A value after these operations (add, remove, replace). Raises: ValueError if one has no place."""
    for operation in operations:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:]]
        if not keys:
            value = operation["value"]
            continue
        value = _applied(value, keys, operation)
    return value


def _applied(value: Any, keys: list[str], operation: Operation) -> Any:
    key, rest = keys[0], keys[1:]
    copied = dict(value) if isinstance(value, dict) else list(value)
    place: Any = key
    if isinstance(copied, list):
        place = len(copied) if key == "-" else int(key)
    try:
        if rest:
            copied[place] = _applied(copied[place], rest, operation)
        elif operation["op"] == "remove":
            del copied[place]
        elif operation["op"] == "add" and isinstance(copied, list):
            if place > len(copied):
                raise IndexError(place)
            copied.insert(place, operation["value"])
        else:
            copied[place] = operation["value"]
    except (IndexError, KeyError) as error:
        raise ValueError(f"{operation['op']} {operation['path']}: no such place") from error
    return copied
