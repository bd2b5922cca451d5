"""How Go prints values: `fmt.Sprint` and `fmt.Sprintf`.

Comes in: values of templates. Goes out: text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from webhook.gotemplate.limits import check_size, check_weight
from webhook.gotemplate.values import Enumerated, Object, kind_of, sorted_items, type_of

_ESCAPES: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
}  # fmt: skip


_EXPONENT_FROM: Final = 6
"""From this power of ten on, `%v` of a float has an exponent."""


def quote(text: str, mark: str = '"', *, ascii_only: bool = False) -> str:
    """A Go string constant (or character constant, by `mark`) with this value."""
    plain = text.isascii() and text.isprintable() and mark not in text and "\\" not in text
    return mark + (text if plain else "".join(_escape(each, mark, ascii_only) for each in text)) + mark


def _escape(character: str, mark: str, ascii_only: bool) -> str:
    point = ord(character)
    if character == mark:
        return "\\" + mark
    if character in _ESCAPES:
        return _ESCAPES[character]
    if 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point - 0xDC00:02x}"
    if character.isprintable() and not (ascii_only and point > 127):
        return character
    if point < 0x20 or point == 0x7F:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def format_float(number: float, verb: str = "g", precision: int = -1) -> str:
    """As `strconv.FormatFloat`; precision -1 means as many digits as it takes."""
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "+Inf" if number > 0 else "-Inf"
    if verb in "eE":
        text = f"{number:.{precision}e}" if precision >= 0 else _shortest_exponent(number)
    elif verb in "fF":
        text = f"{number:.{precision}f}" if precision >= 0 else _shortest_plain(number)
    else:
        text = _general(number, precision)
    return text.upper() if verb in "EG" else text


def _digits(number: float) -> tuple[str, str, int]:
    """Sign, shortest digits, and the exponent of the first."""
    mantissa, _, exponent = f"{number!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    power = len(whole) - 1 + int(exponent or 0)
    power -= len(whole + fraction) - len((whole + fraction).lstrip("0")) if digits else 0
    return sign, digits.rstrip("0") or "0", power if digits else 0


def _shortest_exponent(number: float) -> str:
    sign, digits, power = _digits(number)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _shortest_plain(number: float) -> str:
    sign, digits, power = _digits(number)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    digits = digits.ljust(power + 1, "0")
    fraction = f".{digits[power + 1 :]}" if len(digits) > power + 1 else ""
    return sign + digits[: power + 1] + fraction


def _general(number: float, precision: int) -> str:
    if precision >= 0:
        text = f"{number:.{precision or 1}g}"
        mantissa, mark, exponent = text.partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}" if mark else text
    power = _digits(number)[2]
    return _shortest_exponent(number) if power < -4 or power >= _EXPONENT_FROM else _shortest_plain(number)


def sprint(values: Sequence[Any]) -> str:
    """As `fmt.Sprint`: a space between two operands of which neither is a string."""
    if len(values) == 1:
        return to_text(values[0])
    check_weight(*values)
    pieces: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            pieces.append(" ")
        pieces.append(to_text(value))
    return "".join(pieces)


def to_text(value: Any) -> str:
    """As `%v` prints it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, dict | list | Object):
        check_weight(value)
        return _compound(value, to_text)
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enumerated):
        return value.name
    if isinstance(value, float):
        return format_float(value)
    return str(value) if isinstance(value, int) else f"<{type_of(value)}>"


