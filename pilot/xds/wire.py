"""Response bytes made by hand from resources that are ready bytes: no protobuf object is built for a stream.

In: resources, names, a version. Out: the serialized response without its nonce, and the bytes of a nonce; protobuf
messages concatenate, so `body + nonce` is the whole message. Field numbers are those of
envoy.service.discovery.v3.{DiscoveryResponse,DeltaDiscoveryResponse,Resource}; tests parse what is made here.
"""

from collections.abc import Iterable

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


def encode_sotw(type_url: TypeUrl, version: str, resources: Iterable[Resource]) -> bytes:
    """A DiscoveryResponse without nonce."""
    parts = [*_text(_VERSION, version)]
    for each in resources:
        parts += (_RESOURCES, varint(len(each.body)), each.body)
    parts += _text(_TYPE_URL, type_url)
    return b"".join(parts)


def encode_delta(
    type_url: TypeUrl, version: str, resources: Iterable[tuple[Resource, str]], removed: Iterable[str]
) -> bytes:
    """A DeltaDiscoveryResponse without nonce; each resource comes with the version that the client is to remember."""
    parts = [*_text(_VERSION, version)]
    for resource, resource_version in resources:
        entry = _entry(resource, resource_version)
        parts += (_RESOURCES, varint(len(entry)), entry)
    parts += _text(_TYPE_URL, type_url)
    for name in removed:
        parts += _text(_REMOVED_RESOURCES, name)
    return b"".join(parts)


def encode_nonce(nonce: str) -> bytes:
    """The nonce field of either response, to be appended to it."""
    return b"".join(_text(_NONCE, nonce))


def _entry(resource: Resource, version: str) -> bytes:
    aliases = [part for alias in resource.aliases for part in _text(_RESOURCE_ALIASES, alias)]
    return b"".join(
        (
            *_text(_RESOURCE_VERSION, version),
            *(_RESOURCE_ANY, varint(len(resource.body)), resource.body),
            *_text(_RESOURCE_NAME, resource.name),
            *aliases,
        )
    )


def _text(tag: bytes, value: str) -> tuple[bytes, bytes, bytes]:
    data = value.encode()
    return tag, varint(len(data)), data
