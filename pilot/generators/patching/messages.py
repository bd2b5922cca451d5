"""Envoy messages out of the JSON that people write in patches.

In: JSON values and the message they are to be. Out: the message, and what did not fit. The type of an `@type` is found
by its package; one that nobody here knows travels as a TypedStruct, which Envoy reads as the type it names.
Source: xDS behaviour 7.1 (values).
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError, EncodeError

from pilot.generators.envoy.packing import PREFIX
from pilot.validation.envoy_message import message_class

_TYPED_STRUCT: Final = PREFIX + "udpa.type.v1.TypedStruct"
_LONGEST = 200  # of what is told about a value
_DEEPEST: Final = 90
"""protobuf's own limit is 100."""
_WRONG: Final = (json_format.ParseError, TypeError, ValueError, AttributeError, KeyError, DecodeError, EncodeError)


def find_message(type_url: str) -> Any | None:
    """The message class of a type URL, with or without its prefix; None where nobody here knows it."""
    return message_class(type_url.rpartition("/")[2])


def parse_message(kind: Any, value: Mapping[str, object]) -> tuple[Any | None, str]:
    """The message of class `kind`, and what of the value does not fit; None where nothing can be made of it.

    Fields that the message does not have are left out: newer Envoys may have had them.
    """
    try:
        known = _resolve(value, _DEEPEST)
        return json_format.ParseDict(known, kind()), ""
    except _WRONG as error:
        fault = _words(error)
    try:
        return json_format.ParseDict(_resolve(value, _DEEPEST), kind(), ignore_unknown_fields=True), fault
    except _WRONG as error:
        return None, _words(error)


def _words(error: Exception) -> str:
    return str(error)[:_LONGEST] or type(error).__name__


def _resolve(value: object, depth: int) -> Any:
    """The JSON with every `@type` loaded, or wrapped where it is not known. Raises: ValueError if it is too deep."""
    if not depth:
        raise ValueError(f"expected values nested {_DEEPEST} deep at most")
    if isinstance(value, Mapping):
        url = value.get("@type")
        inner = {key: _resolve(each, depth - 1) for key, each in value.items()}
        if isinstance(url, str) and find_message(url) is None:
            fields = {key: each for key, each in inner.items() if key != "@type"}
            return {"@type": _TYPED_STRUCT, "typeUrl": url, "value": fields}
        return inner
    if isinstance(value, list | tuple):
        return [_resolve(each, depth - 1) for each in value]
    return value


def unpack(container: Any) -> Any | None:
    """The message in an `Any`; None where its type is not known, or its bytes are none of it."""
    kind = find_message(container.type_url)
    if kind is None:
        return None
    try:
        return kind.FromString(container.value)
    except DecodeError:
        return None


def configuration_type(container: Any) -> str:
    """The type URL of an extension's configuration; of a TypedStruct, the one within."""
    if container.type_url.endswith(".TypedStruct"):
        inner = unpack(container)
        if inner is not None:
            return str(inner.type_url)
    return str(container.type_url)
