"""Reading plain values of YAML by path, whatever is there.

In: a document's value and a path of keys. Out: what is wanted of it, or an empty one of its type. Nothing raises:
what people wrote may be anything, and saying that it is wrong is the schema's part.
"""

from collections.abc import Mapping

Value = Mapping[str, object]


def at(value: object, *path: str) -> object:
    """What is at the end of a path of keys; None where it ends early."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping_at(value: object, *path: str) -> Value:
    """A mapping, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def mappings_at(value: object, *path: str) -> list[Value]:
    """The mappings of a list; anything else in it counts as an empty one, so that positions stay true."""
    found = at(value, *path)
    return [each if isinstance(each, Mapping) else {} for each in found] if isinstance(found, list) else []


def text_at(value: object, *path: str) -> str:
    """Text; numbers and booleans as YAML writes them."""
    found = at(value, *path)
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int | float) else ""


def number_at(value: object, *path: str) -> int:
    """A whole number, or 0."""
    found = at(value, *path)
    if isinstance(found, str) and found.isdecimal() and len(found) < 10:
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def texts_at(value: object, *path: str) -> list[str]:
    """The texts of a list."""
    found = at(value, *path)
    return [str(each) for each in found] if isinstance(found, list) else []


def labels_at(value: object, *path: str) -> dict[str, str]:
    """Text by text."""
    found = mapping_at(value, *path)
    return {str(key): text_at(found, key) for key in found}


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every label of a selector is there; an empty selector selects all."""
    return all(labels.get(key) == value for key, value in selector.items())


def selects_by(selector: object, labels: Mapping[str, str]) -> bool:
    """The same with a label selector of Kubernetes: `matchLabels` and `matchExpressions`; empty or absent: all."""
    if not selects(labels_at(selector, "matchLabels"), labels):
        return False
    return all(_holds(each, labels) for each in mappings_at(selector, "matchExpressions"))


def _holds(expression: Value, labels: Mapping[str, str]) -> bool:
    key, values = text_at(expression, "key"), texts_at(expression, "values")
    match text_at(expression, "operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
