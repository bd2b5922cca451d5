"""Protobuf `Any` values: the containers of every extension's configuration.

In: a message, or a type URL with JSON-like fields. Out: `google.protobuf.Any`, serialized deterministically, so that
equal configuration has equal bytes. Whole resources are packed by `pilot/resources.py`.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from udpa.type.v1 import typed_struct_pb2

PREFIX = "type.googleapis.com/"


def pack(message: Any) -> AnyMessage:
    """The `Any` around a message."""
    return AnyMessage(
        type_url=PREFIX + message.DESCRIPTOR.full_name, value=message.SerializeToString(deterministic=True)
    )


def typed_struct(type_url: str, fields: Mapping[str, object]) -> AnyMessage:
    """The `Any` around a `udpa.type.v1.TypedStruct`: configuration of a filter whose message we do not have.

    `type_url` with or without its prefix.
    """
    url = type_url if type_url.startswith(PREFIX) else PREFIX + type_url
    return pack(typed_struct_pb2.TypedStruct(type_url=url, value=struct(fields)))


def struct(fields: Mapping[str, object]) -> Struct:
    """A `Struct` of strings, numbers, booleans, nulls, mappings and sequences of such."""
    return Struct(fields={key: value(each) for key, each in fields.items()})


def value(content: object) -> Value:
    """The `Value` of one such thing. Raises: TypeError for anything else."""
    match content:
        case None:
            return Value(null_value=NULL_VALUE)
        case str():
            return Value(string_value=content)
        case bool():
            return Value(bool_value=content)
        case int() | float():
            return Value(number_value=content)
        case Mapping():
            return Value(struct_value=struct(content))
        case list() | tuple():
            return Value(list_value=ListValue(values=[value(each) for each in content]))
        case _:
            raise TypeError(f"a struct holds JSON values, got {type(content).__name__}")
