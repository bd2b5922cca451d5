"""Sprig's functions about other notations: JSON, base64, digests, paths, versions.

Comes in: values of templates. Goes out: text, or values out of it.
"""

import base64
import binascii
import hashlib
import json
import posixpath
import re
import zlib
from collections.abc import Callable
from typing import Any, Final

from webhook.gotemplate.errors import FunctionError
from webhook.gotemplate.limits import check_weight
from webhook.gotemplate.values import Enumerated, Function, Object

_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def plain(value: Any) -> Any:
    """A value as JSON has it: whole floats without a fraction, structs as maps. It must have been weighed before."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, Enumerated):
        return int(value)
    if isinstance(value, Object):
        return None if value.is_nil else {name: plain(each) for name, each in value.fields()}
    return value


def to_json(value: Any, *, spaces: int | None = None, html: bool = True) -> str:
    """JSON, keys sorted, as Go writes it."""
    check_weight(value)
    separators = (",", ":") if spaces is None else (",", ": ")
    text = json.dumps(plain(value), indent=spaces, separators=separators, sort_keys=True, ensure_ascii=False)
    return text.translate(_HTML) if html else text


def from_json(text: str) -> Any:
    """What JSON says, numbers as floats. Raises: FunctionError."""
    try:
        return json.loads(text, parse_int=float, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FunctionError(f"invalid JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


def from_json_or_nothing(text: str) -> Any:
    """What JSON says, nil if it is none."""
    try:
        return from_json(text)
    except FunctionError:
        return None


def _data(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoder(decode: Callable[[str], bytes]) -> Callable[[str], str]:
    def run(text: str) -> str:
        try:
            return decode(text).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            return "illegal base64 data at input byte 0"

    return run


_NUMBER: Final = r"(?:0|[1-9]\d{0,9})"
_VERSION: Final = re.compile(
    rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_CONSTRAINT: Final = re.compile(r"\s*(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*(v?[0-9xX*][^\s,|]*)")


def parse_version(text: str) -> tuple[int, int, int, bool, str]:
    """Comparable: numbers, whether it is a release, and the pre-release. Raises: FunctionError."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise FunctionError("invalid semantic version")
    return int(found[1]), int(found[2] or 0), int(found[3] or 0), found[4] is None, found[4] or ""


def _satisfies(version: tuple[int, int, int, bool, str], mark: str, wanted: str) -> bool:
    given = re.sub(r"\.[xX*].*$", "", wanted)
    if given in ("x", "X", "*"):
        return True
    bound = parse_version(given)
    parts = len(given.split("-")[0].split("."))
    if mark in ("~", "~>") or (mark in ("", "=", "==") and parts < 3):
        keep = min(parts, 2) if mark else parts
        return version >= bound and version[:keep] == bound[:keep]
    if mark == "^":
        keep = next((place + 1 for place in range(3) if bound[place]), parts)
        return version >= bound and version[:keep] == bound[:keep]
    holds = {"": version == bound, "=": version == bound, "==": version == bound, "!=": version != bound}
    holds |= {">=": version >= bound, "=>": version >= bound, "<=": version <= bound, "=<": version <= bound}
    return (holds | {">": version > bound, "<": version < bound})[mark]


def version_satisfies(constraint: str, text: str) -> bool:
    """`semverCompare ">=1.2, <2 || 3.x" "1.5.0"`."""
    version = parse_version(text)
    if len(constraint) > 1000:
        raise FunctionError("improper constraint: too long")
    for alternative in constraint.split("||"):
        found = _CONSTRAINT.findall(alternative)
        if not found or _CONSTRAINT.sub("", alternative).strip(" ,"):
            raise FunctionError(f"improper constraint: {constraint}")
        if all(_satisfies(version, mark, wanted) for mark, wanted in found):
            return True
    return False


def clean_path(path: str) -> str:
    """Without dots and doubled slashes."""
    cleaned = posixpath.normpath(path or ".")
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def directory(path: str) -> str:
    """All but the last element of a path."""
    return clean_path(path[: path.rfind("/") + 1])


_ONE: Final = ("string",)
_ANY: Final = ("any",)

_PATHS: Final = {
    "base": Function(lambda path: posixpath.basename(path.rstrip("/")) or ("/" if path else "."), _ONE),
    "dir": Function(directory, _ONE),
    "ext": Function(lambda path: (re.search(r"\.[^./]*$", path) or [""])[0], _ONE),
    "clean": Function(clean_path, _ONE),
    "isAbs": Function(lambda path: path.startswith("/"), _ONE),
}

FUNCTIONS: Final = {
    **_PATHS,
    **{f"os{name[0].upper()}{name[1:]}": function for name, function in _PATHS.items()},
    "toJson": Function(to_json, _ANY),
    "mustToJson": Function(to_json, _ANY),
    "toPrettyJson": Function(lambda value: to_json(value, spaces=2), _ANY),
    "mustToPrettyJson": Function(lambda value: to_json(value, spaces=2), _ANY),
    "toRawJson": Function(lambda value: to_json(value, html=False), _ANY),
    "mustToRawJson": Function(lambda value: to_json(value, html=False), _ANY),
    "fromJson": Function(from_json_or_nothing, _ONE),
    "mustFromJson": Function(from_json, _ONE),
    "b64enc": Function(lambda text: base64.b64encode(_data(text)).decode(), _ONE),
    "b64dec": Function(_decoder(lambda text: base64.b64decode(text, validate=True)), _ONE),
    "b32enc": Function(lambda text: base64.b32encode(_data(text)).decode(), _ONE),
    "b32dec": Function(_decoder(base64.b32decode), _ONE),
    "sha1sum": Function(lambda text: hashlib.sha1(_data(text), usedforsecurity=False).hexdigest(), _ONE),
    "sha256sum": Function(lambda text: hashlib.sha256(_data(text)).hexdigest(), _ONE),
    "sha512sum": Function(lambda text: hashlib.sha512(_data(text)).hexdigest(), _ONE),
    "adler32sum": Function(lambda text: str(zlib.adler32(_data(text))), _ONE),
    "semverCompare": Function(version_satisfies, ("string", "string")),
}
"""By name."""
