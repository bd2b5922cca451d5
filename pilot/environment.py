"""Reading of settings from text: the forms that flags and environment variables have.

In: text. Out: values; a table of variables becomes values by field. Reads no environment itself: it is given one.
Source: operations 7.
"""

from collections.abc import Callable, Mapping
from typing import Any

Table = Mapping[str, tuple[str, Callable[[str], Any]]]
"""By variable: the field that it sets, and what reads its text. Raises: ValueError."""


def parse_bool(text: str) -> bool:
    """`1`, `t`, `true`, `0`, `f`, `false` in any case. Raises: ValueError."""
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise ValueError(f"expected true or false, got {text!r}")


def parse_list(text: str) -> tuple[str, ...]:
    """Comma separated, blanks dropped."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read(table: Table, environ: Mapping[str, str], warnings: list[str]) -> dict[str, Any]:
    """Field values for the variables that are set; a value that cannot be read is a warning and stays the default."""
    values: dict[str, Any] = {}
    for variable, (name, parse) in table.items():
        text = environ.get(variable, "")
        if not text:
            continue
        try:
            values[name] = parse(text)
        except ValueError as error:
            warnings.append(f"environment variable {variable}: {error}; the default is used")
    return values
