"""Merging of a patch into a message, by protobuf's rules.

In: two messages. Out: the first one, changed. Scalars replace, messages merge, lists append, entries of maps replace;
durations replace as a whole; configurations in `Any`s of one type merge inside. A false or zero in a wrapper is
protobuf's default and does not change what is there. Source: xDS behaviour 7.1 ("Merge").
"""

from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from pilot.generators.patching.messages import configuration_type, find_message, unpack

_DURATION: Final = "google.protobuf.Duration"
_ANY: Final = "google.protobuf.Any"


class MergeError(Exception):
    """Two configurations of different types cannot be merged."""


def merge(target: Any, patch: Any) -> None:
    """Merges `patch` into `target`, a message of the same class. Raises: MergeError."""
    for field, value in patch.ListFields():
        if _is_map(field):
            _merge_map(getattr(target, field.name), value)
        elif field.is_repeated:
            getattr(target, field.name).extend(value)
        elif not isinstance(value, Message):
            setattr(target, field.name, value)
        else:
            _merge_message(target, field.name, value)


def _merge_message(target: Any, name: str, value: Any) -> None:
    kind, there = value.DESCRIPTOR.full_name, getattr(target, name)
    if kind == _DURATION or not target.HasField(name):
        there.CopyFrom(value)
        there.SetInParent()
    elif kind == _ANY:
        there.CopyFrom(merged_any(there, value) if there.type_url == value.type_url else value)
    else:
        merge(there, value)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _merge_map(target: Any, value: Any) -> None:
    for key, each in value.items():
        if not isinstance(each, Message):
            target[key] = each
        elif isinstance(each, AnyMessage) and key in target and target[key].type_url == each.type_url:
            target[key].CopyFrom(merged_any(target[key], each))
        else:
            target[key].CopyFrom(each)


def merged_any(target: Any, patch: Any) -> Any:
    """The configuration with the patch in it. Raises: MergeError where they are of different types."""
    there, wanted = _as_message(target), _as_message(patch)
    if there is None or wanted is None or there.DESCRIPTOR.full_name != wanted.DESCRIPTOR.full_name:
        expected, got = configuration_type(target), configuration_type(patch)
        raise MergeError(f"expected a configuration of type {expected} to merge, got {got}")
    if there.DESCRIPTOR.full_name.endswith(".TypedStruct") and there.type_url != wanted.type_url:
        raise MergeError(f"expected a configuration of type {there.type_url} to merge, got {wanted.type_url}")
    merge(there, wanted)
    return AnyMessage(
        type_url=target.type_url if not _wraps_known(target) else f"type.googleapis.com/{there.DESCRIPTOR.full_name}",
        value=there.SerializeToString(deterministic=True),
    )


def _wraps_known(container: Any) -> bool:
    return bool(container.type_url.endswith(".TypedStruct")) and find_message(configuration_type(container)) is not None


def _as_message(container: Any) -> Any | None:
    """The message of a configuration; of a TypedStruct the message it stands for, where that is known."""
    made = unpack(container)
    if made is None or not container.type_url.endswith(".TypedStruct"):
        return made
    kind = find_message(made.type_url)
    if kind is None:
        return made
    try:
        return json_format.ParseDict(json_format.MessageToDict(made.value), kind(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError):
        return made
