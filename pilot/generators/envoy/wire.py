"""Protobuf messages put together from serialized pieces: messages concatenate, so a piece is made once and kept.

In: field numbers and bytes. Out: bytes that parse as the message. Does not look into the pieces.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pilot.generators.envoy.packing import PREFIX, pack
from pilot.resources import varint
from pilot.view.proxy import Flavour


@lru_cache(maxsize=64)
def _tag(number: int) -> bytes:
    return varint(number << 3 | 2)


def embed(number: int, value: bytes) -> bytes:
    """A length-delimited field: an embedded message, or bytes."""
    return b"".join((_tag(number), varint(len(value)), value))


def embed_all(number: int, values: Iterable[bytes]) -> bytes:
    """A repeated field of embedded messages."""
    return b"".join([embed(number, value) for value in values])


def text(number: int, value: str) -> bytes:
    """A string field; the empty string is left out, as proto3 does."""
    return embed(number, value.encode()) if value else b""


def serialize(message: Any) -> bytes:
    """The bytes of a message; equal messages give equal bytes."""
    return bytes(message.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class Extension:
    """A named extension with its configuration: an HTTP, network or listener filter, a logger.

    `url` is the configuration type that a proxy must list to be sent this (inside TypedStruct: the type within).
    """

    name: str
    url: str
    body: bytes
    """Serialized message whose field 1 is the name; the field of `typed_config` depends on the kind of extension."""
    required: bool = False
    """Without it more would be allowed than is meant: a proxy that lacks it must refuse the whole."""


FILTER_CONFIG = 4
"""Field of `typed_config` in HTTP and network filters and in access loggers."""
LISTENER_FILTER_CONFIG = 3


def extension(
    name: str, config: Any, *, field: int = FILTER_CONFIG, extra: bytes = b"", required: bool = False
) -> Extension:
    """An extension with a configuration message; `extra` are further fields, serialized."""
    made = packed(name, PREFIX + str(config.DESCRIPTOR.full_name), pack(config), field=field, extra=extra)
    return replace(made, required=True) if required else made


def packed(name: str, url: str, config: Any, *, field: int = FILTER_CONFIG, extra: bytes = b"") -> Extension:
    """An extension whose configuration is an `Any` already; `url` is the type that a proxy must list."""
    return Extension(name, url, text(1, name) + embed(field, serialize(config)) + extra)


def supported(extensions: Iterable[Extension | None], flavour: Flavour) -> tuple[Extension, ...]:
    """Those that are there and that this proxy binary has, in order, and those that it must have."""
    return tuple(each for each in extensions if each is not None and (each.required or flavour.has(each.url)))
