"""Changes of headers, as routes and weighted clusters carry them.

In: `Headers` of a VirtualService. Out: the keyword arguments of a `Route` or `ClusterWeight`, and the authority that a
request header operation on `:authority` or `host` stands for. Source: xDS behaviour 5.5 (Headers).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption

from pilot.generators.envoy.operators import header_value_error
from pilot.model.virtual_service import HeaderOperations, Headers

_AUTHORITY: Final = (":authority", "host")
_NO_OPERATIONS: Final = HeaderOperations()
_OVERWRITE: Final = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND: Final = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
_NAME: Final = re.compile(r":?[\w!#$%&'*+.^`|~-]+", re.ASCII)
_LINE: Final = re.compile(r"[^\x00\r\n]*")


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Operations in Envoy's form; lists of several levels are put one after the other."""

    request_add: tuple[Any, ...] = ()
    request_remove: tuple[str, ...] = ()
    response_add: tuple[Any, ...] = ()
    response_remove: tuple[str, ...] = ()
    authority: str = ""

    def then(self, other: "HeaderChanges") -> "HeaderChanges":
        """Both, this one's first; its authority holds."""
        return HeaderChanges(
            self.request_add + other.request_add,
            self.request_remove + other.request_remove,
            self.response_add + other.response_add,
            self.response_remove + other.response_remove,
            self.authority or other.authority,
        )

    def fields(self) -> Mapping[str, Any]:
        """As keyword arguments."""
        return {
            "request_headers_to_add": self.request_add,
            "request_headers_to_remove": self.request_remove,
            "response_headers_to_add": self.response_add,
            "response_headers_to_remove": self.response_remove,
        }


NO_CHANGES: Final = HeaderChanges()


def header_changes(headers: Headers | None) -> HeaderChanges:
    """What to do to requests and responses."""
    if headers is None:
        return NO_CHANGES
    request = headers.request or _NO_OPERATIONS
    response = headers.response or _NO_OPERATIONS
    return HeaderChanges(
        tuple(_options(request)),
        tuple(name for name in request.remove if not _is_reserved(name)),
        tuple(_options(response)),
        tuple(name for name in response.remove if not _is_reserved(name)),
        _authority(request),
    )


def _options(operations: HeaderOperations) -> Iterator[Any]:
    for changes, action in ((operations.set, _OVERWRITE), (operations.add, _APPEND)):
        for name, value in sorted(changes.items()):
            if not _is_reserved(name):
                yield HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action)


def _is_reserved(name: str) -> bool:
    """Envoy refuses to change pseudo headers and `host` in this way."""
    return name.startswith(":") or name.lower() == "host"


def _authority(operations: HeaderOperations) -> str:
    for changes in (operations.set, operations.add):
        for name in _AUTHORITY:
            for given, value in changes.items():
                if given.lower() == name:
                    return value
    return ""


def is_one_line(text: str) -> bool:
    """Whether Envoy takes the text as (part of) a header: without NUL and line ends."""
    return _LINE.fullmatch(text) is not None


def header_errors(headers: Headers | None) -> Iterator[tuple[str, str]]:
    """What Envoy would refuse: (field, reason)."""
    if headers is None:
        return
    for direction, operations in (("request", headers.request), ("response", headers.response)):
        if operations is None:
            continue
        for kind, changes in (("set", operations.set), ("add", operations.add)):
            for name, value in changes.items():
                yield from _errors(f"headers.{direction}.{kind}[{name}]", name, value)
        for name in operations.remove:
            yield from _errors(f"headers.{direction}.remove", name, "")


def _errors(field: str, name: str, value: str) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(name):
        yield field, f"expected a header name, got {name!r}"
    if not is_one_line(value):
        yield field, "expected a value on one line"
    error = header_value_error(value)
    if error:
        yield field, error
