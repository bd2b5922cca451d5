"""Sprig's functions about text.

Comes in: arguments as templates write them: what is worked on comes last. Goes out: text.
"""

import re
from typing import Any, Final

import re2

from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.formatting import quote, to_text
from webhook.gotemplate.limits import check_size, check_weight
from webhook.gotemplate.values import Function

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def to_string(value: Any) -> str:
    """Any value as text."""
    return to_text(value)


def indent(spaces: int, text: str) -> str:
    """Every line, that many spaces to the right."""
    check_size(len(text) + (text.count("\n") + 1) * max(spaces, 0))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def truncate(length: int, text: str) -> str:
    """The first characters, or with a negative length the last."""
    data = text.encode("utf-8", "surrogateescape")
    if length < 0:
        data = data[length:] if len(data) + length > 0 else data
    else:
        data = data[:length]
    return data.decode("utf-8", "surrogateescape")


def substring(start: int, end: int, text: str) -> str:
    """From `start` up to `end`; a negative one means all of that side."""
    data = text.encode("utf-8", "surrogateescape")
    if start < 0:
        part = data[: max(end, 0)]
    else:
        part = data[start:] if end < 0 or end > len(data) else data[start:end]
    return part.decode("utf-8", "surrogateescape")


def repeat(count: int, text: str) -> str:
    """The text, so many times."""
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    check_size(count * len(text))
    return text * count


def join(separator: str, value: Any) -> str:
    """Elements as text, with a separator between them."""
    check_weight(value)
    parts = as_strings(value)
    check_size(len(separator) * len(parts))
    return separator.join(parts)


def as_strings(value: Any) -> list[str]:
    """Elements as text; nil ones left out; anything but a list is its only element."""
    if value is None:
        return []
    return [to_text(each) for each in value if each is not None] if isinstance(value, list) else [to_text(value)]


def split(separator: str, text: str) -> dict[str, Any]:
    """Parts by the keys `_0`, `_1` …"""
    return {f"_{number}": part for number, part in enumerate(split_list(separator, text))}


def split_list(separator: str, text: str) -> list[Any]:
    """Parts between separators; characters if there is no separator."""
    return text.split(separator) if separator else list(text)


def split_some(separator: str, count: int, text: str) -> dict[str, Any]:
    """As `split`, at most so many parts."""
    parts = text.split(separator, count - 1) if count > 0 else [] if count == 0 else text.split(separator)
    return {f"_{number}": part for number, part in enumerate(parts)}


def replace(old: str, new: str, text: str) -> str:
    """Every occurrence replaced."""
    check_size(len(text) + (text.count(old) if old else len(text) + 1) * len(new))
    return text.replace(old, new)


def title(text: str) -> str:
    """Upper case where words begin."""
    return re.sub(r"(?<![\w'])\w", lambda found: found[0].upper(), text)


def wrap(width: int, separator: str, text: str) -> str:
    """Lines of at most this width, where words allow it."""
    lines: list[str] = []
    for line in text.split("\n"):
        current = ""
        for word in line.split(" "):
            if current and len(current) + 1 + len(word) > width:
                lines.append(current)
                current = word
            else:
                current = f"{current} {word}" if current else word
        lines.append(current)
    check_size(len(text) + len(separator) * len(lines))
    return separator.join(lines)


def abbreviate(width: int, text: str) -> str:
    """With an ellipsis where it is cut."""
    return text if width < 4 or len(text) <= width else text[: width - 3] + "..."


def snake(text: str, mark: str = "_") -> str:
    """lower_case_words."""
    return mark.join(word.lower() for word in _WORDS.findall(text))


def camel(text: str) -> str:
    """UpperCaseWords."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[_\s-]+", text))


def quoted(*values: Any) -> str:
    """Each as a Go string constant; nil ones left out."""
    return " ".join(quote(to_text(value)) for value in values if value is not None)


def single_quoted(*values: Any) -> str:
    """Each between apostrophes, nothing escaped; nil ones left out."""
    return " ".join(f"'{to_text(value)}'" for value in values if value is not None)


def concatenate(*values: Any) -> str:
    """Values with a space between them; nil ones left out."""
    check_weight(*values)
    return " ".join(to_text(value) for value in values if value is not None)


def _pattern(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise FunctionError(f"error parsing regexp: {error}") from error


def _expansion(template: str) -> str:
    """Go's `${1}` and `$name` as RE2's library wants them."""
    escaped = template.replace("\\", "\\\\")
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+)|\$)", lambda found: f"\\g<{found[1] or found[2]}>" if found[0] != "$$" else "$", escaped
    )


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern occurs."""
    return _pattern(pattern).search(text) is not None


def find(pattern: str, text: str) -> str:
    """The first occurrence, or nothing."""
    found = _pattern(pattern).search(text)
    return str(found.group()) if found else ""


