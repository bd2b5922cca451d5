"""How much a template may do.

Values can hold one list many times (`$l = list $l $l`), so that few steps make something huge once it is printed:
whatever walks all of a value weighs it first.
"""

from dataclasses import dataclass
from typing import Any, Final

from webhook.gotemplate.errors import LimitError
from webhook.gotemplate.values import Object

LARGEST_VALUE: Final = 1 << 20
"""Characters and elements of one value, counted as often as they are held."""

DEEPEST_VALUE: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one rendering: statements done and large values handled; characters of output; templates in templates."""

    steps: int = 300_000
    output: int = 2 << 20
    depth: int = 40


def check_size(size: int) -> None:
    """Refuses to make something of this size. Raises: LimitError."""
    if size > LARGEST_VALUE:
        raise LimitError(f"a value of {size} characters or elements: at most {LARGEST_VALUE}")


def check_weight(*values: Any) -> None:
    """Refuses values that are too large as a whole, or too deep. Raises: LimitError."""
    left = LARGEST_VALUE
    pending: list[tuple[Any, int]] = [(value, 0) for value in values]
    while pending:
        value, depth = pending.pop()
        left -= 1
        if isinstance(value, str):
            left -= len(value)
        elif isinstance(value, dict | list | Object):
            if depth > DEEPEST_VALUE:
                raise LimitError(f"a value with more than {DEEPEST_VALUE} levels")
            parts = _parts(value)
            left -= len(parts)
            if left < 0:
                break
            pending.extend((part, depth + 1) for part in parts)
        if left < 0:
            break
    if left < 0:
        raise LimitError(f"a value of more than {LARGEST_VALUE} characters and elements")


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return [part for _, part in value.fields()] if isinstance(value, Object) else value
