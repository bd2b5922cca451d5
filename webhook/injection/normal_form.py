"""Objects in the form in which Go writes them: fields in their order, empty ones left out, quantities canonical.

Comes in: an object as decoded from JSON or YAML, and the name of its type. Goes out: a new object. Fields that the type
does not have stay, behind the others.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from webhook.injection.errors import InjectionError
from webhook.injection.quantities import to_canonical
from webhook.injection.types import Field, Type, types


def normalize(value: Any, type_name: str) -> Any:
    """A struct of this type in its normal form; anything but a mapping unchanged."""
    return _struct(value, types()[type_name]) if isinstance(value, dict) else value


def check(value: Any, type_name: str) -> None:
    """Refuses what cannot be of this type. Raises: InjectionError, naming the field."""
    _check(value, type_name, type_name, 0)


def _check(value: Any, type_name: str, where: str, depth: int) -> None:
    if value is None or depth > 20:
        return
    if not isinstance(value, Mapping):
        raise InjectionError(f"{where}: expected an object, got {_shown(value)}")
    for field in types()[type_name].fields:
        found = value.get(field.json)
        if found is None:
            continue
        place = f"{where}.{field.json}"
        if not field.is_list:
            _check_one(found, field.type, place, depth)
        elif not isinstance(found, list):
            raise InjectionError(f"{place}: expected a list, got {_shown(found)}")
        else:
            for index, each in enumerate(found):
                _check_one(each, field.type, f"{place}[{index}]", depth)


def _check_one(value: Any, type_name: str, where: str, depth: int) -> None:
    if type_name in types():
        _check(value, type_name, where, depth + 1)
    elif type_name in ("{}", "{q}"):
        if not isinstance(value, Mapping):
            raise InjectionError(f"{where}: expected an object, got {_shown(value)}")
        for key, each in value.items():
            _check_one(each, {"{}": "s", "{q}": "q"}[type_name], f"{where}[{key}]", depth)
    elif not _SCALARS[type_name](value):
        raise InjectionError(f"{where}: expected {_NAMES[type_name]}, got {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


_SCALARS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "s": lambda value: isinstance(value, str),
    "b": lambda value: isinstance(value, bool),
    "i": _is_whole,
    "q": lambda value: isinstance(value, str | int | float) and not isinstance(value, bool),
    "x": lambda value: True,
}
_NAMES: Final = {"s": "text", "b": "true or false", "i": "a whole number", "q": "a quantity"}


def _struct(value: dict[str, Any], type_: Type) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for field in type_.fields:
        found = value.get(field.json)
        if found is None:
            if field.always or field.type in ("ObjectMeta", "PodSpec", "PodTemplateSpec"):
                _put_zero(done, field)
            continue
        shaped = _value(found, field)
        if _is_written(shaped, field):
            done[field.json] = shaped
    done |= {key: value[key] for key in value.keys() - type_.by_json.keys() if value[key] is not None}
    return done


def _put_zero(done: dict[str, Any], field: Field) -> None:
    """Fields that are written even if they are empty."""
    if field.type == "x":
        done[field.json] = {}
    elif field.type == "q":
        done[field.json] = "0"
    elif field.type in ("s", "i", "b"):
        done[field.json] = None if field.is_pointer else {"s": "", "i": 0, "b": False}[field.type]
    elif not field.is_pointer:
        done[field.json] = None if field.is_list else _struct({}, types()[field.type])
    else:
        done[field.json] = None


def _is_written(value: Any, field: Field) -> bool:
    if field.always or field.is_pointer:
        return True
    if field.is_list or field.type in ("s", "i", "b", "{}", "{q}"):
        return bool(value)
    return value is not None


def _value(value: Any, field: Field) -> Any:
    if field.is_list:
        return [_element(each, field.type) for each in value] if isinstance(value, list) else value
    return _element(value, field.type)


def _element(value: Any, type_name: str) -> Any:
    if type_name in ("s", "i", "b", "x"):
        return _whole(value) if type_name == "i" else value
    if type_name == "{}":
        return dict(value) if isinstance(value, dict) else value
    if type_name == "q":
        return to_canonical(value)
    if type_name == "{q}":
        return {key: to_canonical(each) for key, each in value.items()} if isinstance(value, dict) else value
    return normalize(value, type_name)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def restore(raw: Any, normal: Any, result: Any) -> Any:
    """A result that was made of the normal form of `raw`, put back into its form: what did not change is as it was."""
    if result == normal:
        return raw
    if isinstance(raw, dict) and isinstance(normal, dict) and isinstance(result, dict):
        kept = {key: each for key, each in raw.items() if key in result or key not in normal}
        for key, each in result.items():
            if key in raw:
                kept[key] = restore(raw[key], normal.get(key), each)
            elif key not in normal or normal[key] != each:
                kept[key] = each
        return kept
    if isinstance(raw, list) and isinstance(normal, list) and isinstance(result, list) and len(raw) == len(normal):
        return [_restore_element(each, place, raw, normal) for place, each in enumerate(result)]
    return result


def _restore_element(element: Any, place: int, raw: list[Any], normal: list[Any]) -> Any:
    """An element of a list, found again by its name or its place."""
    name = element.get("name") if isinstance(element, dict) else None
    for there, each in enumerate(normal):
        if each == element or (name is not None and isinstance(each, dict) and each.get("name") == name):
            return restore(raw[there], each, element)
    if place < len(raw) and isinstance(element, dict) and name is None:
        return restore(raw[place], normal[place], element)
    return element