def _compound(value: Any, inner: Callable[[Any], str]) -> str:
    if isinstance(value, dict):
        return "map[" + " ".join(f"{inner(key)}:{inner(each)}" for key, each in sorted_items(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(inner, value)) + "]"
    if value.is_nil:
        return "<nil>"
    return "{" + " ".join(inner(each) for _, each in value.fields()) + "}"


def to_syntax(value: Any) -> str:
    """As `%#v` prints it."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{to_syntax(key)}:{to_syntax(each)}" for key, each in sorted_items(value))
        return f"{type_of(value)}{{{inner}}}"
    if isinstance(value, list):
        return f"{type_of(value)}{{{', '.join(map(to_syntax, value))}}}"
    if isinstance(value, Object):
        return f"{type_of(value)}{{{', '.join(f'{name}:{to_syntax(each)}' for name, each in value.fields())}}}"
    if isinstance(value, Enumerated):
        return str(int(value))
    return "interface {}(nil)" if value is None else _scalar(value)


_DIRECTIVE: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d+|\*)?(?:\.(?P<precision>\d+|\*)?)?(?P<verb>.)?", re.DOTALL
)


def sprintf(template: str, arguments: Sequence[Any]) -> str:
    """As `fmt.Sprintf`, wrong verbs and numbers of arguments reported in the text as Go does."""
    check_weight(*arguments)
    formatter = _Formatter(arguments)
    text = _DIRECTIVE.sub(formatter.replace, template)
    return text + formatter.surplus()


class _Formatter:
    """One call of sprintf: which arguments are used up."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.arguments = arguments
        self.used = 0
        self.size = 0

    def surplus(self) -> str:
        """What Go says about arguments that no verb took."""
        rest = self.arguments[self.used :]
        shown = ", ".join("<nil>" if each is None else f"{type_of(each)}={to_text(each)}" for each in rest)
        return f"%!(EXTRA {shown})" if rest else ""

    def _number(self, text: str | None, wrong: str) -> tuple[int | None, str]:
        if text != "*":
            return (int(text) if text else None), ""
        value = self.arguments[self.used] if self.used < len(self.arguments) else None
        self.used += 1
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1_000_000:
            return value, ""
        return None, f"%!({wrong})"

    def replace(self, found: re.Match[str]) -> str:
        """One directive, formatted."""
        verb, flags = found["verb"], set(found["flags"])
        width, complaint = self._number(found["width"], "BADWIDTH")
        precision, further = self._number(found["precision"], "BADPREC")
        if "." in found[0] and found["precision"] is None:
            precision = 0
        if width is not None and width < 0:
            width, flags = -width, flags | {"-"}
        check_size(max(width or 0, precision or 0))
        complaint += further
        if verb is None:
            return complaint + "%!(NOVERB)"
        if verb == "%":
            return complaint + "%"
        if self.used >= len(self.arguments):
            return f"{complaint}%!{verb}(MISSING)"
        value = self.arguments[self.used]
        self.used += 1
        precision = None if precision is not None and precision < 0 else precision
        text = complaint + _Directive(verb, flags, width, precision).of(value)
        self.size += len(text)
        check_size(self.size)
        return text


class _Directive:
    """A verb with its flags."""

    def __init__(self, verb: str, flags: set[str], width: int | None, precision: int | None) -> None:
        self.verb, self.flags, self.width, self.precision = verb, flags, width, precision

    def of(self, value: Any) -> str:
        """One value, formatted and padded."""
        if self.verb == "T":
            return self._pad(type_of(value))
        if self.verb == "v" and "#" in self.flags:
            return to_syntax(value)
        if value is None:
            return self._pad("<nil>") if self.verb == "v" else f"%!{self.verb}(<nil>)"
        if isinstance(value, dict | list | Object):
            return _compound(value, lambda each: "<nil>" if each is None else self.of(each))
        if isinstance(value, Enumerated) and self.verb in "sqxX":
            value = value.name
        text = getattr(self, f"_{kind_of(value)}", self._wrong)(value)
        return str(text)

    def _wrong(self, value: Any) -> str:
        plain = _Directive("v", self.flags - {"#"}, self.width, self.precision)
        return f"%!{self.verb}({type_of(value)}={plain.of(value)})"

    def _pad(self, text: str, *, numeric: bool = False) -> str:
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if "-" in self.flags:
            return text + " " * missing
        if "0" in self.flags and numeric and text[:1] in "+- ":
            return text[0] + "0" * missing + text[1:]
        return ("0" if "0" in self.flags and numeric else " ") * missing + text

    def _bool(self, value: bool) -> str:
        return self._pad("true" if value else "false") if self.verb in "vt" else self._wrong(value)

    def _string(self, value: str) -> str:
        cut = value if self.precision is None else value[: self.precision]
        if self.verb in "vs":
            return self._pad(cut)
        if self.verb == "q":
            raw = "#" in self.flags and "`" not in cut and (cut.isprintable() or "\t" in cut)
            return self._pad(f"`{cut}`" if raw else quote(cut, ascii_only="+" in self.flags))
        if self.verb in "xX":
            digits = value.encode("utf-8", "surrogateescape")[: self.precision].hex(" " if " " in self.flags else "\0")
            text = digits.replace("\0", "")
            return self._pad(text.upper() if self.verb == "X" else text)
        return self._wrong(value)

    def _sign(self, negative: bool) -> str:
        return "-" if negative else "+" if "+" in self.flags else " " if " " in self.flags else ""

    def _int(self, value: int) -> str:
        if self.verb == "v" and isinstance(value, Enumerated):
            return self._pad(value.name)
        if self.verb in "qcU":
            return self._code_point(value)
        base = {"v": "d", "d": "d", "x": "x", "X": "X", "o": "o", "O": "o", "b": "b"}.get(self.verb)
        if base is None:
            return self._wrong(value)
        prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(self.verb, "") if "#" in self.flags else ""
        digits = format(abs(value), base)
        if self.precision is not None:
            digits = "" if self.precision == 0 and value == 0 else digits.rjust(self.precision, "0")
            self.flags = self.flags - {"0"}
        prefix = "0o" if self.verb == "O" else prefix
        return self._pad(self._sign(value < 0) + prefix + digits, numeric=True)

    def _code_point(self, value: int) -> str:
        character = chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"
        if self.verb == "U":
            shown = f" '{character}'" if "#" in self.flags and character.isprintable() else ""
            return self._pad(f"U+{value:04X}{shown}")
        return self._pad(character if self.verb == "c" else quote(character, "'", ascii_only="+" in self.flags))

    def _float(self, value: float) -> str:
        if self.verb not in "veEfFgG":
            return self._wrong(value)
        verb = "g" if self.verb == "v" else self.verb
        precision = self.precision
        if precision is None:
            precision = 6 if verb in "eEfF" else -1
        text = format_float(abs(value), verb, precision)
        negative = value < 0 or (value == 0 and str(value).startswith("-"))
        finite = text[-1:].isdigit()
        padded = _Directive(self.verb, self.flags if finite else self.flags - {"0"}, self.width, None)
        return padded._pad(self._sign(negative) + text.lstrip("+"), numeric=True)
