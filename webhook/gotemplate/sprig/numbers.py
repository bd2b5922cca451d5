"""Sprig's functions about numbers. Integers have 64 bits, as Go's.

Comes in: numbers, or text that is one. Goes out: numbers.
"""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, Final

from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.limits import check_size
from webhook.gotemplate.values import Function


def to_integer(value: Any) -> int:
    """Text and floats as an integer, anything else as 0."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return wrapped(int(value))
    if isinstance(value, float):
        return wrapped(int(value)) if math.isfinite(value) else 0
    if not isinstance(value, str) or len(value) > 100:
        return 0
    try:
        return wrapped(int(value, 0))
    except ValueError:
        return int(value) if value.isdecimal() and value.isascii() else 0


def to_float(value: Any) -> float:
    """Text and integers as a float, anything else as 0."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else 0.0
    except ValueError:
        return 0.0


def wrapped(number: int) -> int:
    """With the 64 bits that Go keeps."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _reduced(combine: Callable[[int, int], int]) -> Callable[..., int]:
    return lambda *values: reduce(lambda left, right: wrapped(combine(left, right)), map(to_integer, values))


def divide(left: Any, right: Any) -> int:
    """Towards zero."""
    above, below = to_integer(left), to_integer(right)
    if below == 0:
        raise FunctionError("runtime error: integer divide by zero")
    return wrapped(abs(above) // abs(below) * (1 if (above < 0) == (below < 0) else -1))


def remainder(left: Any, right: Any) -> int:
    """With the sign of the left side."""
    return to_integer(left) - divide(left, right) * to_integer(right)


def _divided(above: float, below: float) -> float:
    if below:
        return above / below
    return math.nan if above == 0 or math.isnan(above) else math.copysign(math.inf, above)


def count(start: int, stop: int, step: int) -> list[Any]:
    """Numbers from `start` up or down to before `stop`."""
    if step == 0 or (stop - start) * step <= 0:
        return []
    check_size(abs(stop - start) // abs(step))
    return list(range(start, stop, step))


def sequence(*bounds: int) -> str:
    """As the program `seq`: first, step, last, separated by spaces."""
    first, step, last = 1, 0, 0
    match bounds:
        case (last,):
            pass
        case (first, last):
            pass
        case (first, step, last):
            pass
        case _:
            return ""
    step = step or (1 if last >= first else -1)
    return " ".join(map(str, count(first, last + (1 if step > 0 else -1), step)))


def rounded(value: Any, places: int, half: float = 0.5) -> float:
    """To so many decimal places."""
    power = 10.0 ** max(-300, min(300, places))
    number = to_float(value) * power
    fraction = math.modf(number)[0]
    return (math.ceil(number) if fraction >= half else math.floor(number)) / power


def to_decimal(value: Any) -> int:
    """Text of an octal number."""
    try:
        return int(str(value), 8)
    except ValueError:
        return 0


_ANY: Final = ("any",)
_BOTH: Final = ("any", "any")

FUNCTIONS: Final = {
    "int": Function(to_integer, _ANY),
    "int64": Function(to_integer, _ANY),
    "float64": Function(to_float, _ANY),
    "atoi": Function(to_integer, ("string",)),
    "toDecimal": Function(to_decimal, _ANY),
    "add": Function(_reduced(lambda left, right: left + right), _ANY, "any"),
    "add1": Function(lambda value: wrapped(to_integer(value) + 1), _ANY),
    "sub": Function(lambda left, right: wrapped(to_integer(left) - to_integer(right)), _BOTH),
    "mul": Function(_reduced(lambda left, right: left * right), _ANY, "any"),
    "div": Function(divide, _BOTH),
    "mod": Function(remainder, _BOTH),
    "max": Function(lambda *values: max(map(to_integer, values)), _ANY, "any"),
    "biggest": Function(lambda *values: max(map(to_integer, values)), _ANY, "any"),
    "min": Function(lambda *values: min(map(to_integer, values)), _ANY, "any"),
    "maxf": Function(lambda *values: max(map(to_float, values)), _ANY, "any"),
    "minf": Function(lambda *values: min(map(to_float, values)), _ANY, "any"),
    "addf": Function(lambda *values: math.fsum(map(to_float, values)), (), "any"),
    "subf": Function(lambda left, *rest: to_float(left) - math.fsum(map(to_float, rest)), _ANY, "any"),
    "mulf": Function(lambda *values: math.prod(map(to_float, values)), _ANY, "any"),
    "divf": Function(lambda left, *rest: reduce(_divided, map(to_float, rest), to_float(left)), _ANY, "any"),
    "add1f": Function(lambda value: to_float(value) + 1, _ANY),
    "ceil": Function(lambda value: float(math.ceil(to_float(value))), _ANY),
    "floor": Function(lambda value: float(math.floor(to_float(value))), _ANY),
    "round": Function(rounded, ("any", "int"), "float64"),
    "until": Function(lambda stop: count(0, stop, 1 if stop > 0 else -1), ("int",)),
    "untilStep": Function(count, ("int", "int", "int")),
    "seq": Function(sequence, (), "int"),
}
"""By name."""
