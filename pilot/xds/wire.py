"""Response bytes made by hand from resources that are ready bytes: no protobuf object is built for a stream.

In: resources, names, a version. Out: serialized parts of a response; protobuf messages concatenate, so frame, resources
and nonce, in whatever order and in however many pieces, are the whole message. Field numbers are those of
envoy.service.discovery.v3.{DiscoveryResponse,DeltaDiscoveryResponse,Resource}; tests parse what is made here.
"""

from collections.abc import Iterable
from typing import Final

from pilot.resources import Resource, varint
from pilot.type_urls import TypeUrl

# A tag is (field number << 3) | 2: every field here is length-delimited.
_VERSION = b"\x0a"  # 1: version_info, system_version_info
_RESOURCES = b"\x12"  # 2
_TYPE_URL = b"\x22"  # 4
_NONCE = b"\x2a"  # 5
_REMOVED_RESOURCES = b"\x32"  # 6, delta only

_RESOURCE_VERSION = b"\x0a"  # 1
_RESOURCE_ANY = b"\x12"  # 2
_RESOURCE_NAME = b"\x1a"  # 3
_RESOURCE_ALIASES = b"\x22"  # 4


def encode_frame(type_url: TypeUrl, version: str, removed: Iterable[str] = ()) -> bytes:
    """Either response without resources and nonce; `removed` only exists in a DeltaDiscoveryResponse."""
    parts = [*_text(_VERSION, version), *_text(_TYPE_URL, type_url)]
    for name in removed:
        parts += _text(_REMOVED_RESOURCES, name)
    return b"".join(parts)


def encode_sotw(resources: Iterable[Resource]) -> bytes:
    """The resources of a DiscoveryResponse."""
    return b"".join([part for each in resources for part in (_RESOURCES, varint(len(each.body)), each.body)])


def encode_delta(resources: Iterable[Resource], versions: Iterable[str]) -> bytes:
    """The resources of a DeltaDiscoveryResponse, each with the version that the client is to remember."""
    return b"".join(
        [
            part
            for resource, version in zip(resources, versions, strict=True)
            for part in around_delta(resource, version)
        ]
    )


def around_sotw(resource: Resource) -> tuple[bytes, bytes, bytes]:
    """What `encode_sotw` makes of one resource, in pieces: the second one is its body itself, not a copy."""
    return _RESOURCES + varint(len(resource.body)), resource.body, b""


def around_delta(resource: Resource, version: str) -> tuple[bytes, bytes, bytes]:
    """What `encode_delta` makes of one resource, in pieces: the second one is its body itself, not a copy."""
    before, after = _entry_around(resource, version)
    size = len(before) + len(resource.body) + len(after)
    tag = _LENGTHS[size] if size < len(_LENGTHS) else varint(size)
    return b"".join((_RESOURCES, tag, before)), resource.body, after


def encode_nonce(nonce: str) -> bytes:
    """The nonce field of either response, to be appended to it."""
    return b"".join(_text(_NONCE, nonce))


def encode_identifier(identifier: str, number: int) -> bytes:
    """The field `control_plane` of either response, which is of another number in each."""
    message = b"".join(_text(b"\x0a", identifier))
    return b"".join((bytes([number << 3 | 2]), varint(len(message)), message))


def _entry_around(resource: Resource, version: str) -> tuple[bytes, bytes]:
    """A message `Resource` up to its body, and from there on."""
    name, told = resource.name.encode(), version.encode()
    before = b"".join((_RESOURCE_VERSION, _length(told), told, _RESOURCE_ANY, _length(resource.body)))
    if not resource.aliases:
        return before, b"".join((_RESOURCE_NAME, _length(name), name))
    aliases = [part for alias in resource.aliases for part in _text(_RESOURCE_ALIASES, alias)]
    return before, b"".join((_RESOURCE_NAME, _length(name), name, *aliases))


def _text(tag: bytes, value: str) -> tuple[bytes, bytes, bytes]:
    data = value.encode()
    return tag, _length(data), data


_LENGTHS: Final = tuple(varint(number) for number in range(16_384))
"""Of all that two bytes can tell: most resources, and every name."""


def _length(data: bytes) -> bytes:
    size = len(data)
    return _LENGTHS[size] if size < len(_LENGTHS) else varint(size)