def find_all(pattern: str, text: str, count: int) -> list[Any]:
    """All occurrences, at most so many if that is not negative."""
    found = [each.group() for each in _pattern(pattern).finditer(text)]
    return found if count < 0 else found[:count]


def replace_pattern(pattern: str, text: str, replacement: str) -> str:
    """Every occurrence replaced; `${1}` is a group."""
    compiled = _pattern(pattern)
    check_size(len(text) + (len(compiled.findall(text)) + 1) * (len(replacement) + len(text) * replacement.count("$")))
    return str(compiled.sub(_expansion(replacement), text))


def replace_literally(pattern: str, text: str, replacement: str) -> str:
    """Every occurrence replaced by exactly this."""
    compiled = _pattern(pattern)
    check_size(len(text) + (len(compiled.findall(text)) + 1) * len(replacement))
    return str(compiled.sub(lambda _: replacement, text))


def split_pattern(pattern: str, text: str, count: int) -> list[Any]:
    """Parts between occurrences, at most so many if that is not negative."""
    if count == 0:
        return []
    return list(_pattern(pattern).split(text, count - 1 if count > 0 else 0)) if count != 1 else [text]


_ONE: Final = ("string",)
_TWO: Final = ("string", "string")

FUNCTIONS: Final = {
    "trim": Function(lambda text: text.strip(), _ONE),
    "upper": Function(lambda text: text.upper(), _ONE),
    "lower": Function(lambda text: text.lower(), _ONE),
    "title": Function(title, _ONE),
    "untitle": Function(lambda text: re.sub(r"\b\w", lambda found: found[0].lower(), text), _ONE),
    "swapcase": Function(lambda text: text.swapcase(), _ONE),
    "nospace": Function(lambda text: "".join(text.split()), _ONE),
    "initials": Function(lambda text: "".join(word[0] for word in text.split()), _ONE),
    "trimAll": Function(lambda marks, text: text.strip(marks) if marks else text, _TWO),
    "trimall": Function(lambda marks, text: text.strip(marks) if marks else text, _TWO),
    "trimSuffix": Function(lambda suffix, text: text.removesuffix(suffix), _TWO),
    "trimPrefix": Function(lambda prefix, text: text.removeprefix(prefix), _TWO),
    "contains": Function(lambda part, text: part in text, _TWO),
    "hasPrefix": Function(lambda prefix, text: text.startswith(prefix), _TWO),
    "hasSuffix": Function(lambda suffix, text: text.endswith(suffix), _TWO),
    "snakecase": Function(snake, _ONE),
    "kebabcase": Function(lambda text: snake(text, "-"), _ONE),
    "camelcase": Function(camel, _ONE),
    "plural": Function(lambda one, many, count: one if count == 1 else many, ("string", "string", "int")),
    "repeat": Function(repeat, ("int", "string")),
    "substr": Function(substring, ("int", "int", "string")),
    "trunc": Function(truncate, ("int", "string")),
    "abbrev": Function(abbreviate, ("int", "string")),
    "wrap": Function(lambda width, text: wrap(width, "\n", text), ("int", "string")),
    "wrapWith": Function(wrap, ("int", "string", "string")),
    "indent": Function(indent, ("int", "string")),
    "nindent": Function(lambda spaces, text: "\n" + indent(spaces, text), ("int", "string")),
    "replace": Function(replace, ("string", "string", "string")),
    "join": Function(join, ("string", "any")),
    "split": Function(split, _TWO),
    "splitList": Function(split_list, _TWO),
    "splitn": Function(split_some, ("string", "int", "string")),
    "sortAlpha": Function(lambda value: sorted(as_strings(value)), ("any",)),
    "toStrings": Function(as_strings, ("any",)),
    "toString": Function(to_string, ("any",)),
    "quote": Function(quoted, (), "any"),
    "squote": Function(single_quoted, (), "any"),
    "cat": Function(concatenate, (), "any"),
    "regexMatch": Function(matches, _TWO),
    "mustRegexMatch": Function(matches, _TWO),
    "regexFind": Function(find, _TWO),
    "mustRegexFind": Function(find, _TWO),
    "regexFindAll": Function(find_all, ("string", "string", "int")),
    "mustRegexFindAll": Function(find_all, ("string", "string", "int")),
    "regexReplaceAll": Function(replace_pattern, ("string", "string", "string")),
    "mustRegexReplaceAll": Function(replace_pattern, ("string", "string", "string")),
    "regexReplaceAllLiteral": Function(replace_literally, ("string", "string", "string")),
    "mustRegexReplaceAllLiteral": Function(replace_literally, ("string", "string", "string")),
    "regexSplit": Function(split_pattern, ("string", "string", "int")),
    "mustRegexSplit": Function(split_pattern, ("string", "string", "int")),
    "regexQuoteMeta": Function(lambda text: re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text), _ONE),
}
"""By name."""
