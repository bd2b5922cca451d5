"""Strategic merge: what a template says is laid over a pod, list by list as Kubernetes' types demand.

Comes in: an object, what is laid over it, and their type. Goes out: a new object; the two that came in stay as they
were.
Understands `$patch`, `$retainKeys` and `$deleteFromPrimitiveList/…`. Source: injection behaviour 2.4.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from webhook.injection.errors import InjectionError
from webhook.injection.types import Field, Type, types

_DELETE_VALUES: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"
Json = dict[str, Any]


def merge(original: Json, overlay: Json, type_name: str) -> Json:
    """`overlay` laid over `original`. Raises: InjectionError if a directive or an element makes no sense."""
    return _merge_map(original, overlay, types()[type_name])


def _merge_map(original: Json, overlay: Json, type_: Type | None) -> Json:
    directive = overlay.get("$patch")
    if directive is not None:
        return _replaced(overlay, directive)
    merged = _retained(original, overlay)
    for key, value in overlay.items():
        if key == "$retainKeys" or key.startswith(_ORDER):
            continue
        if key.startswith(_DELETE_VALUES):
            name = key.removeprefix(_DELETE_VALUES)
            merged[name] = [each for each in merged.get(name) or [] if each not in (value or [])]
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(merged.get(key), value, type_.by_json.get(key) if type_ else None)
    return merged


def _replaced(overlay: Json, directive: Any) -> Json:
    if directive == "replace":
        return {key: value for key, value in overlay.items() if key != "$patch"}
    if directive == "delete":
        return {}
    raise InjectionError(f"$patch: expected replace, delete or merge in a list, got {directive!r}")


def _retained(original: Json, overlay: Json) -> Json:
    keys = overlay.get("$retainKeys")
    if isinstance(keys, list):
        return {key: value for key, value in original.items() if key in keys}
    return dict(original)


def _merge_value(there: Any, value: Any, field: Field | None) -> Any:
    if isinstance(value, dict):
        inner = types().get(field.type) if field else None
        return _merge_map(there if isinstance(there, dict) else {}, value, inner)
    if isinstance(value, list) and isinstance(there, list) and field is not None and field.merges:
        return _merge_list(there, value, field)
    return _clean(value)


def _clean(value: Any) -> Any:
    """Without nulls and directives, which say nothing where there is nothing to change."""
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items() if each is not None and not key.startswith("$")}
    if isinstance(value, list):
        kept = (each for each in value if not (isinstance(each, dict) and each.get("$patch") == "delete"))
        return [_clean(each) for each in kept if not (isinstance(each, dict) and set(each) == {"$patch"})]
    return value


def _merge_list(there: list[Any], value: list[Any], field: Field) -> list[Any]:
    if not all(isinstance(each, dict) for each in (*there, *value)):
        if any(isinstance(each, dict | list) for each in (*there, *value)):
            raise InjectionError(f"{field.json}: elements of different kinds cannot be merged")
        return _ordered(_unique((*value, *(each for each in there if each not in value))), there, value)
    there, value, replaced = _directives(there, value, field)
    if replaced:
        return [_clean(each) for each in value]
    original, overlay = _identified(there, field), _identified(value, field)
    merged, inner = dict(original), types().get(field.type)
    for identity, each in overlay.items():
        merged[identity] = _merge_map(merged[identity], each, inner) if identity in merged else _clean(each)
    return [merged[identity] for identity in _ordered(list(merged), list(original), list(overlay))]


def _identified(elements: list[Json], field: Field) -> dict[Any, Json]:
    """By key and how many of that key came before: port 53 of TCP and that of UDP are two."""
    found: dict[Any, Json] = {}
    seen: Counter[Any] = Counter()
    for each in elements:
        key = _key_of(each, field)
        found[key, seen[key]] = each
        seen[key] += 1
    return found


def _directives(there: list[Json], value: list[Json], field: Field) -> tuple[list[Json], list[Json], bool]:
    """Obeys elements with `$patch`: what remains of both lists, and whether the second replaces the first."""
    plain = [each for each in value if "$patch" not in each]
    replaced = False
    for each in value:
        match each.get("$patch"):
            case None:
                pass
            case "delete":
                gone = _key_of(each, field)
                there = [one for one in there if one.get(field.merge_key) != gone]
            case "replace":
                replaced = True
            case other:
                raise InjectionError(f"{field.json}: $patch: expected delete or replace, got {other!r}")
    return there, plain, replaced


def _key_of(element: Json, field: Field) -> Any:
    identity = element.get(field.merge_key)
    if identity is None or isinstance(identity, dict | list):
        raise InjectionError(f"{field.json}: an element without {field.merge_key}, by which they are merged")
    return identity


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _ordered(identities: list[Any], there: list[Any], laid_over: list[Any]) -> list[Any]:
    """The overlay's elements in its order; before each, those of the original that stood before it there."""
    rank = {identity: place for place, identity in enumerate(there)}
    overlay = [identity for identity in _unique(laid_over) if identity in set(identities)]
    kept = [identity for identity in there if identity not in set(overlay)]
    order: list[Any] = []
    waiting = iter(_unique(kept))
    next_kept = next(waiting, None)
    for identity in overlay:
        while next_kept is not None and identity in rank and rank[next_kept] < rank[identity]:
            order.append(next_kept)
            next_kept = next(waiting, None)
        order.append(identity)
    if next_kept is not None:
        order += [next_kept, *waiting]
    return order
