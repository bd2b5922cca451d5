"""Kubernetes quantities in their canonical form: `2000m` is `2`, `1024Mi` is `1Gi`.

Comes in: text (or a number) as people write it. Goes out: as the API server writes it.
"""

import re
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from typing import Any, Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?", re.ASCII
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"": 0, "Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_PRECISE: Final = Context(prec=60)
_LARGEST_POWER: Final = 19  # of ten: beyond it everything is the largest quantity
_MOST: Final = Decimal(2**63 - 1)


@lru_cache(maxsize=1024)
def canonical(quantity: str) -> str:
    """Its canonical form. Raises: ValueError if it is no quantity. Source: injection behaviour 2.7."""
    found = _QUANTITY.fullmatch(quantity) if len(quantity) <= 64 else None
    if found is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, binary, suffix, exponent = found.groups()
    value = Decimal(number)
    if binary:
        return _binary(min(max(_PRECISE.multiply(value, Decimal(1024 ** _BINARY[binary])), -_MOST), _MOST))
    power = int(exponent) if exponent else _DECIMAL[suffix or ""]
    if power > _LARGEST_POWER:
        return _decimal(_MOST.copy_sign(value) if value else value, scientific=True)
    # Nano is the smallest unit: what is below is rounded up.
    value = (value * Decimal(10) ** power).quantize(Decimal("1e-9"), ROUND_CEILING, _PRECISE)
    return _decimal(min(max(value, -_MOST), _MOST), scientific=exponent is not None)


def to_canonical(value: Any) -> Any:
    """As `canonical`, of whatever stands there: numbers too; what is no quantity stays."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return canonical(value if isinstance(value, str) else str(value))
    except ValueError:
        return value


def _binary(value: Decimal) -> str:
    if value != value.to_integral_value() or abs(value) < 1024:
        return _decimal(value, scientific=False)
    number, unit = int(value), ""
    for name in list(_BINARY)[1:]:
        if number % 1024:
            break
        number, unit = number // 1024, name
    return f"{number}{unit}"


def _decimal(value: Decimal, *, scientific: bool) -> str:
    if value == 0:
        return "0"
    for name in reversed(_DECIMAL):
        scaled = value.scaleb(-_DECIMAL[name], _PRECISE)
        if scaled == scaled.to_integral_value(context=_PRECISE):
            power = _DECIMAL[name]
            return f"{int(scaled)}" + (f"e{power}" if scientific and power else "" if scientific else name)
    return f"{int(value.scaleb(9, _PRECISE))}n"
