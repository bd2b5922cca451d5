"""Constants of Go in templates: quoted text, characters, numbers.

Comes in: as written. Goes out: the value, or None where it is malformed.
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\'\"])|x(?P<x>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<bad>.|$))",
    re.DOTALL,
)
_SIMPLE: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_INTEGER_LIMIT: Final = 1 << 63


def unquote(written: str) -> str | None:
    """The text of a quoted or raw string constant; bytes that are no UTF-8 become surrogates."""
    if written.startswith("`"):
        return written[1:-1].replace("\r", "")
    data = _unescape(written[1:-1], forbidden="'")
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _unescape(inner: str, forbidden: str) -> bytes | None:
    pieces: list[bytes] = []
    last = 0
    for found in _ESCAPE.finditer(inner):
        pieces.append(inner[last : found.start()].encode("utf-8", "surrogateescape"))
        last = found.end()
        if found["bad"] is not None or found["simple"] == forbidden:
            return None
        if found["simple"]:
            pieces.append(bytes([_SIMPLE[found["simple"]]]))
        elif found["x"] or found["octal"]:
            value = int(found["x"], 16) if found["x"] else int(found["octal"], 8)
            if value > 255:
                return None
            pieces.append(bytes([value]))
        else:
            point = int(found["u"] or found["U"], 16)
            if point > 0x10FFFF or 0xD800 <= point < 0xE000:
                return None
            pieces.append(chr(point).encode())
    pieces.append(inner[last:].encode("utf-8", "surrogateescape"))
    return b"".join(pieces)


def parse_character(written: str) -> int | None:
    """The code point of a character constant."""
    inner = written[1:-1]
    if len(inner) == 1 and inner != "\\":
        return ord(inner)
    if not inner.startswith("\\"):
        return None
    data = _unescape(inner, forbidden='"')
    if data is None:
        return None
    if inner[1] in "x01234567":
        return data[0] if len(data) == 1 else None
    text = data.decode("utf-8", "surrogateescape")
    return ord(text) if len(text) == 1 else None


def parse_number(written: str) -> int | float | None:
    """An integer or a float, by how it is written. Raises: OverflowError if an integer has more than 64 bits."""
    text = written.replace("_", "")
    body = text.lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    lower = body.lower()
    if not body or "__" in written or written.endswith("_"):
        return None
    try:
        if lower.startswith("0x") and ("p" in lower or "." in lower):
            return sign * float.fromhex(body) if "p" in lower else None
        if lower.startswith(("0x", "0o", "0b")):
            number = int(body, 0)
        elif any(mark in lower for mark in ".e"):
            return sign * float(body)
        elif len(body) > 1 and body.startswith("0"):
            number = int(body, 8)
        else:
            number = int(body)
    except ValueError:
        return None
    number *= sign
    if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        raise OverflowError(written)
    return number
